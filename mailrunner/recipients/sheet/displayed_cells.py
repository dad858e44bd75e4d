"""The look of one sheet: cells as it shows them, and what is hidden, merged, wrong or not calculated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

_NAMED = 5  # cells that a sentence names


class CellRange(NamedTuple):
    """A rectangle of cells, its edges counted from 1 and part of it."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"{cell_name(self.top, self.left)}:{cell_name(self.bottom, self.right)}"


class ShownTexts(Protocol):
    """The texts of cells whose value is not what the sheet shows."""

    def replace(self, row: int, values: Sequence[Any], texts: list[str], raw: frozenset[int]) -> None:
        """Put them into `texts`, those of the row's `values`, but not into the columns `raw` (from 1)."""


@dataclass(slots=True)
class SheetLook:
    """Rows and columns are counted from 1.

    `errors` are the texts of formula errors by cell; `struck` are cells with text that is struck through.
    """

    shown: ShownTexts | None = None
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[CellRange] = field(default_factory=list)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    uncalculated: list[tuple[int, int]] = field(default_factory=list)
    struck: list[tuple[int, int]] = field(default_factory=list)
    _by_row: dict[int, list[tuple[int, str]]] = field(default_factory=dict)

    def texts(self, row: int, values: Sequence[Any], texts: list[str], raw: frozenset[int]) -> list[str]:
        """The texts of a row as the sheet shows them; given are its values, and those as plain text."""
        if self.shown is not None:
            self.shown.replace(row, values, texts, raw)
        for column, text in self._errors_by_row.get(row, ()) if self.errors else ():
            if column <= len(texts):
                texts[column - 1] = text
        return texts

    @property
    def _errors_by_row(self) -> dict[int, list[tuple[int, str]]]:
        if not self._by_row:
            for (row, column), text in self.errors.items():
                self._by_row.setdefault(row, []).append((column, text))
        return self._by_row

    def merged_over(self, row: int, column: int) -> CellRange | None:
        """The merged cells of which this one is not the first; None where it stands alone."""
        for area in self.merged:
            inside = area.top <= row <= area.bottom and area.left <= column <= area.right
            if inside and (row, column) != (area.top, area.left):
                return area
        return None

    def remarks(self, first_row: int, last_column: int) -> Iterator[str]:
        """Sentences about cells of the list, which begins with `first_row`."""
        errors = {at: text for at, text in self.errors.items() if _within(at, first_row, last_column)}
        if errors:
            named = [f"{cell_name(*at)} ({text})" for at, text in errors.items()]
            yield f"formula errors: {_some(named)}; a message that needs such a cell is left out"
        empty = [cell_name(*at) for at in self.uncalculated if _within(at, first_row, last_column)]
        if empty:
            yield (
                f"formulas without a result: {_some(empty)}; they count as empty. Open the file in a "
                "spreadsheet program and save it, and they are calculated"
            )
        areas = [str(a) for a in self.merged if _within((a.bottom, a.left), first_row, last_column)]
        if areas:
            yield f"merged cells: {_some(areas)}; their value counts for the first cell, the others are empty"
        struck = sorted(
            {row for row, column in self.struck if _within((row, column), first_row, last_column)}
        )
        if struck:
            yield (
                f"cells struck through in row {_some([str(row) for row in struck])}: they are read like any "
                "other; delete the rows of recipients who should get no message"
            )


def _within(at: tuple[int, int], first_row: int, last_column: int) -> bool:
    return at[0] >= first_row and at[1] <= last_column


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def cell_name(row: int, column: int) -> str:
    """The name of a cell as a sheet writes it: `cell_name(7, 2)` is "B7"."""
    return f"{column_name(column)}{row}"


def column_name(column: int) -> str:
    """The signs of a column: 1 is "A", 27 is "AA"."""
    signs = ""
    while column:
        column, rest = divmod(column - 1, 26)
        signs = chr(65 + rest) + signs
    return signs


def column_number(name: str) -> int:
    """The number of the column in the name of a cell: that of "B7" is 2."""
    number = 0
    for sign in name:
        if not sign.isalpha():
            break
        number = number * 26 + ord(sign.upper()) - 64
    return number


def first_of(attributes: Mapping[str, str], name: str) -> str:
    """An attribute by its local name, whatever its prefix is; "" where it is not there."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), "")
