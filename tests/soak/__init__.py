"""Random operations on one project, for as long as wanted; after each the ledger is held against the servers.

`docs/reliability.md` says what is checked.  A few fixed seeds are part of every test run; the long form:

    python -m tests.soak --minutes 10 --seed 1            # prints the seed and the step of a failure
    python -m tests.soak --seed 1 --steps 37              # shows it again
"""
