"""The declarations that win: in the page as its template is written, and in the message as it is sent.

A style attribute beats a sheet.  So a declaration that only sometimes applies (in a narrow window, in
dark mode, under the pointer) and beats a rule in the page would lose to that rule once it is inlined.
`Precedence` says what restores the page's order:

- such a declaration becomes `!important` in the sheet (*promoted*), and with it those above it;
- what beats a promoted one on some element is written there with `!important` (*raised*);
- where both cannot be had, nothing that it beats is inlined on that element (*held back*).

`!important` of a sheet is not inlined: the sheet itself is sent too, and its own still counts there.
Order of the cascade: CSS Cascading and Inheritance Level 4, section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from mailrunner.rendering.inlining.properties import is_certain, related
from mailrunner.rendering.inlining.stylesheet import Declaration

Rank = tuple[int, int, tuple[int, int, int], int, int]
_SHEET, _OWN, _SHEET_IMPORTANT, _OWN_IMPORTANT = range(4)


class Entry(NamedTuple):
    """A declaration that applies to an element: `rank` in the page, the higher wins.

    `rule` is the number of its rule, -1 in the element's own style attribute, below that what is added
    to keep the look of an attribute.  `conditional` ones stay in
    the sheet; `dynamic` are those of them that wait for the reader to do something.
    """

    rank: Rank
    declaration: Declaration
    rule: int
    conditional: bool = False
    dynamic: bool = False

    @property
    def own(self) -> bool:
        """True if the element's own style attribute has it."""
        return self.rule == -1

    @property
    def promotable(self) -> bool:
        """True if it stays in the sheet and is not important there."""
        return self.conditional and not self.declaration.important

    @property
    def important_rank(self) -> Rank:
        """Where it stands if the sheet has it as important; layers then count the other way round."""
        return (_SHEET_IMPORTANT, -abs(self.rank[1]), *self.rank[2:])


class Precedence(NamedTuple):
    """The numbers of the declarations that are promoted, and of those that must not be."""

    promoted: frozenset[int] = frozenset()
    banned: frozenset[int] = frozenset()


def rank(
    declaration: Declaration, specificity: tuple[int, int, int], rule: int, place: int, *, layered: bool
) -> Rank:
    """The rank of a sheet's declaration; `place` is its number in the rule."""
    if declaration.important:
        return (_SHEET_IMPORTANT, 0 if layered else -1, specificity, rule, place)
    return (_SHEET, 0 if layered else 1, specificity, rule, place)


def own_entry(declaration: Declaration, place: int) -> Entry:
    """The entry of a declaration of an element's own style attribute."""
    level = _OWN_IMPORTANT if declaration.important else _OWN
    return Entry((level, 0, (0, 0, 0), 0, place), declaration, -1)


def decide(elements: Iterable[Sequence[Entry]]) -> Precedence:
    """Decide for a document, given for each element its entries with the lowest rank first."""
    mixed = [entries for entries in elements if any(entry.conditional for entry in entries)]
    banned: set[int] = set()
    while True:
        promoted = _promoted(mixed, banned)
        clashing = {number for entries in mixed for number in _clashing(entries, promoted)}
        if not clashing:
            return Precedence(frozenset(promoted), frozenset(banned))
        banned |= clashing


def inlined(entries: Sequence[Entry], decision: Precedence) -> list[tuple[Entry, bool]] | None:
    """What stands in the style attribute of an element: each entry, and if it is important there.

    None if the attribute stays as it is.
    """
    raised = _raised(entries, decision.promoted)
    held = _held_back(entries, decision.banned)
    kept = [entry for entry in entries if not entry.conditional and entry not in held]
    if all(entry.own for entry in kept) and not any(entry in raised for entry in kept):
        return None
    kept = [entry for place, entry in enumerate(kept) if not _superseded(entry, kept[place + 1 :])]
    return [(entry, (entry.own and entry.declaration.important) or entry in raised) for entry in kept]


def _pairs(entries: Sequence[Entry], *, below_conditional: bool = False) -> Iterator[tuple[Entry, Entry]]:
    """All pairs of entries that set something in common, the lower first; or those below conditional ones."""
    for place, higher in enumerate(entries):
        if below_conditional and not higher.conditional:
            continue
        for lower in entries[:place]:
            if related(lower.declaration.name, higher.declaration.name):
                yield lower, higher


def _promoted(elements: Sequence[Sequence[Entry]], banned: AbstractSet[int]) -> set[int]:
    """What beats something that is inlined, or something that is promoted."""
    pairs = [
        (lower, higher)
        for entries in elements
        for lower, higher in _pairs(entries, below_conditional=True)
        if higher.promotable and higher.declaration.number not in banned
    ]
    promoted = {higher.declaration.number for lower, higher in pairs if not lower.conditional}
    while True:
        more = {higher.declaration.number for lower, higher in pairs if lower.declaration.number in promoted}
        if more <= promoted:
            return promoted
        promoted |= more


def _raised(entries: Sequence[Entry], promoted: AbstractSet[int]) -> list[Entry]:
    """What would lose to a promoted declaration that it beats, and what beats that."""
    raised: list[Entry] = []
    if not promoted & {entry.declaration.number for entry in entries}:
        return raised
    for lower, higher in _pairs(entries):
        if higher.conditional or higher in raised:
            continue
        if lower in raised or (lower.declaration.number in promoted and _loses(higher, lower)):
            raised.append(higher)
    return raised


def _loses(inlined_one: Entry, promoted: Entry) -> bool:
    if inlined_one.own:
        return not inlined_one.declaration.important
    return not inlined_one.declaration.important or inlined_one.rank < promoted.important_rank


def _clashing(entries: Sequence[Entry], promoted: AbstractSet[int]) -> Iterator[int]:
    """The promoted declarations for which the page's order cannot be had on this element."""
    raised = _raised(entries, promoted)
    own = [entry.declaration.number for entry in entries if entry.declaration.number in promoted]
    for lower, higher in _pairs(entries, below_conditional=True) if own else ():
        if lower in raised:  # and so would beat what beats it in the page
            yield from own
        elif (
            lower.declaration.number in promoted and not lower.dynamic and _is_beaten(higher, lower, promoted)
        ):
            yield lower.declaration.number


def _is_beaten(higher: Entry, promoted_one: Entry, promoted: AbstractSet[int]) -> bool:
    """True if what is higher in the page, and stays in the sheet, would lose to a promoted declaration."""
    if higher.promotable:
        return higher.declaration.number not in promoted
    return higher.rank < promoted_one.important_rank


def _held_back(entries: Sequence[Entry], banned: AbstractSet[int]) -> list[Entry]:
    """What a declaration beats that must not be promoted, with all that this in turn beats."""
    held: list[Entry] = []
    if not banned & {entry.declaration.number for entry in entries}:
        return held
    for lower, higher in reversed(list(_pairs(entries))):
        if lower.own or lower.conditional or lower in held:
            continue
        if higher in held or (higher.promotable and higher.declaration.number in banned):
            held.append(lower)
    return held


def _superseded(entry: Entry, later: Sequence[Entry]) -> bool:
    """True if a later declaration of the same property leaves nothing to do for an earlier one.

    Of one rule both stay, as the author wrote the first for programs that do not know the second's value.
    """
    for other in later:
        if other.declaration.name == entry.declaration.name:
            if other.declaration.value == entry.declaration.value:
                return True
            if other.rule != entry.rule and is_certain(*other.declaration[:2]):
                return True
    return False
