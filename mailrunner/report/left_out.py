"""Rows that are left out, as a list that can be corrected: its own columns, and where and why for each row.

Cells stand there as they were, but for those that a spreadsheet would run: they are read back exactly.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from mailrunner.recipients.csv_injection import defused
from mailrunner.report.recipients_again import REASON

_ROW, _CELL = "mailrunner_row", "mailrunner_cell"


class LeftOutWriter:
    """Writes CSV with a header to `out`, which is UTF-8.

    `own` are the list's columns, among `columns`, which the rows have.  Columns of an earlier such file are
    replaced.
    """

    def __init__(self, out: TextIO, own: Sequence[str], columns: Sequence[str]) -> None:
        kept = [name for name in own if name not in (_ROW, _CELL, REASON)]
        self._places = [columns.index(name) for name in kept]
        self._writer = csv.writer(out, lineterminator="\n")
        self._writer.writerow([*map(defused, kept), _ROW, _CELL, REASON])

    def write(self, values: Sequence[str], *, row: int, cell: str, reason: str) -> None:
        """Write one row: its cells, its number in the list, the cell at fault, and the reason."""
        own = (values[place] for place in self._places)
        self._writer.writerow([defused(text) for text in (*own, str(row), cell, reason)])
