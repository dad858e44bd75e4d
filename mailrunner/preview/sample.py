"""The rows of a list that are worth a look before anything is sent.

By default the first ones, and those in which a template most likely goes wrong: the longest value, the
emptiest row, the one with most characters beyond ASCII.  The list is streamed, and only what is chosen is
kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailrunner.errors import Problem, UserError
from mailrunner.model.address import BLANKS
from mailrunner.model.number_and_noun import counted
from mailrunner.model.written_address import read_address
from mailrunner.recipients.reader import RecipientList, RecipientRow, flag_duplicates

FIRST = 3
_REASONS = 3  # that differ, for a list without a usable row


@dataclass(frozen=True, slots=True)
class Specimen:
    """One row, and the reasons why it was chosen."""

    entry: RecipientRow
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """The chosen rows in the list's order, the number of rows, and of those that are valid and no duplicates.

    `reasons` are the first for which rows are invalid.  The numbers are None where the list was not read to
    its end, because all addresses were found.
    """

    specimens: tuple[Specimen, ...]
    rows: int | None
    mailable: int | None
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class _Record:
    """The row with the highest score; the first of equals."""

    best: int = 0
    entry: RecipientRow | None = None

    def offer(self, score: int, entry: RecipientRow) -> None:
        if score > self.best:
            self.best, self.entry = score, entry


@dataclass(slots=True)
class Extremes:
    """The edge cases of a list."""

    columns: Sequence[str]
    longest: _Record = field(default_factory=_Record)
    emptiest: _Record = field(default_factory=_Record)
    foreign: _Record = field(default_factory=_Record)

    def consider(self, entry: RecipientRow) -> None:
        """Compare one more row with them."""
        values = entry.values
        self.longest.offer(max(map(len, values)), entry)
        self.emptiest.offer(sum(1 for value in values if not value or value.isspace()), entry)
        joined = "".join(values)
        if not joined.isascii():
            self.foreign.offer(sum(1 for character in joined if not character.isascii()), entry)

    def has(self, row: int) -> bool:
        """True while row `row` is one of them."""
        records = (self.longest, self.emptiest, self.foreign)
        return any(record.entry is not None and record.entry.row == row for record in records)

    def specimens(self) -> Iterator[tuple[RecipientRow, str]]:
        """The rows, each with its reason."""
        if entry := self.longest.entry:
            place = [len(value) for value in entry.values].index(self.longest.best)
            length = counted(self.longest.best, "character")
            yield entry, f"the longest value: {self.columns[place]}, {length}"
        if entry := self.emptiest.entry:
            cells = counted(len(self.columns), "cell")
            yield entry, f"the emptiest row: {self.emptiest.best} of {cells} empty"
        if entry := self.foreign.entry:
            names = [c for c, value in zip(self.columns, entry.values, strict=False) if not value.isascii()]
            yield entry, f"most characters beyond ASCII: {', '.join(names)}"


def choose(recipients: RecipientList, *, first: int | None, addresses: Sequence[str]) -> Sample:
    """Choose as `sample` does, or as `pick` where addresses are given; as both where `first` is given too.

    Raises UserError for addresses that no row has.
    """
    if not addresses:
        return sample(recipients, first=FIRST if first is None else first)
    picked = pick(recipients, addresses)
    if first is None:
        return picked
    rest = sample(recipients, first=first)
    both = (*rest.specimens, *picked.specimens)
    merged = _merged((specimen.entry, reason) for specimen in both for reason in specimen.reasons)
    return replace(rest, specimens=merged)


def sample(recipients: RecipientList, *, first: int = FIRST) -> Sample:
    """Choose the first `first` valid rows, and the edge cases among all valid rows."""
    chosen: list[tuple[RecipientRow, str]] = []
    extremes = Extremes(recipients.columns)
    reasons: dict[str, str] = {}
    rows = mailable = 0
    for entry, is_duplicate in flag_duplicates(recipients.chunks()):
        rows += 1
        if entry.problem and len(reasons) < _REASONS:
            reasons.setdefault(entry.problem, f"row {entry.row}: {entry.problem}")
        if entry.problem or is_duplicate:
            continue
        mailable += 1
        if mailable <= first:
            chosen.append((entry, "the first row" if first == 1 else f"among the first {first}"))
        extremes.consider(entry)
    return Sample(_merged([*chosen, *extremes.specimens()]), rows, mailable, tuple(reasons.values()))


def pick(recipients: RecipientList, addresses: Iterable[str]) -> Sample:
    """Choose the rows with these addresses, however they are spelled; UserError names those not there."""
    wanted = {_key(address): address for address in addresses}
    found: dict[str, RecipientRow] = {}
    for chunk in recipients.chunks():
        for entry in chunk:
            if (key := entry.key or entry.address) in wanted:
                found.setdefault(key, entry)
        if len(found) == len(wanted):
            break
    UserError.collect(
        Problem(f"no row of the list has the address {address}", hint="look for its spelling in the list")
        for key, address in wanted.items()
        if key not in found
    )
    return Sample(_merged((entry, "asked for by its address") for entry in found.values()), None, None)


def _key(address: str) -> str:
    """The key of an address; for an invalid one its text, as the list has it."""
    try:
        return read_address(address).address.key
    except ValueError:
        return address.strip(BLANKS)


def _merged(chosen: Iterable[tuple[RecipientRow, str]]) -> tuple[Specimen, ...]:
    """One specimen a row, with all reasons for it, in the list's order."""
    reasons: dict[int, list[str]] = {}
    entries: dict[int, RecipientRow] = {}
    for entry, reason in chosen:
        entries[entry.row] = entry
        reasons.setdefault(entry.row, []).append(reason)
    return tuple(Specimen(entries[row], tuple(reasons[row])) for row in sorted(entries))
