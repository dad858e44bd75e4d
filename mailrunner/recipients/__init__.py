"""Recipient lists: CSV, Excel, Parquet or SQL as one table of text, and what its columns mean.

`formats.open_source` opens the list that a campaign file names as a `Source`; each format is read in the
module of its name.  `reader` makes recipients of its rows.
"""
