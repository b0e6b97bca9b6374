"""The register in force: the newest version of a district folder that passed its check, kept beside the ledger."""
