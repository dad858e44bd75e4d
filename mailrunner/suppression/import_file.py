"""A file of addresses for the suppression list: CSV, Excel, Parquet, JSON of SES, or one address a line.

    file = SuppressionFile.open(Path("left.csv"), column=None, pseudonyms=ledger.suppressions.pseudonyms())
    summary = file.summarise(on_lists)      # a summary, before anything is written
    for group, keys in file.groups(): ...   # the keys to suppress, in chunks

Read twice, so that a user can look before anything is written, and in bounded memory.  Exports of other
mailing systems are recognised (`vendor_formats`) and have a reason for each address; those of
`suppress export` have a list as well.  A `Group` is the addresses with one reason and list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.address import BLANKS, normalise
from mailrunner.model.suppression import ImportFormat, Pseudonyms, SuppressionReason, is_pseudonym, list_key
from mailrunner.model.terminal_text import one_line
from mailrunner.model.written_address import read_addresses
from mailrunner.recipients.csv_file import CsvFile
from mailrunner.recipients.excel import Worksheet
from mailrunner.recipients.parquet import ParquetFile
from mailrunner.recipients.source import Row, Source
from mailrunner.suppression.ses_json import SesSuppressionTable
from mailrunner.suppression.vendor_formats import EXPORT_COLUMNS, VendorFormat, recognise

__all__ = ["EXPORT_COLUMNS", "Group", "ImportFormat", "ImportSummary", "SuppressionFile", "keys_in"]

_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_JSON = (".json", ".jsonl", ".ndjson")
_USUAL = ("email", "emailaddress", "address", "mail", "mailaddress", "recipient")
_EXAMPLES = 5


class Group(NamedTuple):
    """A list and a reason that addresses of the file share; None where the file has none."""

    list_key: str | None
    reason: SuppressionReason | None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The content of a file: `listed` of `valid` addresses are on current lists; `examples` are problems.

    `subscribed` are the rows that the file itself marks as recipients who may get messages.
    """

    valid: int
    invalid: int
    listed: int
    subscribed: int
    examples: tuple[str, ...]


class SuppressionFile:
    """One file; `addresses` is the index of its address column, `form` its format if recognised."""

    def __init__(
        self,
        source: Source,
        *,
        headed: bool,
        addresses: int,
        pseudonyms: Pseudonyms,
        form: VendorFormat | None = None,
    ) -> None:
        self._source, self._headed, self._addresses = source, headed, addresses
        self._pseudonyms, self._form = pseudonyms, form
        names = _folded(source.columns) if form else []
        self._reason = names.index(form.by) if form and form.by in names else None
        self._list = EXPORT_COLUMNS.index("list") if form and form.format is ImportFormat.MAILRUNNER else None

    @property
    def title(self) -> str:
        """The name of the format; "" for a plain file."""
        return self._form.title if self._form else ""

    @classmethod
    def open(
        cls, path: Path, *, column: str | None, pseudonyms: Pseudonyms, wanted: ImportFormat | None = None
    ) -> SuppressionFile:
        """Open the file and find its addresses; raise UserError where that cannot be done.

        Without `column` it is the one called email, address or the like, or the only one; a file
        whose first row holds an address has no header.  `wanted` is the format that it must have;
        `column` alone makes it a plain one.
        """
        source = _source(path)
        columns = source.columns
        addressed = [place for place, name in enumerate(columns) if "@" in name]
        if column is None and addressed and wanted in (None, ImportFormat.PLAIN):
            return cls(source, headed=False, addresses=addressed[0], pseudonyms=pseudonyms)
        wanted = wanted or (ImportFormat.PLAIN if column else None)
        form = recognise(columns, source.label, wanted)
        if form and column is None:
            place = _folded(columns).index(form.address)
        else:
            place = _address_column(columns, column, source.label)
        return cls(source, headed=True, addresses=place, pseudonyms=pseudonyms, form=form)

    def summarise(self, on_lists: Callable[[Collection[str]], Collection[str]]) -> ImportSummary:
        """Read the whole file; `on_lists` returns those of some keys that are on current lists."""
        valid = invalid = listed = subscribed = 0
        examples: list[str] = []
        for chunk in self._chunks():
            keys: list[str] = []
            for number, cells in chunk:
                if self._group(number, cells) is None:
                    subscribed += 1
                    continue
                try:
                    keys += keys_in(cells[self._addresses], self._pseudonyms)
                except ValueError as error:
                    invalid += 1
                    if len(examples) < _EXAMPLES:
                        cell = one_line(cells[self._addresses])
                        examples.append(f'line {number}, "{cell}": {one_line(str(error))}')
            mailed = on_lists(set(keys))
            valid += len(keys)
            listed += sum(key in mailed for key in keys)
        return ImportSummary(valid, invalid, listed, subscribed, tuple(examples))

    def groups(self) -> Iterator[tuple[Group, list[str]]]:
        """The keys of all valid addresses, in chunks of one group each."""
        for chunk in self._chunks():
            groups: dict[Group, list[str]] = defaultdict(list)
            for number, cells in chunk:
                group = self._group(number, cells)
                if group is None:
                    continue
                try:
                    groups[group] += keys_in(cells[self._addresses], self._pseudonyms)
                except ValueError:
                    continue  # the summary has named it
            yield from groups.items()

    def _group(self, number: int, cells: tuple[str, ...]) -> Group | None:
        """The group of a row; None for a recipient who may get messages."""
        form = self._form
        if form is None:
            return _NO_GROUP
        written = cells[self._reason].strip().casefold() if self._reason is not None else ""
        reason = form.reasons.get(written, form.otherwise)
        if reason is None:
            self._refuse_unknown(form, written, number)
            return None
        return Group(list_key(cells[self._list]) if self._list is not None else None, reason)

    def _refuse_unknown(self, form: VendorFormat, written: str, number: int) -> None:
        if written not in form.reasons:
            problem, known = f'there is no {form.by} "{written}"', ", ".join(form.reasons)
            raise UserError(Problem(problem, self._source.label, f"line {number}", f"it may be {known}"))

    def _chunks(self) -> Iterator[list[Row]]:
        if self._headed:
            return self._source.chunks()
        first: list[Row] = [(self._source.first_row - 1, self._source.columns)]
        return chain([first], self._source.chunks())


_NO_GROUP = Group(None, None)


def keys_in(text: str, pseudonyms: Pseudonyms) -> tuple[str, ...]:
    """The keys of entries for a text: of each address in it, "@domain", or a pseudonym "#…".

    Several addresses in a cell are all meant: one left out would go on getting messages.  Raises
    ValueError, with a sentence, for any other text, and for a pseudonym of another ledger.
    """
    written = text.strip(BLANKS)
    if written.startswith("@"):
        return (f"@{normalise(f'everyone{written}').domain}",)
    if is_pseudonym(written):
        if not written.startswith(pseudonyms.marks):
            raise ValueError("it is the pseudonym of an address that another ledger has erased")
        return (written,)
    return tuple(found.address.key for found in read_addresses(text))


def _folded(columns: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in columns]


def _source(path: Path) -> Source:
    kind, label = path.suffix.lower(), str(path)
    if kind == ".zip":
        raise UserError(Problem("this is an archive", label, hint="unpack it and import the files in it"))
    if kind in _JSON:
        return SesSuppressionTable(path, label)
    if kind in _WORKBOOKS:
        return Worksheet(path, label, None, hidden="take")
    if kind == ".parquet":
        return ParquetFile(path, label)
    return CsvFile(path, label, None, None)


def _address_column(columns: tuple[str, ...], wanted: str | None, label: str) -> int:
    """The index of the column with the addresses."""
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
