"""A list that a program hands over: any iterable of mappings, or a DataFrame.

The rules are those of a file: every cell becomes text (`recipients.cell`), and `where`, `types`, `defaults`
and `email` of the campaign's file hold.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.source import Row, Source
from mailrunner.store.private_file import opener

LABEL = "recipients"
_NO_CELL = (list, tuple, dict, set, frozenset)
_NOT_ROWS = (str, bytes, Path, Mapping)


class _Spooled(NamedTuple):
    """The rows as they were read: a private file with a JSON list a line, their columns and digest."""

    file: Path
    columns: tuple[str, ...]
    digest: str


class GivenRows(Source):
    """Rows in memory, read once and kept in a private file of this process; numbered from 1.

    `rows` yields mappings that have the keys of the first row, or fewer, a missing one being an empty cell;
    or it is a DataFrame of pandas or polars, whose index is no column.  A missing value (None, NaN, NaT, NA)
    is an empty cell.  Reading raises UserError for a row of another form, and what `rows` itself raises.
    """

    first_row = 1
    is_given = True

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        super().__init__(LABEL)
        if isinstance(rows, _NOT_ROWS) or not isinstance(rows, Iterable):
            hint = 'give a mapping for each recipient: recipients=[{"email": "ana@example.org"}]'
            raise UserError(Problem(f"{type(rows).__name__} is no list of rows", LABEL, hint=hint))
        self._given: Iterable[Any] | None = rows
        self._spooled: _Spooled | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return self._once().columns

    def fingerprint(self) -> str:
        return self._once().digest

    def stat_mark(self) -> None:
        return None

    def _rows(self) -> Iterator[Row]:
        with self._once().file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield number, tuple(json.loads(line))

    def _once(self) -> _Spooled:
        """Read the rows, at the first call; a list that broke off is never taken for a whole one."""
        if self._spooled is None:
            given, self._given = self._given, None
            if given is None:
                hint = "give them to campaign() again"
                raise UserError(Problem("the rows could not be read to the end before", LABEL, hint=hint))
            self._spooled = self._spool(given)
        return self._spooled

    def _spool(self, given: Iterable[Any]) -> _Spooled:
        names, cells = _table(given)
        columns = self._checked_header(names)
        folder = tempfile.TemporaryDirectory(prefix="mailrunner-rows-")
        self._remove = weakref.finalize(self, folder.cleanup)
        file, digest = Path(folder.name) / "rows", hashlib.sha256(json.dumps(columns).encode())
        with open(file, "wb", opener=opener) as out:
            for number, row in enumerate(cells, 1):
                line = json.dumps(_texts(number, columns, row), ensure_ascii=False)
                octets = _octets(number, line)
                digest.update(octets)
                out.write(octets)
        return _Spooled(file, columns, digest.hexdigest())


def _table(given: Iterable[Any]) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
    """The names of the columns and the cells of each row, in their order."""
    for method in ("itertuples", "iter_rows"):  # pandas, polars
        if hasattr(given, method) and hasattr(given, "columns"):
            options = {"index": False, "name": None} if method == "itertuples" else {}
            return [str(name) for name in given.columns], iter(getattr(given, method)(**options))
    rows = iter(given)
    first = next(rows, None)
    if first is None:
        raise UserError(Problem("there are no rows", LABEL, hint="a list has a recipient at least"))
    keys = list(_mapping(1, first).keys())
    return [str(key) for key in keys], _by_key(keys, chain([first], rows))


def _by_key(keys: Sequence[Any], rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    known = set(keys)
    for number, row in enumerate(rows, 1):
        found = _mapping(number, row)
        further = [key for key in found.keys() if key not in known]  # noqa: SIM118 - a row of sqlite3 has keys()
        if further:
            message = f'row {number} has "{further[0]}", which the first row has not'
            raise UserError(Problem(message, LABEL, hint="give the first row all columns"))
        present = set(found.keys())
        yield [found[key] if key in present else None for key in keys]


def _mapping(number: int, row: Any) -> Any:
    """The row, which has keys; UserError otherwise."""
    if not (hasattr(row, "keys") and hasattr(row, "__getitem__")):
        hint = "a row is a mapping from the names of columns to cells"
        raise UserError(Problem(f"row {number} is of type {type(row).__name__}", LABEL, hint=hint))
    return row


def _texts(number: int, columns: Sequence[str], row: Sequence[Any]) -> list[str]:
    """The cells as text; those beyond the columns belong to names that were blank."""
    return [_text(number, column, value) for column, value in zip(columns, row, strict=False)]


def _text(number: int, column: str, value: Any) -> str:
    if isinstance(value, str):
        if "\0" in value:  # as in a file; said before anything is recorded
            raise UserError(Problem(f"row {number} holds a NUL character", LABEL, hint="remove it"))
        return value
    if isinstance(value, _NO_CELL):
        message = f"row {number}: {column} is a {type(value).__name__}"
        raise UserError(Problem(message, LABEL, hint="a cell is text, a number, a date or a time"))
    if _is_missing(value):
        return ""
    scalar: Callable[[], Any] | None = getattr(value, "item", None)  # of numpy
    return to_text(scalar() if scalar else value)


def _is_missing(value: Any) -> bool:
    """NaN, NaT and NA differ from themselves, or cannot tell."""
    try:
        return bool(value != value)  # noqa: PLR0124
    except (TypeError, ValueError):
        return True


def _octets(number: int, line: str) -> bytes:
    try:
        return f"{line}\n".encode()
    except UnicodeEncodeError:
        message = f"row {number} holds half of a character (a lone surrogate)"
        raise UserError(Problem(message, LABEL, hint="decode the text as what it is")) from None
