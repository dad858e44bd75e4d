"""Several machines on one ledger: processes whose way to the database can be cut, and what is counted then.

    make machines                                the table of docs/machines.md
    python -m tests.machines --recipients 600    a quick look

A machine is a project folder, a process, an SMTP server that counts what it sends, and a proxy between
it and PostgreSQL.  A cut freezes the proxy, and after eleven seconds resets its connections, as the
time-outs of both ends do where packets are lost.
"""
