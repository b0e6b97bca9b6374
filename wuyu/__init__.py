"""The operations desk: feeds in, one warning cycle, the ledger, delivery out, and the command line."""
