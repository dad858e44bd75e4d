"""A campaign's report: what became of every recipient, for people, for programs, and as a list again.

    columns.py      what a row of the report says      files.py         CSV, JSON and Excel
    sublist.py      failed rows as a list again        page.py          one page to read and print
    destination.py  where a report is written

Everything here is streamed from a `Reading` of the ledger; nothing else of the campaign is needed.
"""
