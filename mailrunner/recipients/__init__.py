"""Who the campaign is for: rows of a source, read, typed, filtered by `where`, their addresses normalised.

What is wrong for every row is a UserError with all problems; what is wrong with one row is its
entry's `problem`.  `RowReader` alone turns stored cells back into what templates see.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from jinja2 import StrictUndefined

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.address import BLANKS, normalise
from mailrunner.recipients.cell import convert, text_of
from mailrunner.recipients.filter import RowFilter
from mailrunner.recipients.sources import CHUNK, Source


class ListSpec(Protocol):
    """The `[recipients]` keys that say what the columns mean."""

    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def defaults(self) -> Mapping[str, Any]: ...
    @property
    def types(self) -> Mapping[str, str]: ...
    @property
    def where(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """What templates see as `recipient`: the address as written, and the name or ""."""

    address: str
    name: str


class RecipientRow(NamedTuple):
    """One row of the list.

    `row` is its number in the source, `address` as written and trimmed, `wire` the envelope's spelling
    ("" if the address is invalid), `key` what tells people apart (None if invalid), `problem` a sentence
    or "", `values` the cells verbatim, `name` for the To field or "".
    """

    row: int
    address: str
    wire: str
    key: str | None
    problem: str
    values: tuple[str, ...]
    name: str


class RowReader:
    """Turns the cells of a row into values; needs the columns and the campaign's words, no source.

    A cell that is empty or blank takes its default; then types apply.  A typed cell that is still empty
    has no value: its name is not in the context, so a template may ask `is defined`.
    """

    def __init__(self, columns: Sequence[str], spec: ListSpec) -> None:
        self.columns = tuple(columns)
        place = {column: index for index, column in enumerate(self.columns)}
        self._email = place[spec.email]
        self._name = place[spec.name] if spec.name else None
        self._defaults = [(place[column], text_of(value)) for column, value in spec.defaults.items()]
        self._no_name = dict(self._defaults).get(self._name, "").strip() if self._name is not None else ""
        self._types = [(place[column], column, kind) for column, kind in spec.types.items()]

    def address(self, values: Sequence[str]) -> str:
        """The address as written and trimmed."""
        return values[self._email].strip(BLANKS)

    def name(self, values: Sequence[str]) -> str:
        """The display name after defaults, trimmed; "" without a name column."""
        return "" if self._name is None else values[self._name].strip() or self._no_name

    def context(self, values: Sequence[str]) -> dict[str, Any]:
        """What templates see of a row: every column by name, `row` with all of them, and `recipient`.

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
        for index, column, kind in self._types:
            text = cells[index]
            if text and not text.isspace():
                try:
                    values[column] = convert(text, kind)
                except ValueError as error:
                    problems[column] = f"{column}: {error}"
        return values, problems


class RecipientList:
    """The rows of `source` as the campaign file's words see them.

    `file` and `key` tell where those words stand.  The constructor raises UserError with everything that
    is wrong for every row.
    """

    def __init__(self, source: Source, spec: ListSpec, *, file: str = "", key: str = "recipients") -> None:
        UserError.collect(
            Problem(message, file, f"{key}.{word}", hint) for word, message, hint in _mistakes(source, spec)
        )
        self.columns = source.columns
        self.reader = RowReader(source.columns, spec)
        self._source = source
        self._spec = spec
        self._condition = RowFilter(spec.where, _kinds(source.columns, spec)) if spec.where else None
        self._names = self._condition.names if self._condition else frozenset()
        seen = self.columns if "row" in self._names else self._names  # copying every cell takes its time
        self._looked_at = [(index, column) for index, column in enumerate(self.columns) if column in seen]

    def chunks(self) -> Iterator[list[RecipientRow]]:
        """Yield the entries in the order of the source; rows that fail `where` are left out entirely.

        Raise UserError where the source turns out to be damaged.
        """
        rows = self._source.rows()
        for first in rows:
            # One by one: rows kept beside their entries give the garbage collector more to look at.
            chunk = chain((first,), islice(rows, CHUNK - 1))
            yield [entry for row in chunk if (entry := self._entry(*row)) is not None]

    def _entry(self, row: int, values: tuple[str, ...]) -> RecipientRow | None:
        problem = self._verdict(values) if self._spec.types or self._condition else ""
        if problem is None:
            return None
        written, name = self.reader.address(values), self.reader.name(values)
        try:
            address = normalise(written)
        except ValueError as error:
            return RecipientRow(row, written, "", None, str(error), values, name)
        return RecipientRow(row, written, address.wire, address.key, problem, values, name)

    def _verdict(self, values: tuple[str, ...]) -> str | None:
        """What is wrong with the cells, or ""; None where the row is not meant."""
        cells = self.reader.filled(values)
        converted, problems = self.reader.converted(cells)
        if self._condition is not None:
            try:
                if not self._condition(self._scene(cells, converted, problems)):
                    return None
            except Exception as error:  # the expression is the person's own: what it raises concerns this row
                return "; ".join(problems.values()) or f"where: {error}"
        return "; ".join(problems.values())

    def _scene(
        self, cells: Sequence[str], converted: dict[str, Any], problems: dict[str, str]
    ) -> dict[str, Any]:
        """What `where` sees; a cell without a value raises as soon as the expression touches it."""
        scene: dict[str, Any] = {column: cells[index] for index, column in self._looked_at}
        for column in self._spec.types:
            if column in converted:
                scene[column] = converted[column]
            else:
                hint = problems.get(column, f"{column}: the cell is empty; give it a value in defaults")
                scene[column] = StrictUndefined(hint=hint, name=column)
        if "row" in self._names:
            scene["row"] = dict(scene)
        if "recipient" in self._names:
            scene["recipient"] = Recipient(self.reader.address(cells), self.reader.name(cells))
        return scene


def first_wins(chunks: Iterable[list[RecipientRow]]) -> Iterator[tuple[RecipientRow, bool]]:
    """Yield every entry and whether a row before it has the same key; invalid entries are no duplicates.

    For previews, which have no ledger to ask: digests of 8 bytes, about 65 MB for a million people; two
    different people among a million are taken for one with a probability below 1 in 10,000,000.
    """
    seen: set[bytes] = set()
    for chunk in chunks:
        for entry in chunk:
            if entry.key is None:
                yield entry, False
                continue
            digest = hashlib.blake2b(entry.key.encode(), digest_size=8).digest()
            yield entry, digest in seen
            seen.add(digest)


def _kinds(columns: Sequence[str], spec: ListSpec) -> dict[str, str]:
    return {column: spec.types.get(column, "text") for column in columns}


def _mistakes(source: Source, spec: ListSpec) -> Iterator[tuple[str, str, str]]:
    """What is wrong for every row: the key below `[recipients]`, a sentence, a hint."""
    named = [("email", spec.email)] + ([("name", spec.name)] if spec.name else [])
    named += [(f"defaults.{column}", column) for column in spec.defaults]
    named += [(f"types.{column}", column) for column in spec.types]
    for word, column in named:
        if column not in source.columns:
            yield word, f'{source.label} has no column "{column}"', _nearest(column, source.columns)
    if spec.email in spec.defaults:
        yield f"defaults.{spec.email}", "an address has no default", "it would send everyone's mail to one"
    for column, kind in spec.types.items():
        if column in spec.defaults:
            yield from _default_mistakes(column, text_of(spec.defaults[column]), kind)
    yield from _where_mistakes(source, spec)


def _default_mistakes(column: str, text: str, kind: str) -> Iterator[tuple[str, str, str]]:
    try:
        convert(text, kind)
    except ValueError as error:
        yield f"defaults.{column}", str(error), f"its type is {kind}"


def _where_mistakes(source: Source, spec: ListSpec) -> Iterator[tuple[str, str, str]]:
    if not spec.where:
        return
    try:
        condition = RowFilter(spec.where, _kinds(source.columns, spec))
    except ValueError as error:
        yield "where", str(error), "e.g. country == 'RO' and points > 100"
    else:
        yield from (("where", sentence, hint) for sentence, hint in condition.complaints())


def _nearest(column: str, columns: Sequence[str]) -> str:
    folded = {name.casefold(): name for name in columns}
    close = difflib.get_close_matches(column.casefold(), folded, n=1)
    return f'did you mean "{folded[close[0]]}"?' if close else f"its columns are {', '.join(columns)}"
