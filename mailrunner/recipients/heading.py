"""The row of a file that names its columns: not always the first, as many lists have titles above it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

HEADING_ROWS = 60  # rows that are not blank and among which the heading is looked for

Record = tuple[int, Sequence[str]]

_ADDRESS = re.compile(r"[^\s@]@[^\s@]+\.\w")  # not the whole word: it is searched from each sign on
_SHOWN = 3  # titles that a remark quotes
_LONGEST_SHOWN = 60  # characters of each


def heading_name(cell: str) -> str:
    """The name of a column as it is typed: a line break in its cell, as in narrow columns, is a blank."""
    return " ".join(cell.split())


@dataclass(frozen=True, slots=True)
class HeadingRow:
    """The row that names the columns, with its number, and the rows above it that are not blank."""

    row: Record
    titles: tuple[Record, ...]

    @classmethod
    def at(cls, number: int, records: Sequence[Record]) -> HeadingRow | None:
        """The row with this number; None where none of `records` has it."""
        for place, record in enumerate(records):
            if record[0] == number:
                return cls(record, tuple(records[:place]))
        return None

    @property
    def above(self) -> int:
        """The number of rows above it that are not blank."""
        return len(self.titles)

    def remarks(self) -> list[str]:
        """What is skipped, for the user; nothing where it is the first row that is not blank."""
        titles = list(filter(None, (_text(cells) for _, cells in self.titles)))
        if not titles:
            return []
        quoted = ", ".join(f'"{title}"' for title in titles[:_SHOWN])
        more = ", …" if len(titles) > _SHOWN else ""
        return [
            f"the columns are named in row {self.row[0]}; above it stands {quoted}{more}, which is skipped "
            "(if that is wrong, set header_row)"
        ]


def find_heading(records: Sequence[Record], email: str) -> HeadingRow:
    """Find it among the first rows that are not blank, of which there is one at least.

    It is the first row that has a cell called `email`.  Where none has, it is, of the rows above the first
    address of the list, the one with most cells that are not empty: a title is shorter than a heading.
    """
    for place, (_, cells) in enumerate(records):
        if email and heading_name(email) in map(heading_name, cells):
            return HeadingRow(records[place], tuple(records[:place]))
    place = _fullest_above_addresses(records)
    return HeadingRow(records[place], tuple(records[:place]))


def _fullest_above_addresses(records: Sequence[Record]) -> int:
    widths = [sum(1 for cell in cells if cell.strip()) for _, cells in records]
    above = widths[: _first_of_list(records, widths)]
    return above.index(max(above)) if above and max(above) > 1 else 0


def _first_of_list(records: Sequence[Record], widths: Sequence[int]) -> int:
    """The place of the first row with an address in the column that has most; 0 where there is none.

    One with half the cells of the fullest such row, or less, is a title: "Treasurer: kasse@club.example".
    """
    places = [[n for n, cell in enumerate(cells) if _ADDRESS.search(cell)] for _, cells in records]
    counts = Counter(chain.from_iterable(places))
    column = max(counts, key=lambda n: (counts[n], -n), default=None)
    with_address = [row for row, found in enumerate(places) if column in found]
    most = max((widths[row] for row in with_address), default=0)
    return next((row for row in with_address if widths[row] * 2 > most), 0)


def _text(cells: Sequence[str]) -> str:
    text = " ".join(" ".join(cell for cell in cells if cell.strip()).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
