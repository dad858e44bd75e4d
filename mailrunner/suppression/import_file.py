"""A file of people who want no mail: CSV, Excel, JSON, or one address a line.

    file = SuppressionFile.open(Path("left.csv"), column=None, pseudonyms=ledger.suppressions.pseudonyms())
    survey = file.survey(on_lists)        # what is in it, before anything is done
    for group, keys in file.groups(): ...   # what is to be suppressed, in chunks

Read twice, so that a person can look before anything is written, and in bounded memory.  What other
mailing systems export is recognised (`forms`), and says for each address for which reason it stands
there; what `suppress export` wrote says to which list too.  That is what a `Group` keeps together.
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
from mailrunner.recipients.csv_file import CsvFile
from mailrunner.recipients.excel import Worksheet
from mailrunner.recipients.parquet import ParquetFile
from mailrunner.recipients.source import Row, Source
from mailrunner.suppression.ses_json import SesSuppressionTable
from mailrunner.suppression.vendor_formats import EXPORT_COLUMNS, VendorFormat, recognise

__all__ = ["EXPORT_COLUMNS", "Group", "ImportFormat", "ImportSummary", "SuppressionFile", "name_of"]

_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_JSON = (".json", ".jsonl", ".ndjson")
_USUAL = ("email", "emailaddress", "address", "mail", "mailaddress", "recipient")
_EXAMPLES = 5


class Group(NamedTuple):
    """What addresses of the file share: a list and a reason, None where the file names none."""

    list_key: str | None
    reason: SuppressionReason | None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What is in a file: `listed` of `valid` addresses are on current lists; `examples` are problems.

    `living` are people of whom the file itself says that they may be mailed.
    """

    valid: int
    invalid: int
    listed: int
    living: int
    examples: tuple[str, ...]


class SuppressionFile:
    """One file; `addresses` is the place of its address column, `form` what it was recognised as."""

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
        """What kind of file it is, for a person; "" for a plain one."""
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
            place = _place(columns, column, source.label)
        return cls(source, headed=True, addresses=place, pseudonyms=pseudonyms, form=form)

    def survey(self, on_lists: Callable[[Collection[str]], Collection[str]]) -> ImportSummary:
        """Read it through; `on_lists` says which of some keys are on lists that are mailed now."""
        valid = invalid = listed = living = 0
        examples: list[str] = []
        for chunk in self._chunks():
            keys = []
            for number, cells in chunk:
                if self._group(number, cells) is None:
                    living += 1
                    continue
                try:
                    keys.append(name_of(cells[self._addresses], self._pseudonyms))
                except ValueError as error:
                    invalid += 1
                    if len(examples) < _EXAMPLES:
                        examples.append(f'line {number}, "{cells[self._addresses]}": {error}')
            mailed = on_lists(set(keys))
            valid += len(keys)
            listed += sum(key in mailed for key in keys)
        return ImportSummary(valid, invalid, listed, living, tuple(examples))

    def groups(self) -> Iterator[tuple[Group, list[str]]]:
        """The keys of all valid addresses, in chunks of one group each."""
        for chunk in self._chunks():
            groups: dict[Group, list[str]] = defaultdict(list)
            for number, cells in chunk:
                group = self._group(number, cells)
                if group is None:
                    continue
                try:
                    groups[group].append(name_of(cells[self._addresses], self._pseudonyms))
                except ValueError:
                    continue  # the survey has named it
            yield from groups.items()

    def _group(self, number: int, cells: tuple[str, ...]) -> Group | None:
        """What the row belongs to; None for somebody who may be mailed."""
        form = self._form
        if form is None:
            return _UNNAMED
        written = cells[self._reason].strip().casefold() if self._reason is not None else ""
        reason = form.reasons.get(written, form.otherwise)
        if reason is None:
            self._refuse_unknown(form, written, number)
            return None
        return Group(list_key(cells[self._list]) if self._list is not None else None, reason)

    def _refuse_unknown(self, form: VendorFormat, written: str, number: int) -> None:
        if written not in form.reasons:
            problem, words = f'there is no {form.by} "{written}"', ", ".join(form.reasons)
            raise UserError(Problem(problem, self._source.label, f"line {number}", f"it may be {words}"))

    def _chunks(self) -> Iterator[list[Row]]:
        if self._headed:
            return self._source.chunks()
        first: list[Row] = [(self._source.first_row - 1, self._source.columns)]
        return chain([first], self._source.chunks())


_UNNAMED = Group(None, None)


def name_of(text: str, pseudonyms: Pseudonyms) -> str:
    """The name under which something typed, or read, stands on the table: an address, "@domain", "#…".

    Raises ValueError, with a sentence, for what is none of them, and for a pseudonym of another ledger.
    """
    written = text.strip(BLANKS)
    if written.startswith("@"):
        return f"@{normalise(f'everyone{written}').domain}"
    if is_pseudonym(written):
        if not written.startswith(pseudonyms.mark):
            raise ValueError("it stands for somebody whom another ledger has forgotten")
        return written
    return normalise(text).key


def _folded(columns: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in columns]


def _source(path: Path) -> Source:
    kind, label = path.suffix.lower(), str(path)
    if kind == ".zip":
        raise UserError(Problem("this is an archive", label, hint="unpack it and import the files in it"))
    if kind in _JSON:
        return SesSuppressionTable(path, label)
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
