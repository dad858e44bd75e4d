"""Where recipients come from: CSV, Excel, Parquet or SQL, all read as one table of text.

`open_source(spec, folder)` gives a `Source`; `rows()` streams it in bounded memory (an
Excel sheet is held whole by its reader).  Every cell is text as it stands: "00123" stays "00123", "NA"
stays "NA", a missing cell is "".
"""

from __future__ import annotations

import difflib
import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from mailrunner.config.paths import is_file
from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import text_of
from mailrunner.recipients.csv_file import CsvText
from mailrunner.recipients.sql import SqlQuery

if TYPE_CHECKING:
    import pandas
    import python_calamine

CHUNK = 20_000  # rows; the ledger writes as many in one transaction, which must stay short
_NAMED = 5  # how many bad rows an error names

Row = tuple[int, tuple[str, ...]]


class SourceSpec(Protocol):
    """The `[recipients]` keys that say where the rows are; exactly one of the first four is set."""

    @property
    def csv(self) -> str | None: ...
    @property
    def xlsx(self) -> str | None: ...
    @property
    def parquet(self) -> str | None: ...
    @property
    def sql(self) -> str | None: ...
    @property
    def sheet(self) -> str | None: ...
    @property
    def encoding(self) -> str | None: ...
    @property
    def delimiter(self) -> str | None: ...
    @property
    def database(self) -> str | None: ...


class Source(ABC):
    """One table; `label` is what the person calls it.

    Rows are numbered as the person sees them: a CSV row by the line on which it begins, an Excel row by
    its number in the sheet (`first_row` is 2 where the header stands on line 1), Parquet and SQL from 1.
    """

    def __init__(self, label: str) -> None:
        self.label = label

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
        """A digest of the content; None where only reading it would tell."""

    @abstractmethod
    def stat_mark(self) -> str | None:
        """What changes, nearly for free, whenever the content may have; None where nothing tells."""

    @abstractmethod
    def _rows(self) -> Iterator[Row]: ...

    def numbered(self) -> Iterator[list[Row]]:
        """Yield the rows in chunks; raise UserError where the table is damaged."""
        rows = self.rows()
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def rows(self) -> Iterator[Row]:
        """Yield each row with its number; raise UserError where the table is damaged."""
        for row in self._rows():
            # No database takes it as text, and no header field may hold it (RFC 5322 §4).
            if "\0" in "".join(row[1]):
                raise UserError(Problem(f"row {row[0]} holds a NUL character", self.label, hint="remove it"))
            yield row

    def _header(self, names: Sequence[str]) -> tuple[str, ...]:
        """Check the names of the columns; nameless ones at the end are left out."""
        trimmed = [name.strip() for name in names]
        while trimmed and not trimmed[-1]:
            trimmed.pop()
        UserError.collect(Problem(sentence, self.label, hint=hint) for sentence, hint in _complaints(trimmed))
        return tuple(trimmed)


def _complaints(names: Sequence[str]) -> Iterator[tuple[str, str]]:
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
            raise UserError(Problem("there is no such file", label, hint=_similar(path)))

    def fingerprint(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def stat_mark(self) -> str:
        stat = self.path.stat()
        return f"{stat.st_size}-{stat.st_mtime_ns}"


def _similar(path: Path) -> str:
    try:
        siblings = [p.name for p in path.parent.iterdir() if p.is_file()]
    except OSError:
        siblings = []
    close = difflib.get_close_matches(path.name, siblings, n=1)
    return f'did you mean "{close[0]}"?' if close else f"looked in {path.parent}"


class HeadedFile(FileSource):
    """A file whose first row that is not blank names the columns; blank rows are nobody's."""

    @abstractmethod
    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that are not blank, header included, with their numbers."""

    @cached_property
    def _heading(self) -> tuple[int, tuple[str, ...], int]:
        """The header's number, its names, and how many cells it has with the nameless ones at its end."""
        for number, names in self._records():
            return number, self._header(names), len(names)
        raise UserError(Problem("it is empty", self.label, hint="the first row names the columns"))

    @property
    def columns(self) -> tuple[str, ...]:
        return self._heading[1]

    @property
    def first_row(self) -> int:
        return self._heading[0] + 1

    def _rows(self) -> Iterator[Row]:
        _, names, widest = self._heading
        width, ragged = len(names), []
        for number, cells in islice(self._records(), 1, None):
            if len(cells) == width:
                yield number, tuple(cells)
            elif not width <= len(cells) <= widest or any(cells[width:]):
                # A shifted row would mail one person's name to another: nothing is filled up or cut off.
                # An empty cell too many, which the header does not have, may be a stray comma's doing.
                ragged.append((number, len(cells)))
                if len(ragged) == _NAMED:
                    break
            else:
                yield number, tuple(cells[:width])
        UserError.collect(self._ragged(number, found, width) for number, found in ragged)

    def _ragged(self, number: int, found: int, width: int) -> Problem:
        sentence = f"it has {found} cells, but the header names {width} columns"
        return Problem(
            sentence, self.label, f"line {number}", "a cell with the delimiter in it needs quotation marks"
        )


class CsvFile(HeadedFile):
    """Delimited text; see `mailrunner.recipients.csv_file`."""

    def __init__(self, path: Path, label: str, encoding: str | None, delimiter: str | None) -> None:
        super().__init__(path, label)
        self._text = CsvText.open(path, label, encoding, delimiter)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        return self._text.records()


class Worksheet(HeadedFile):
    """One sheet of an Excel (or OpenDocument) file: the named one, else the first visible one."""

    def __init__(self, path: Path, label: str, sheet: str | None) -> None:
        super().__init__(path, label)
        self._wanted = sheet

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in enumerate(self._frame.itertuples(index=False, name=None), 1):
            texts = [text_of(_day(cell)) for cell in cells]
            if any(texts):
                yield number, texts

    @cached_property
    def _frame(self) -> pandas.DataFrame:
        """The sheet as it stands, from its first row; no cell is guessed to be missing or a number."""
        import pandas
        from python_calamine import CalamineError

        try:
            with pandas.ExcelFile(self.path, engine="calamine") as file:
                return pandas.read_excel(
                    file,
                    sheet_name=self._sheet_name(cast("python_calamine.CalamineWorkbook", file.book)),
                    header=None,
                    dtype=object,
                    keep_default_na=False,
                    na_filter=False,
                )
        except (CalamineError, ValueError) as error:
            raise UserError(Problem(f"it cannot be read as Excel: {error}", self.label)) from None

    def _sheet_name(self, book: python_calamine.CalamineWorkbook) -> str:
        from python_calamine import SheetVisibleEnum

        names = book.sheet_names
        if self._wanted is None:
            visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
            return (visible or names)[0]
        if self._wanted not in names:
            hint = f"its sheets are {', '.join(names)}"
            raise UserError(Problem(f'there is no sheet "{self._wanted}"', self.label, hint=hint))
        return self._wanted


def _day(cell: object) -> object:
    """A data frame gives each day a midnight, which nobody wrote into the sheet."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    return cell


class ParquetFile(FileSource):
    """A Parquet file; needs the extra `parquet`."""

    first_row = 1

    @cached_property
    def columns(self) -> tuple[str, ...]:
        with self._open() as file:
            return self._header(file.schema_arrow.names)

    def _rows(self) -> Iterator[Row]:
        number, width = 1, len(self.columns)
        with self._open() as file:
            for batch in file.iter_batches(batch_size=CHUNK):
                texts = [[text_of(cell) for cell in column.to_pylist()] for column in batch.columns[:width]]
                yield from enumerate(zip(*texts, strict=True), number)
                number += batch.num_rows

    @contextmanager
    def _open(self) -> Iterator[Any]:  # pyarrow has no types
        """The file; damage is a UserError wherever it shows, in the first bytes or in the last batch."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError:
            hint = 'pip install "mailrunner[parquet]"'
            raise UserError(Problem("reading Parquet needs pyarrow", self.label, hint=hint)) from None
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                yield file
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError(Problem(f"it cannot be read as Parquet: {error}", self.label)) from None


class QueryRows(Source):
    """What a query returns, in its order; asked anew at every reading, as nothing tells that it changed."""

    first_row = 1

    def __init__(self, query: SqlQuery, label: str) -> None:
        super().__init__(label)
        self._query = query

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return self._header(self._query.columns())

    def _rows(self) -> Iterator[Row]:
        for number, cells in enumerate(self._query.rows(CHUNK), 1):
            yield number, tuple(map(text_of, cells))

    def fingerprint(self) -> None:
        return None

    def stat_mark(self) -> None:
        return None


def open_source(spec: SourceSpec, folder: Path) -> Source:
    """Open what `spec` names; paths are relative to `folder`.

    Raise UserError where the file is missing or its kind cannot be read.
    """
    if spec.csv is not None:
        return CsvFile(folder / spec.csv, spec.csv, spec.encoding, spec.delimiter)
    if spec.xlsx is not None:
        return Worksheet(folder / spec.xlsx, spec.xlsx, spec.sheet)
    if spec.parquet is not None:
        return ParquetFile(folder / spec.parquet, spec.parquet)
    return QueryRows(SqlQuery(spec.sql or "", spec.database or "", folder, "sql"), "sql")
