"""A file of people who want no mail: CSV, Excel, or one address a line.

    file = SuppressionFile.open(Path("left.csv"), column=None)
    survey = file.survey(on_lists)        # what is in it, before anything is done
    for group, keys in file.groups(): ...   # what is to be suppressed, in chunks

Read twice, so that a person can look before anything is written, and in bounded memory.  A file that
`suppress export` wrote says for each address to which list and for which reason it belongs; that is
what a `Group` keeps together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mailrunner.address import normalise
from mailrunner.config.toml_file import did_you_mean
from mailrunner.errors import Problem, UserError
from mailrunner.recipients.sources import CsvFile, ParquetFile, Row, Source, Worksheet
from mailrunner.suppression import Reason, list_key

EXPORT_COLUMNS = ("address", "list", "reason", "source", "created_at")
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_USUAL = ("email", "emailaddress", "address", "mail", "mailaddress", "recipient")
_EXAMPLES = 5


class Group(NamedTuple):
    """What addresses of the file share: a list and a reason, None where the file names none."""

    list_key: str | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in a file: `listed` of `valid` addresses are on current lists; `examples` are problems."""

    valid: int
    invalid: int
    listed: int
    examples: tuple[str, ...]


class SuppressionFile:
    """One file; `addresses` is the place of its address column."""

    def __init__(self, source: Source, *, headed: bool, addresses: int) -> None:
        self._source, self._headed, self._addresses = source, headed, addresses
        columns = source.columns if headed else ()
        self._is_export = columns == EXPORT_COLUMNS

    @classmethod
    def open(cls, path: Path, *, column: str | None) -> SuppressionFile:
        """Open the file and find its addresses; raise UserError where that cannot be done.

        Without `column` it is the one called email, address or the like, or the only one; a file
        whose first row holds an address has no header.
        """
        source = _source(path)
        columns = source.columns
        addressed = [place for place, name in enumerate(columns) if "@" in name]
        if column is None and addressed:
            return cls(source, headed=False, addresses=addressed[0])
        return cls(source, headed=True, addresses=_place(columns, column, source.label))

    def survey(self, on_lists: Callable[[Collection[str]], Collection[str]]) -> Survey:
        """Read it through; `on_lists` says which of some keys are on lists that are mailed now."""
        valid = invalid = listed = 0
        examples: list[str] = []
        for chunk in self._chunks():
            keys = []
            for number, cells in chunk:
                try:
                    keys.append(normalise(cells[self._addresses]).key)
                    self._group(number, cells)
                except ValueError as error:
                    invalid += 1
                    if len(examples) < _EXAMPLES:
                        examples.append(f'line {number}, "{cells[self._addresses]}": {error}')
            mailed = on_lists(set(keys))
            valid += len(keys)
            listed += sum(key in mailed for key in keys)
        return Survey(valid, invalid, listed, tuple(examples))

    def groups(self) -> Iterator[tuple[Group, list[str]]]:
        """The keys of all valid addresses, in chunks of one group each."""
        for chunk in self._chunks():
            groups: dict[Group, list[str]] = defaultdict(list)
            for number, cells in chunk:
                try:
                    key = normalise(cells[self._addresses]).key
                except ValueError:
                    continue  # the survey has named it
                groups[self._group(number, cells)].append(key)
            yield from groups.items()

    def _group(self, number: int, cells: tuple[str, ...]) -> Group:
        if not self._is_export:
            return _UNNAMED
        _, name, reason, *_ = cells
        try:
            return Group(list_key(name), Reason(reason))
        except ValueError:
            words = ", ".join(Reason)
            problem = f'there is no reason "{reason}"'
            raise UserError(
                Problem(problem, self._source.label, f"line {number}", f"the reasons are {words}")
            ) from None

    def _chunks(self) -> Iterator[list[Row]]:
        if self._headed:
            return self._source.numbered()
        first: list[Row] = [(self._source.first_row - 1, self._source.columns)]
        return chain([first], self._source.numbered())


_UNNAMED = Group(None, None)


def _source(path: Path) -> Source:
    kind, label = path.suffix.lower(), str(path)
    if kind in _WORKBOOKS:
        return Worksheet(path, label, None)
    if kind == ".parquet":
        return ParquetFile(path, label)
    return CsvFile(path, label, None, None)


def _place(columns: tuple[str, ...], wanted: str | None, label: str) -> int:
    """Where the addresses are."""
    if wanted is not None:
        folded = [name.casefold() for name in columns]
        if wanted.casefold() in folded:
            return folded.index(wanted.casefold())
        raise UserError(Problem(f'there is no column "{wanted}"', label, hint=did_you_mean(wanted, columns)))
    plain = [re.sub(r"[\W_]+", "", name).casefold() for name in columns]
    named = [plain.index(name) for name in _USUAL if name in plain]
    if named or len(columns) == 1:
        return named[0] if named else 0
    hint = f"name it with --column; there is {', '.join(columns)}"
    raise UserError(Problem("no column is called email or address", label, hint=hint))
