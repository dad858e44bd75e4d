"""Crash tests: a run is killed with SIGKILL, begun again to the end, and held against the server's record.

`docs/reliability.md` says what is counted.  A few dozen kills are part of every test run; the long
form prints a table:

    python -m tests.crash --kills 600 --seed 1
"""
