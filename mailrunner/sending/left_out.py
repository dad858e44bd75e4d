"""Rows that a run would not send to: where each stands in the list, and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from mailrunner.recipients.reader import RecipientList, RecipientRow
from mailrunner.recipients.source import Source


class LeftOutKind(StrEnum):
    """The causes, in the words of `check`."""

    INVALID = "invalid row"
    DUPLICATE = "duplicate address"
    SUPPRESSED = "suppressed"
    FAILING = "would fail"


class LeftOutRow(NamedTuple):
    """One such row: its number, the cell at fault as the user finds it, its address as written, its cells."""

    row: int
    cell: str
    address: str
    kind: LeftOutKind
    reason: str
    values: Sequence[str]

    @property
    def place(self) -> str:
        """ "row 7", and in a sheet the cell too: "row 7, cell B7"."""
        in_sheet = self.cell.endswith(str(self.row)) and self.cell[:1].isupper()
        return f"row {self.row}, cell {self.cell}" if in_sheet else f"row {self.row}"


def left_out_row(
    source: Source, recipients: RecipientList, row: RecipientRow, kind: LeftOutKind, reason: str
) -> LeftOutRow:
    """The row as it is shown; the cell at fault is the one that the reason names, else the address's."""
    named = (column for column in recipients.columns if f"{column}: " in reason)
    column = next(named, "") if kind is LeftOutKind.FAILING else recipients.faulty_column(row)
    cell = source.cell(row.row, column or recipients.address_column)
    return LeftOutRow(row.row, cell, row.address, kind, reason, row.values)
