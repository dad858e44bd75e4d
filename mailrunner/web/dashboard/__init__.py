"""The dashboard: pages of the ledger for its operator, on a socket of their own.

It shows, and changes the ledger as the commands do; it never sends.  `web.gate` stands before every
page, `statistics_keeper` counts in the background what a page could not wait for.
"""
