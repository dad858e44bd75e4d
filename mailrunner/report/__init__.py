"""A campaign's report: the outcome for each recipient, as a page, as a table, and as a list to send to again.

    columns.py           the values of a row          files.py        CSV, JSON, Excel and Parquet
    recipients_again.py  failed rows as a list again  page.py         one HTML page to read and print
    summary.py           the numbers of a campaign    short.py        these numbers for a terminal
    charts.py            numbers over time as SVG     rates.py        bounces and the limits of providers
    output_file.py       stdout, or an atomic file

Everything here is streamed from a `Reading` of the ledger; nothing else of the campaign is needed.
"""
