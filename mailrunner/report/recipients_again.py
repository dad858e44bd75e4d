"""Rows of a campaign as a list to send to again: its own columns, and the reason for each row.

Cells stand there as they were, but for those that a spreadsheet would run: they are read back exactly.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from mailrunner.errors import Problem, UserError
from mailrunner.model.delivery import State
from mailrunner.recipients.csv_injection import defused
from mailrunner.store.report_rows import Reading, ReportRow

REASON = "mailrunner_reason"


def rows_again(reading: Reading, state: State) -> Iterator[ReportRow]:
    """The rows in `state`; raises UserError where `purge` has deleted their cells."""
    if reading.has_purged_rows(state):
        raise UserError(
            Problem(
                "the cells of these rows were deleted (mailrunner purge), so they cannot be a list again",
                hint="the report without --failed and --in-doubt still has every address and outcome",
            )
        )
    return reading.rows(state)


def write_list(rows: Iterable[ReportRow], out: TextIO, *, columns: Sequence[str]) -> None:
    """Write CSV that a campaign can use as its list; `out` is UTF-8.

    A row that was stored before a column was added gets an empty cell there.  A column that is called
    `mailrunner_reason`, from an earlier report, is replaced.
    """
    kept = [place for place, name in enumerate(columns) if name != REASON]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(columns[place] for place in kept), REASON])
    for row in rows:
        cells = row.values
        own = (cells[place] if place < len(cells) else "" for place in kept)
        writer.writerow([defused(cell) for cell in (*own, row.reason)])
