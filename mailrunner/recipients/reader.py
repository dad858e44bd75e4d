"""Rows of a source as recipients: typed, filtered by `where`, their addresses normalised.

A mistake that concerns every row is a UserError with all problems (`list_checks`); a mistake in one row is
its `RecipientRow.problem`.  `RowReader` alone turns cells, fresh or stored, into what templates see.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NamedTuple

from jinja2 import StrictUndefined

from mailrunner.errors import RowError, UserError
from mailrunner.model.address import BLANKS, normalise
from mailrunner.model.written_address import read_address
from mailrunner.recipients.address_cell import AddressColumn, has_names, reason
from mailrunner.recipients.cell import from_text, to_text
from mailrunner.recipients.filter import RowFilter
from mailrunner.recipients.formula_error import SIGNS, formula_error, is_formula_error
from mailrunner.recipients.list_checks import column_types, list_problems
from mailrunner.recipients.source import CHUNK, Source
from mailrunner.recipients.spec import ListSpec

# Nothing around it that would have to be taken off: what `address` and `name` can do without reading.
_PLAIN = re.compile(r"""[^\s<>()\[\]"',;:|\u00ad\u200b-\u206f\ufeff]+@[A-Za-z0-9.-]*[A-Za-z0-9]""").fullmatch


_ANY_ADDRESS = re.compile(r"[^\s,;<>@]+@[^\s,;<>@]+")


@dataclass(frozen=True, slots=True)
class Recipient:
    """`recipient` in templates: the address as written, and the name or ""."""

    address: str
    name: str


class RecipientRow(NamedTuple):
    """One row of the list.

    `row` is its number in the source, `address` as written in its cell, without name and blanks, `wire` its
    spelling in the envelope ("" if invalid), `key` the same for all spellings of one (None if invalid),
    `problem` a sentence or "", `values` the cells verbatim, `name` for the To field or "".
    """

    row: int
    address: str
    wire: str
    key: str | None
    problem: str
    values: tuple[str, ...]
    name: str


class RowReader:
    """Turns the cells of a row into values; needs the columns and the campaign's keys, no source.

    A cell that is empty or blank takes its default; then types apply.  A typed cell that is still empty
    has no value: its name is not in the context, so a template may ask `is defined`.  The constructor
    raises KeyError for a column that is not among `columns`.
    """

    def __init__(self, columns: Sequence[str], spec: ListSpec) -> None:
        self.columns = tuple(columns)
        place = {column: index for index, column in enumerate(self.columns)}
        self._email = place[spec.email]
        self._name = place[spec.name] if spec.name else None
        self._defaults = [(place[column], to_text(value)) for column, value in spec.defaults.items()]
        self._no_name = dict(self._defaults).get(self._name, "").strip() if self._name is not None else ""
        self._types = [(place[column], column, type_name) for column, type_name in spec.types.items()]

    def address(self, values: Sequence[str]) -> str:
        """The address as written, without what stands around it; the whole cell where that is none."""
        written = values[self._email].strip(BLANKS)
        if _PLAIN(written):
            return written
        try:
            return read_address(written).written
        except ValueError:
            return written

    def name(self, values: Sequence[str]) -> str:
        """The display name: of the name column after defaults, else the one written before the address."""
        if self._name is not None:
            return values[self._name].strip() or self._no_name
        return "" if _PLAIN(values[self._email].strip(BLANKS)) else self._beside_address(values)

    def _beside_address(self, values: Sequence[str]) -> str:
        try:
            return read_address(values[self._email]).name
        except ValueError:
            return ""

    def context(self, values: Sequence[str]) -> dict[str, Any]:
        """The variables of a row in templates: every column by name, `row` with all of them, and `recipient`.

        Raise RowError, naming column and cell, where a cell is not of its type.
        """
        cells = self.filled(values)
        row: dict[str, Any] = dict(zip(self.columns, cells, strict=True))
        if self._types:
            converted, problems = self.converted(cells)
            if problems:
                raise RowError("; ".join(problems.values()))
            for _, column, _ in self._types:
                del row[column]
            row |= converted
        joined = "".join(cells)
        if any(sign in joined for sign in SIGNS):
            row |= _without_value(row)
        return {**row, "row": row, "recipient": Recipient(self.address(values), self.name(values))}

    def filled(self, values: Sequence[str]) -> Sequence[str]:
        """The cells with defaults in place of empty and blank ones."""
        if not self._defaults:
            return values
        cells = list(values)
        for index, default in self._defaults:
            if not cells[index] or cells[index].isspace():
                cells[index] = default
        return cells

    def converted(self, cells: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of typed columns that have one, and the problems of cells that are not of their type."""
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for index, column, type_name in self._types:
            text = cells[index]
            if text and not text.isspace():
                try:
                    values[column] = from_text(text, type_name)
                except ValueError as error:
                    problems[column] = f"{column}: {error}"
        return values, problems


def _some(values: set[str]) -> str:
    shown = ", ".join(f'"{value[:40]}"' for value in sorted(values)[:5])
    return f"{shown}, …" if len(values) > 5 else shown


def _without_value(row: dict[str, Any]) -> dict[str, Any]:
    """The cells with formula errors as names without a value: a message that needs one cannot be made."""
    return {
        column: StrictUndefined(hint=f"{column}: {formula_error(cell)}", name=column)
        for column, cell in row.items()
        if isinstance(cell, str) and is_formula_error(cell)
    }


class RecipientList:
    """The rows of `source`, read as the keys of the campaign file say.

    A list whose addresses have names before them has a column `name` with those, where it has none of its
    own.  `file` and `key` place problems with those keys.  The constructor raises UserError with all
    mistakes that concern every row.  While `chunks` is read, `filtered` counts the rows that fail `where`.
    """

    def __init__(self, source: Source, spec: ListSpec, *, file: str = "", key: str = "recipients") -> None:
        self._left_out = source.left_out = {}
        self.columns = (*source.columns, *(("name",) if has_names(source, spec.email) else ()))
        problems = list_problems(source, self.columns, spec)
        UserError.collect(replace(problem, file=file, key=f"{key}.{problem.key}") for problem in problems)
        self.reader = RowReader(self.columns, spec)
        self.filtered = 0
        self._source = source
        self._spec = spec
        self._email = self.columns.index(spec.email)
        self._cells = AddressColumn(
            self._email, spec.several, adds_name=len(self.columns) > len(source.columns)
        )
        self._condition = RowFilter(spec.where, column_types(self.columns, spec)) if spec.where else None
        self._names = self._condition.names if self._condition else frozenset()
        used = self.columns if "row" in self._names else self._names  # copying every cell takes its time
        self._used_columns = [(index, column) for index, column in enumerate(self.columns) if column in used]

    def chunks(self) -> Iterator[list[RecipientRow]]:
        """Yield the rows in the order of the source; those that fail `where` are left out entirely.

        Raise UserError where the source turns out to be damaged.
        """
        self.filtered = 0
        rows = self._cells.read(self._source.rows())
        for first in rows:
            # One by one: a chunk of raw rows kept beside its result is more work for the garbage collector.
            chunk = chain((first,), islice(rows, CHUNK - 1))
            yield [row for number, values in chunk if (row := self._row(number, values)) is not None]

    def _row(self, number: int, values: tuple[str, ...]) -> RecipientRow | None:
        """The row, or None where it fails `where`."""
        if number in self._left_out:
            return self._left_out_row(number, values)
        problem = self._problem(values) if self._spec.types or self._condition else ""
        if problem is None:
            self.filtered += 1
            return None
        written = values[self._email].strip(BLANKS)
        try:
            address = normalise(written)
        except ValueError:
            return self._written_row(number, values, problem)
        name = self.reader.name(values) if self._spec.name else ""
        return RecipientRow(number, written, address.wire, address.key, problem, values, name)

    def _left_out_row(self, number: int, values: tuple[str, ...]) -> RecipientRow:
        """A row whose cells may stand in wrong columns; its address, for the user, is any that it has."""
        found = _ANY_ADDRESS.search("\n".join(values))
        return RecipientRow(number, found[0] if found else "", "", None, self._left_out[number], values, "")

    def _written_row(self, number: int, values: tuple[str, ...], problem: str) -> RecipientRow:
        """The row of a cell that is no address and nothing else."""
        name = self.reader.name(values)
        try:
            address, written, _ = read_address(values[self._email])
        except ValueError as error:
            written = values[self._email].strip(BLANKS)
            empty = "" if written else self._source.explain_empty(number, self._spec.email)
            return RecipientRow(number, written, "", None, empty or reason(written, error), values, name)
        return RecipientRow(number, written, address.wire, address.key, problem, values, name)

    @property
    def address_column(self) -> str:
        return self._spec.email

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns that stand in the list itself."""
        return self._source.columns

    def where_values(self) -> str:
        """What stands in the columns that `where` asks for, in the first rows; "" without `where`."""
        rows = [values for _, values in self._source.sample()]
        asked = [(i, name) for i, name in enumerate(self.own_columns) if name in self._names]
        return "; ".join(f"{name} is {_some({row[i] for row in rows})}" for i, name in asked if rows)

    def faulty_column(self, row: RecipientRow) -> str:
        """The column whose cell keeps a row from being sent: the address's, or one that has another type."""
        if row.key is None or not self._spec.types:
            return self._spec.email
        _, problems = self.reader.converted(self.reader.filled(row.values))
        return next(iter(problems), self._spec.email)

    def _problem(self, values: tuple[str, ...]) -> str | None:
        """The sentence about cells that are not of their type, or ""; None where the row fails `where`."""
        cells = self.reader.filled(values)
        converted, problems = self.reader.converted(cells)
        if self._condition is not None:
            try:
                if not self._condition(self._variables(cells, converted, problems)):
                    return None
            except Exception as error:  # the expression is the user's: what it raises concerns this row
                return "; ".join(problems.values()) or f"where: {error}"
        return "; ".join(problems.values())

    def _variables(
        self, cells: Sequence[str], converted: dict[str, Any], problems: dict[str, str]
    ) -> dict[str, Any]:
        """The variables of `where`; a typed cell without a value raises as soon as the expression uses it."""
        variables: dict[str, Any] = {column: cells[index] for index, column in self._used_columns}
        for column in self._spec.types:
            if column in converted:
                variables[column] = converted[column]
            else:
                hint = problems.get(column, f"{column}: the cell is empty; give it a value in defaults")
                variables[column] = StrictUndefined(hint=hint, name=column)
        if "row" in self._names:
            variables["row"] = dict(variables)
        if "recipient" in self._names:
            variables["recipient"] = Recipient(self.reader.address(cells), self.reader.name(cells))
        return variables


def flag_duplicates(chunks: Iterable[list[RecipientRow]]) -> Iterator[tuple[RecipientRow, bool]]:
    """Yield every row, with True where a row before it has the same key; an invalid row is no duplicate.

    For previews, which have no ledger to ask: digests of 8 bytes, about 65 MB for a million rows; two
    addresses among a million get the same digest with a probability below 1 in 10,000,000.
    """
    seen: set[bytes] = set()
    for chunk in chunks:
        for row in chunk:
            if row.key is None:
                yield row, False
                continue
            digest = hashlib.blake2b(row.key.encode(), digest_size=8).digest()
            yield row, digest in seen
            seen.add(digest)
