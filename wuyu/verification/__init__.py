"""How good what was told was: the record of real life from the ledger, its score card, and the warning budget."""
