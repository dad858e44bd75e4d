"""A compiled message: the inlined document split at its values, verified against premailer before first use.

What premailer makes of a document depends on its tags, attributes, tree and sheets.  A `DocumentForm` is made
for the fixed texts of a rendering and knows which slots hold what no sheet looks at (`places`, by kind);
every other value is literal: its own text is a part of the key.  So is a value that has no spelling in
its slot, and the answers to what selectors ask of an attribute with values in it.  Equal
keys therefore mean equal documents but for the contents of text, attributes and comments that nothing
depends on.  `plan` inlines that document once, with tokens in the slots, and with the rules that the
actual message's elements have been found to have.

The argument rests on what libxml2 and premailer do, so every plan has to show it before it is used: filled
with the actual values and with hostile ones it must give exactly what inlining that document gives.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mailrunner.rendering.inlining.cached import CachedInliner, matches
from mailrunner.rendering.inlining.cascade import Cascade
from mailrunner.rendering.inlining.document import prepared, read, written
from mailrunner.rendering.inlining.premailer import one_at_a_time
from mailrunner.rendering.inlining.selectors import Test
from mailrunner.rendering.inlining.slots import (
    HOSTILE,
    LITERAL,
    SPELLINGS,
    TOKENS,
    Place,
    SlotKind,
    all_clean,
    cut,
    places,
    token,
)
from mailrunner.rendering.inlining.styles import Rules
from mailrunner.rendering.segments import SegmentedText, interleaved

Key = tuple[object, ...]
CleanTest = tuple[Callable[[str], object], Callable[[Sequence[str]], Sequence[str]]]

_XML = re.compile(r"\A\s*(?:<\?xml[^>]*\?>)?\s*\Z")


class NoPlanError(Exception):
    """This document cannot be made from pieces; the text is the reason."""


class Shape:
    """The inlined document of one shape: n+1 fixed pieces, and what holds each of the n values between."""

    def __init__(self, pieces: Iterable[str], kinds: Iterable[SlotKind]) -> None:
        self.pieces, self.kinds = tuple(pieces), tuple(kinds)

    def fill(self, values: Sequence[str]) -> str:
        """Return the document with values in their output spelling."""
        return interleaved(self.pieces, values)


@dataclass(frozen=True, slots=True)
class Asked:
    """An attribute that selectors ask about: n+1 fixed texts, the slots between, and the questions."""

    fixed: tuple[str, ...]
    slots: tuple[int, ...]
    tests: tuple[Test, ...]

    def answers(self, values: Sequence[str]) -> tuple[bool, ...]:
        """The answers for a message whose values are spelled as in its HTML."""
        given = interleaved(self.fixed, [html.unescape(values[slot]) for slot in self.slots])
        return tuple(test.holds(given) for test in self.tests)


class DocumentForm:
    """The slots of one sequence of fixed texts: a kind for each, None where the value is literal.

    Where no slot is literal and nothing is asked of a value, messages whose values all stay as they are have
    one key, `clean_key`, and `clean` finds them out: for each kind a test of its values, each with a NUL
    behind it, and what picks them.  Otherwise `clean` is None.
    """

    def __init__(
        self, kinds: Sequence[SlotKind | None], asked: Iterable[Asked], hollow: Collection[int] = ()
    ) -> None:
        """`hollow` are the slots whose value may be empty and leave the document the same."""
        self.kinds, self.asked, self.hollow = tuple(kinds), tuple(asked), frozenset(hollow)
        self._spellings = [
            (SPELLINGS[kind] if kind else LITERAL, slot in self.hollow)
            for slot, kind in enumerate(self.kinds)
        ]
        self.clean_key: Key = (None,) * len(self.kinds)
        self.clean = None if self.asked or None in self.kinds else _clean(self.kinds, self.hollow)

    def key(self, values: Sequence[str]) -> tuple[Key, list[str]]:
        """Return what of the values belongs to the shape, and the others in their output spelling."""
        key: list[object] = []
        spelled: list[str] = []
        for (spelling, hollow), value in zip(self._spellings, values, strict=True):
            if spelling.is_clean(value) or (hollow and not value):
                text: str | None = value
            else:
                text = spelling.spell(value)
            if text is None:
                key.append(value)
            else:
                key.append(None)
                spelled.append(text)
        for one in self.asked:
            # Only of what has a spelling is it known how the parser reads it.
            odd = any(key[slot] for slot in one.slots)
            key.append(tuple(values[slot] for slot in one.slots) if odd else one.answers(values))
        return tuple(key), spelled

    def keeps(self, key: Key, values: Sequence[str], slot: int, text: str) -> bool:
        """True if the key stays the same with this text in a slot that has a spelling in it."""
        spelling, hollow = self._spellings[slot]
        if not (hollow and not text) and spelling.spell(text) is None:
            return False
        asked = [
            (one, key[place]) for place, one in enumerate(self.asked, len(self.kinds)) if slot in one.slots
        ]
        if not asked:
            return True
        changed = (*values[:slot], text, *values[slot + 1 :])
        return all(
            not any(key[other] for other in one.slots) and one.answers(changed) == answer
            for one, answer in asked
        )


def _clean(kinds: Sequence[SlotKind | None], hollow: Collection[int]) -> list[CleanTest]:
    slots: dict[tuple[SlotKind, bool], list[int]] = {}
    for slot, kind in enumerate(kinds):
        if kind:
            slots.setdefault((kind, slot in hollow), []).append(slot)
    return [(all_clean(kind, len(chosen), may), _picking(chosen)) for (kind, may), chosen in slots.items()]


def _picking(slots: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return what takes the values of some slots from all; for one index an itemgetter gives no tuple."""
    return itemgetter(*slots) if len(slots) > 1 else itemgetter(slice(slots[0], slots[0] + 1))


@dataclass(frozen=True, slots=True)
class InliningPlan:
    """The plan of a message: its form, its key in that, and the shape."""

    form: DocumentForm
    key: Key
    shape: Shape
    values: tuple[str, ...]


class Planner:
    """Makes forms and plans with the help of the cached inliner; takes the lock for a moment at a time."""

    def __init__(self, cached: CachedInliner) -> None:
        self._cached = cached

    def form(
        self, segments: SegmentedText, literal: Iterable[int] = (), full: Iterable[int] = ()
    ) -> DocumentForm:
        """Find out what holds each slot; raise what reading the document raises.

        Some are `literal`; others must be `full`: their empty value makes another document.
        """
        fixed = set(literal) | _at_the_edge(segments.statics)
        fixed |= {slot for slot in range(len(segments.values)) if cut(segments.statics[slot])}
        shared = self._shared(segments)
        while True:
            found, asked, more = self._survey(segments, fixed, shared)
            if not more:
                kinds = [found[n].kind if n in found else None for n in range(len(segments.values))]
                hollow = {n for n, place in found.items() if place.kind is not SlotKind.COMMENT} - set(full)
                return DocumentForm(kinds, asked, hollow)
            fixed |= more

    def plan(self, segments: SegmentedText, form: DocumentForm) -> InliningPlan:
        """Plan a message of a form; raise NoPlanError or what inlining it raises.

        The plan has another form if slots of this one turn out to be literal.
        """
        while True:
            key, values = form.key(segments.values)
            shape, inlined = self._shape(form, key, segments)
            holds = shape.fill(values) == inlined
            literal = {n for n, kind in enumerate(form.kinds) if kind is None}
            full = set(range(len(form.kinds))) - form.hollow
            if weak := self._weak(form, key, segments, shape, holds=holds):
                form = self.form(segments, weak | literal, full)
            elif needed := self._needed(form, key, segments, shape):
                form = self.form(segments, literal, full | needed)
            else:
                return InliningPlan(form, key, shape, tuple(values))

    def _shape(self, form: DocumentForm, key: Key, segments: SegmentedText) -> tuple[Shape, str]:
        """Make the shape of a key from a message that has it, and inline that; raise NoPlanError if none."""
        slots = [n for n, kind in enumerate(form.kinds) if kind and key[n] is None]
        tokens = _filled(segments, {slot: token(slot) for slot in slots})
        with one_at_a_time:
            actual, document = read(prepared(segments.text)), read(prepared(tokens))
            if actual.sheets != document.sheets or actual.tags != document.tags:
                raise NoPlanError("a value changes what stands around it")
            cascade = self._cached.cascade(actual.sheets)
            found = places(document.page)
            matched = matches(actual, cascade)
            inlined, own = written(document, cascade, matched), written(actual, cascade, matched)
        before = _before(segments, set(slots))
        for slot in slots:
            if slot not in found or found[slot].kind is not form.kinds[slot]:
                raise NoPlanError("a value stands in another kind of place than before")
            if _looked_at(found[slot], cascade, matched):
                raise NoPlanError("a value stands in a style that is merged")
            if cut(before[slot], attribute=bool(found[slot].attribute)):
                raise NoPlanError("a value completes the one before it")
        texts = TOKENS.split(inlined)
        if [int(slot) for slot in texts[1::2]] != slots:
            raise NoPlanError("a value moves, or stands in two places")
        return Shape(texts[::2], [kind for n in slots if (kind := form.kinds[n])]), own

    def _weak(
        self, form: DocumentForm, key: Key, segments: SegmentedText, shape: Shape, *, holds: bool
    ) -> set[int]:
        """The slots that cannot hold every value after all; raise NoPlanError if it is none by itself.

        `holds` says that the shape gives the message itself.
        """
        slots = {n: HOSTILE[kind] for n, kind in enumerate(form.kinds) if kind and key[n] is None}
        hostile = {n: self._with_same_key(form, key, segments, n, text) for n, text in slots.items()}
        if holds and self._holds(form, key, shape, _with(segments, hostile)):
            return set()
        weak = {n for n in hostile if not self._holds(form, key, shape, _with(segments, {n: hostile[n]}))}
        if not weak:
            raise NoPlanError("its values cannot be told apart in the inlined document")
        return weak

    def _needed(self, form: DocumentForm, key: Key, segments: SegmentedText, shape: Shape) -> set[int]:
        """The slots that cannot be empty after all."""
        hollow = sorted(n for n in form.hollow if key[n] is None)
        empty = [n for n in hollow if self._with_same_key(form, key, segments, n, "") == ""]
        # Every other one too, so that each is also empty beside one that is not.
        for chosen in dict.fromkeys(map(tuple, (empty, empty[::2], empty[1::2]))):
            if chosen and not self._holds(form, key, shape, _with(segments, dict.fromkeys(chosen, ""))):
                alone = {n for n in empty if not self._holds(form, key, shape, _with(segments, {n: ""}))}
                return alone or set(empty)
        return set()

    def _shared(self, segments: SegmentedText) -> list[tuple[str, frozenset[int]]]:
        """The attributes with values in them, by name, and the slots of each."""
        with one_at_a_time:
            tokens = {slot: token(slot) for slot in range(len(segments.values))}
            found = places(read(prepared(_filled(segments, tokens))).page)
        return [
            (place.attribute, frozenset(map(int, TOKENS.findall(place.value)))) for place in found.values()
        ]

    def _survey(
        self, segments: SegmentedText, fixed: set[int], shared: Iterable[tuple[str, frozenset[int]]]
    ) -> tuple[dict[int, Place], list[Asked], set[int]]:
        """The places of all slots that are not fixed, and which more have to be."""
        slots = set(range(len(segments.values))) - fixed
        with one_at_a_time:
            document = read(prepared(_filled(segments, {slot: token(slot) for slot in slots})))
            found = places(document.page)
            joined = {n for n, p in found.items() if p.attribute and cut(segments.statics[n], attribute=True)}
            if more := (slots - found.keys()) | joined:
                return found, [], more
            cascade = self._cached.cascade(document.sheets)
            matched = matches(document, cascade)
            tested: dict[str, list[Test]] = {}
            for test in cascade.tests:
                tested.setdefault(test.name, []).append(test)
            more = {n for n, p in found.items() if _looked_at(p, cascade, matched)}
            # Beside a literal value the answers could not be foretold from the other ones.
            for name, beside in shared:
                more |= (beside & slots) if name in tested and beside & fixed else set()
            if more:
                return found, [], more
            inlined = written(document, cascade, matched)
        kept = [int(slot) for slot in TOKENS.findall(inlined)]
        return found, _asked(found.values(), tested), {slot for slot in slots if kept.count(slot) != 1}

    def _with_same_key(
        self, form: DocumentForm, key: Key, segments: SegmentedText, slot: int, text: str
    ) -> str:
        """A hostile value for a slot, such that the answers to what selectors ask stay the same."""
        actual = segments.values[slot]
        for value in (text, f"{actual}{text}", f"{text}{actual}"):
            if form.keeps(key, segments.values, slot, value):
                return value
        return actual

    def _holds(self, form: DocumentForm, key: Key, shape: Shape, segments: SegmentedText) -> bool:
        own, values = form.key(segments.values)
        return own == key and shape.fill(values) == self._cached.inline(segments.text)


def _looked_at(place: Place, cascade: Cascade, matched: Sequence[Rules]) -> bool:
    """True if the value itself, not only an answer about it, says what becomes of the document."""
    if place.attribute == "style":
        asked = any(test.name == "style" for test in cascade.tests)
        return asked or place.tag == "img" or bool(matched[place.element])
    return place.attribute == "class" or place.attribute in cascade.sideways


def _asked(found: Iterable[Place], tested: Mapping[str, Sequence[Test]]) -> list[Asked]:
    attributes = {(p.element, p.attribute, p.value) for p in found if p.attribute in tested}
    asked = []
    for _, name, value in sorted(attributes):
        texts = TOKENS.split(value)
        tests = tuple(test for test in tested[name] if not test.settled(texts[0], texts[-1]))
        if tests:
            asked.append(Asked(tuple(texts[::2]), tuple(map(int, texts[1::2])), tests))
    return asked


def _at_the_edge(statics: Sequence[str]) -> set[int]:
    """The slots with nothing but blanks before or behind: premailer strips a document."""
    count = len(statics) - 1
    first = next((n for n in range(count) if not _XML.match(statics[n])), count)
    last = next((n for n in range(count, 0, -1) if statics[n].strip()), 0)
    return {*range(first), *range(last, count)}


def _before(segments: SegmentedText, free: set[int]) -> list[str]:
    """The text before each slot, back to the last value that is free."""
    before, tail = [], ""
    for slot, (static, value) in enumerate(zip(segments.statics, segments.values, strict=False)):
        before.append(f"{tail}{static}")
        tail = "" if slot in free else f"{before[-1]}{value}"[-100:]
    return before


def _filled(segments: SegmentedText, words: Mapping[int, str]) -> str:
    return _with(segments, words).text


def _with(segments: SegmentedText, values: Mapping[int, str]) -> SegmentedText:
    statics, actual = segments
    return SegmentedText(statics, tuple(values.get(n, value) for n, value in enumerate(actual)))
