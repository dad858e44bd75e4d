"""`mailrunner ledger`: the commands of the ledger itself, one module for each."""
