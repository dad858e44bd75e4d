"""A campaign's report: the outcome for each recipient, as a page, as a table, and as a list to send to again.

    columns.py           the values of a row          files.py        CSV, JSON and Excel
    recipients_again.py  failed rows as a list again  page.py         one HTML page to read and print
    output_file.py       stdout, or an atomic file

Everything here is streamed from a `Reading` of the ledger; nothing else of the campaign is needed.
"""
