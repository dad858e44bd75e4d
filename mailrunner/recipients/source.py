"""A list as one table of text: what every format gives.

`rows()` streams the table in bounded memory (an Excel sheet is held whole by its reader).  Every cell is text
as it stands: "00123" stays "00123", "NA" stays "NA", a missing cell is "".
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from mailrunner.config.paths import is_file
from mailrunner.errors import Problem, UserError, nearest
from mailrunner.recipients.csv_injection import are_defused, restored
from mailrunner.recipients.double_encoding import double_encoding_remark
from mailrunner.recipients.heading import HEADING_ROWS, HeadingRow, find_heading, heading_name
from mailrunner.recipients.ragged_rows import RaggedRows

CHUNK = 20_000  # rows; the ledger writes as many in one transaction, which must stay short
SAMPLE_ROWS = 1_000

Row = tuple[int, tuple[str, ...]]


class Source(ABC):
    """One table; `label` is its name in messages.

    Rows are numbered as the user sees them: a CSV row by the line on which it begins, an Excel row by
    its number in the sheet (`first_row` is 2 where the header stands on line 1), Parquet and SQL from 1.
    """

    is_given = False  # true for rows that a program hands over, which no file has
    is_snapshot = False  # the rows stand in the ledger: there is nothing to compare with it

    def __init__(self, label: str) -> None:
        self.label = label
        # Where a reader sets it: takes, by the numbers of rows, why they are left out.  Else they are errors.
        self.left_out: dict[int, str] | None = None

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, read without the rows; raise UserError where they are unusable."""

    @property
    @abstractmethod
    def first_row(self) -> int:
        """The number of the first row of data."""

    @abstractmethod
    def fingerprint(self) -> str | None:
        """A digest of the content; None where only reading all rows would tell."""

    @abstractmethod
    def stat_mark(self) -> str | None:
        """Size and time of the file, which tell a change without reading it; None without a file."""

    @abstractmethod
    def _rows(self) -> Iterator[Row]: ...

    def sample(self) -> list[Row]:
        """The first rows, to look at; raise UserError where the table is damaged there."""
        return list(islice(self.rows(), SAMPLE_ROWS))

    def cell(self, number: int, column: str) -> str:
        """The name of a cell as the user finds it: "B7" in a sheet, else the name of its column."""
        return column

    def keep(self) -> None:  # noqa: B027 - a file needs nothing
        """Called when the snapshot of the rows stands: later runs need not read them again."""

    def explain_empty(self, number: int, column: str) -> str:
        """Why a cell is empty, where the table tells; else ""."""
        return ""

    def elsewhere(self) -> str:
        """Where else the list may stand, for a table without the column of addresses; else ""."""
        return ""

    def remarks(self) -> list[str]:
        """Sentences about the table that a user should know before it is sent to; none by default."""
        return []

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows in lists of `CHUNK`; raise UserError where the table is damaged."""
        rows = self.rows()
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def rows(self) -> Iterator[Row]:
        """Yield each row with its number; raise UserError where the table is damaged or changed meanwhile."""
        mark = self.stat_mark()
        for row in self._rows():
            # No database takes it as text, and no header field may hold it (RFC 5322 §4).
            if "\0" in "".join(row[1]):
                raise UserError(Problem(f"row {row[0]} holds a NUL character", self.label, hint="remove it"))
            yield row
        if self.stat_mark() != mark:  # half of one list and half of another, perhaps
            raise UserError(
                Problem("it was changed while it was read", self.label, hint="run the command again")
            )

    def _checked_header(self, names: Sequence[str]) -> tuple[str, ...]:
        """The trimmed names of the columns without nameless ones at the end; UserError where unusable."""
        trimmed = [heading_name(name) for name in names]
        while trimmed and not trimmed[-1]:
            trimmed.pop()
        UserError.collect(
            Problem(message, self.label, hint=hint) for message, hint in _header_problems(trimmed)
        )
        return tuple(trimmed)


def _header_problems(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not names:
        yield "there are no columns", "the first row names them"
    if any("\0" in name for name in names):
        yield "the column names hold NUL characters", 'if it is UTF-16, set encoding = "utf-16-le"'
    for place, name in enumerate(names, 1):
        if not name:
            yield f"column {place} has no name", "name it in the first row, or remove it"
    for name, count in Counter(filter(None, names)).items():
        if count > 1:
            yield f'{count} columns are called "{name}"', "rename all but one"


class FileSource(Source):
    """A table in a file."""

    def __init__(self, path: Path, label: str) -> None:
        super().__init__(label)
        self.path = path
        if not is_file(path):
            raise UserError(Problem("there is no such file", label, hint=_similar_file(path)))

    def fingerprint(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def stat_mark(self) -> str:
        try:
            stat = self.path.stat()
        except FileNotFoundError:  # moved away, perhaps to be replaced
            return ""
        return f"{stat.st_size}-{stat.st_mtime_ns}"


def _similar_file(path: Path) -> str:
    try:
        siblings = [p.name for p in path.parent.iterdir() if p.is_file()]
    except OSError:
        siblings = []
    return nearest(path.name, siblings) or f"looked in {path.parent}"


class HeadedFile(FileSource):
    """A file (CSV, Excel) with a row that names the columns; blank rows are skipped, and rows above it.

    That row is `header_row` where it is given, else it is found; see `heading.find_heading`.
    """

    _keeps_columns = False  # a sheet does: no cell of it can have moved into another column

    def __init__(self, path: Path, label: str, *, header_row: int | None = None, email: str = "") -> None:
        super().__init__(path, label)
        self._header_row, self._email = header_row, email

    @abstractmethod
    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that are not blank, header included, with their numbers."""

    @cached_property
    def _header(self) -> tuple[int, tuple[str, ...], int]:
        """The header's number, its names, and its number of cells, nameless ones at its end included."""
        number, names = self._heading.row
        return number, self._checked_header([names[place] for place in self._places(names)]), len(names)

    def _places(self, names: Sequence[str]) -> list[int]:
        """The places of the columns that are read: not of those that have no name, and no cell at first."""
        if self._keeps_columns:
            return [i for i, name in enumerate(names) if name.strip()]
        below = self._first_records[self._heading.above + 1 :]
        used = {i for _, cells in below for i, cell in enumerate(cells) if cell}
        return [i for i, name in enumerate(names) if name.strip() or i in used or not below]

    @cached_property
    def _first_records(self) -> list[tuple[int, list[str]]]:
        return list(islice(self._records(), HEADING_ROWS))

    @cached_property
    def _heading(self) -> HeadingRow:
        first = self._first_records
        if not first:
            raise UserError(Problem("it is empty", self.label, hint=self._empty_hint()))
        if self._header_row is None:
            return find_heading(first, self._email)
        chosen = HeadingRow.at(self._header_row, first)
        if chosen is None:
            message = f"there is no row {self._header_row} that could name the columns"
            hint = f"set header_row to a number up to {first[-1][0]}, or leave it out"
            raise UserError(Problem(message, self.label, hint=hint))
        return chosen

    def _empty_hint(self) -> str:
        return "the first row names the columns"

    @property
    def columns(self) -> tuple[str, ...]:
        return self._header[1]

    @property
    def first_row(self) -> int:
        return self._header[0] + 1

    def remarks(self) -> list[str]:
        found = double_encoding_remark(self.sample())
        return [*self._heading.remarks(), *([found] if found else [])]

    def _rows(self) -> Iterator[Row]:
        rows = self._whole_rows()
        if are_defused(self.columns):
            rows = ((number, tuple(map(restored, cells))) for number, cells in rows)
        return rows

    def _whole_rows(self) -> Iterator[Row]:
        widest = self._header[2]
        names = self._heading.row[1]
        places = self._places(names)
        while places and not names[places[-1]].strip():
            places.pop()
        rows = self._records_below(places[-1] + 1, widest)
        if places == list(range(len(places))):
            return rows
        return ((number, tuple([cells[place] for place in places])) for number, cells in rows)

    def _records_below(self, width: int, widest: int) -> Iterator[Row]:
        """The rows below the heading, `width` cells each."""
        ragged, read = RaggedRows(self.label, width, self.left_out), 0
        for number, cells in islice(self._records(), self._heading.above + 1, None):
            read += 1
            if len(cells) == width:
                yield number, tuple(cells)
            elif self._keeps_columns or not self._is_ragged(cells, width, widest):
                yield number, tuple(cells[:width])
            else:
                kept = ragged.take(number, cells)
                if ragged.are_enough:
                    break
                if self.left_out is not None:
                    yield number, kept
        ragged.refuse(read)

    @staticmethod
    def _is_ragged(cells: Sequence[str], width: int, widest: int) -> bool:
        """True where cells may stand in the wrong column.

        A shifted row would send one recipient's name to another: nothing is filled up or cut off.  An empty
        cell too many, which the header does not have, may come from a stray comma; beside one column it means
        nothing.
        """
        is_wide = len(cells) > widest and width > 1
        return len(cells) < width or is_wide or any(cells[width:])
