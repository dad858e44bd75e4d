"""The column with the addresses: cells with several of them, and names that stand before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

from mailrunner.model.written_address import SeveralAddressesError, read_address, read_addresses
from mailrunner.recipients.formula_error import formula_error, is_formula_error
from mailrunner.recipients.source import Row, Source

Several = Literal["first", "all"]

_CHOICE = 'keep one, or set several = "first" or "all" in [recipients]'


class AddressColumn:
    """Reads the address cells of rows as a list's keys say.

    With `several` "first" a row is read as if its cell held the first address alone, with "all" it is a row
    for each of them; None leaves it as it is.  `adds_name` appends the name before the address as a cell.
    """

    def __init__(self, place: int, several: Several | None, *, adds_name: bool) -> None:
        self._place, self._several, self._adds_name = place, several, adds_name

    def read(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows with these changes; the same iterator where there is nothing to change."""
        if self._adds_name:
            rows = self._with_names(rows)
        return self._spread(rows) if self._several else rows

    def _with_names(self, rows: Iterator[Row]) -> Iterator[Row]:
        for number, values in rows:
            yield number, (*values, _name_in(values[self._place]))

    def _spread(self, rows: Iterator[Row]) -> Iterator[Row]:
        place = self._place
        for number, values in rows:
            if values[place].count("@") + values[place].count("＠") < 2:
                yield number, values
                continue
            for cell in self._chosen(values[place]):
                yield number, (*values[:place], cell, *values[place + 1 :])

    def _chosen(self, cell: str) -> list[str]:
        try:
            read_address(cell)
        except SeveralAddressesError as several:
            found = several.found if self._several == "all" else several.found[:1]
            return [one.written for one in found]
        except ValueError:
            return [cell]
        return [cell]


def has_names(source: Source, column: str) -> bool:
    """True for a list without a column `name` whose first rows have names before the addresses."""
    columns = source.columns
    if column not in columns or any(name.casefold() == "name" for name in columns):
        return False
    place = columns.index(column)
    return any(_name_in(values[place]) for _, values in source.sample())


def reason(cell: str, error: ValueError) -> str:
    """Why a row with this address cell is left out, with the choice that there is."""
    if is_formula_error(cell):
        return formula_error(cell)
    return f"{error}: {_CHOICE}" if isinstance(error, SeveralAddressesError) else str(error)


def _name_in(cell: str) -> str:
    """The name that stands before the address of a cell; of several, before the first; else ""."""
    if "<" in cell or "[" in cell:
        with suppress(ValueError):
            return read_addresses(cell)[0].name
    return ""
