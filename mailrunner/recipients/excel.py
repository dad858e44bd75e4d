"""Sheets of Excel and OpenDocument files as lists.

A cell is read as the sheet shows it ("01067", "31.12.2026"); one of a typed column by its value, for
`cell.from_text`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.heading import heading_name
from mailrunner.recipients.sheet.displayed_cells import SheetLook, cell_name, column_name
from mailrunner.recipients.sheet.file_look import look_of
from mailrunner.recipients.sheet.raw_values import SheetValues, read_values
from mailrunner.recipients.source import HeadedFile

if TYPE_CHECKING:
    import pandas

_NAMED = 5  # rows and columns that a sentence names


class Worksheet(HeadedFile):
    """One sheet of a file: the one named `sheet`, else the first visible one.

    `hidden` says whether hidden rows and columns are read ("take") or not ("skip"); with None a sheet that
    has some is refused.  The columns in `typed` are read by value.
    """

    def __init__(
        self,
        path: Path,
        label: str,
        sheet: str | None,
        *,
        hidden: Literal["skip", "take"] | None = None,
        typed: Collection[str] = (),
        header_row: int | None = None,
        email: str = "",
    ) -> None:
        super().__init__(path, label, header_row=header_row, email=email)
        self._sheet, self._hidden, self._typed = sheet, hidden, frozenset(typed)

    _keeps_columns = True

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        skipped_rows = self._look.hidden_rows if self._hidden == "skip" else ()
        kept = self._kept
        for number, texts in self._shown_rows():
            cells = texts if len(kept) == len(texts) else [texts[place] for place in kept]
            if any(cells) and number not in skipped_rows:
                yield number, cells

    def _shown_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row, blank ones too, as the sheet shows it."""
        look, raw = self._look, frozenset[int]()
        for number, values in enumerate(self._frame.itertuples(index=False, name=None), 1):
            cells = [_without_midnight(cell) for cell in values]
            texts = look.texts(number, cells, list(map(to_text, cells)), raw)
            yield number, texts
            if len(raw) < len(self._typed):  # the heading was not read yet
                named = frozenset(i for i, text in enumerate(texts, 1) if heading_name(text) in self._typed)
                raw = max(raw, named, key=len)

    @cached_property
    def _header(self) -> tuple[int, tuple[str, ...], int]:
        header = super()._header
        rows, columns = self._hidden_parts(header[0])
        # Rows that a filter hides may be meant to be left out or not: the user decides.
        if self._hidden is None and (rows or columns):
            hint = 'set hidden = "skip" in [recipients] to leave them out, or hidden = "take" to use them'
            raise UserError(Problem(f"the sheet has {_named(rows, columns)}", self.label, hint=hint))
        return header

    def _hidden_parts(self, header_row: int) -> tuple[list[int], list[str]]:
        """The hidden rows of the list, and its hidden columns by sign, those that are not empty."""
        look = self._look
        if not (look.hidden_rows or look.hidden_columns):
            return [], []
        below = self._frame.iloc[header_row - 1 :]
        rows = [
            number
            for number, cells in enumerate(below.itertuples(index=False, name=None), header_row)
            if number in look.hidden_rows and any(map(to_text, cells))
        ]
        columns = [
            column_name(place + 1)
            for place in range(self._frame.shape[1])
            if place + 1 in look.hidden_columns and any(map(to_text, below.iloc[:, place].tolist()))
        ]
        return rows, columns

    def cell(self, number: int, column: str) -> str:
        place = self._place_of(column)
        return column if place is None else cell_name(number, place)

    def explain_empty(self, number: int, column: str) -> str:
        place = self._place_of(column)
        area = self._look.merged_over(number, place) if place else None
        if area is None or place is None:
            return ""
        return f"the cell {cell_name(number, place)} is merged with {cell_name(area.top, area.left)}"

    def _place_of(self, column: str) -> int | None:
        """The number of a column in the sheet; None for one that the sheet does not have."""
        return self._heading_names.index(column) + 1 if column in self._heading_names else None

    @cached_property
    def _heading_names(self) -> list[str]:
        """The names as they stand in the sheet, with hidden columns and nameless ones."""
        number = self._header[0]
        return next(
            [heading_name(text) for text in texts] for found, texts in self._shown_rows() if found == number
        )

    def remarks(self) -> list[str]:
        number, names, _ = self._header
        found = super().remarks()
        if others := self._other_sheets():
            message = f'the sheet "{self._values.name}" is read, and not {others}'
            found.append(f"{message} (to read another, set sheet)")
        if nameless := self._nameless(number):
            found.append(f"{nameless} no name in the row of names (row {number}): not read")
        rows, columns = self._hidden_parts(number)
        if rows or columns:
            done = "left out" if self._hidden == "skip" else "used like the others"
            found.append(f'{_named(rows, columns)}: {done}, as hidden = "{self._hidden}" says')
        last = max((place for name in names if (place := self._place_of(name))), default=0)
        return [*found, *self._look.remarks(number + 1, last)]

    def _other_sheets(self) -> str:
        """The visible sheets beside the one read, quoted; "" where there are none or the user chose it."""
        others = [f'"{name}"' for name in self._values.visible if name != self._values.name]
        return ", ".join(others) if self._sheet is None else ""

    def _empty_hint(self) -> str:
        return self.elsewhere() or super()._empty_hint()

    def elsewhere(self) -> str:
        others = self._other_sheets()
        read = f'the sheet "{self._values.name}" is read'
        return f"{read}; for another set sheet in [recipients]: {others}" if others else ""

    def _nameless(self, header_row: int) -> str:
        """ "the column E has" where the heading does not name a column with cells below it; else ""."""
        below = self._frame.iloc[header_row:]
        signs = [
            column_name(place + 1)
            for place in self._kept
            if not to_text(self._frame.iat[header_row - 1, place]).strip()
            and any(map(to_text, below.iloc[:, place].tolist()))
        ]
        if not signs:
            return ""
        listed = ", ".join(signs[:_NAMED]) + (", …" if len(signs) > _NAMED else "")
        return f"the columns {listed} have" if len(signs) > 1 else f"the column {listed} has"

    @property
    def _kept(self) -> list[int]:
        """The places of the columns that are read, from 0."""
        skipped = self._look.hidden_columns if self._hidden == "skip" else ()
        return [place for place in range(self._frame.shape[1]) if place + 1 not in skipped]

    @property
    def _frame(self) -> pandas.DataFrame:
        return self._values.frame

    @cached_property
    def _values(self) -> SheetValues:
        return read_values(self.path, self.label, self._sheet)

    @cached_property
    def _look(self) -> SheetLook:
        return look_of(self.path, self.label, self._values.name)


def _named(rows: Sequence[int], columns: Sequence[str]) -> str:
    """ "3 hidden rows (4, 5, 9) and the hidden column C"."""
    parts = []
    if rows:
        more = ", …" if len(rows) > _NAMED else ""
        listed = ", ".join(map(str, rows[:_NAMED])) + more
        parts.append(f"{len(rows):,} hidden row{'s' if len(rows) > 1 else ''} ({listed})")
    if columns:
        more = ", …" if len(columns) > _NAMED else ""
        plural = "s" if len(columns) > 1 else ""
        parts.append(f"the hidden column{plural} {', '.join(columns[:_NAMED])}{more}")
    return " and ".join(parts)


def _without_midnight(cell: object) -> object:
    """A date as a date: the data frame gives it a time 00:00, which the sheet does not hold."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    return cell
