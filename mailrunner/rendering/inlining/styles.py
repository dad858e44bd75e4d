"""The style rules of a document's sheets, and what they make of each of its elements.

Everything here is a pure function of the sheets; `cascade` is the same with a memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from mailrunner.rendering.inlining.attributes import LEGACY
from mailrunner.rendering.inlining.selectors import Selector, read_selector
from mailrunner.rendering.inlining.stylesheet import Declaration, RawRule, Stylesheet, declarations, numbers
from mailrunner.rendering.inlining.winners import Entry, Precedence, decide, inlined, own_entry, rank

Sheets = tuple[tuple[str, bool], ...]
"""The sheets of a document: the CSS of each, and if it applies only in some cases."""

Rules = tuple[int, ...]
Basic = Callable[[Any, str], None]
"""Writes into an element the attributes that premailer derives from a style."""

# No style makes any of them show, and none is inherited from them.
UNSEEN = frozenset({"base", "head", "link", "meta", "noscript", "script", "style", "template", "title"})


_VENDORS = ":-"
_SHEETS = 64
# Outlook knows no float, only `align`; that alone would align an image with the top of its line, too.
_ON_THE_LINE = Entry((-1, 0, (0, 0, 0), 0, 0), Declaration("vertical-align", "baseline", False), -2)


class Signature(NamedTuple):
    """All that decides about the style of an element."""

    rules: Rules
    own: str
    tag: str
    sized: bool  # an image that has a width or a height of its own


class Finish(NamedTuple):
    """The result for one element: its style, None where that stays, and more attributes."""

    style: str | None
    attributes: tuple[tuple[str, str], ...]


class StyleRule(NamedTuple):
    """A selector and its declarations; `conditional` if they are not always in force."""

    selector: Selector
    raw: RawRule
    conditional: bool


class Styles:
    """The rules of some sheets, numbered in the order in which they stand there."""

    def __init__(self, sheets: Sheets, basic: Basic) -> None:
        self._basic = basic
        self._texts = [css for css, _ in sheets]
        self._sheets, self.rules = _read(sheets)
        self._conditional = frozenset(n for n, rule in enumerate(self.rules) if rule.conditional)

    def matched(self, page: Any, elements: Sequence[Any], tags: Sequence[str]) -> list[Rules]:
        """For every element of a page, in document order, the rules that select it."""
        found: dict[Any, list[int]] = {}
        for number, rule in enumerate(self.rules):
            for element in rule.selector.find(page):
                found.setdefault(element, []).append(number)
        return [
            () if tag in UNSEEN else tuple(found.get(element, ()))
            for element, tag in zip(elements, tags, strict=True)
        ]

    def decision(self, signatures: Iterable[Signature]) -> Precedence:
        """What has to become important, for a document with these elements."""
        mixed = {one for one in signatures if not self._conditional.isdisjoint(one.rules)}
        return self._decided(frozenset(mixed)) if mixed else Precedence()

    def sheets(self, decision: Precedence) -> list[str]:
        """The texts of the sheets."""
        if not decision.promoted:
            return self._texts
        return [sheet.text(decision.promoted) for sheet in self._sheets]

    def finish(self, signature: Signature, decision: Precedence) -> Finish:
        """What is written into an element."""
        chosen = inlined(self.entries(signature), decision)
        if chosen is None:
            return Finish(None, ())
        texts = [f"{e.declaration.text} !important" if raised else e.declaration.text for e, raised in chosen]
        written = SimpleNamespace(attrib={}, tag=signature.tag, sized=signature.sized)
        told = (e.declaration for e, _ in chosen if e is not _ON_THE_LINE)
        if legacy := ";".join(declaration.text for declaration in told if declaration.name in LEGACY):
            self._basic(written, legacy)
        attributes = written.attrib | {"align": _side(e for e, _ in chosen) if signature.tag == "img" else ""}
        return Finish("; ".join(texts), tuple((name, value) for name, value in attributes.items() if value))

    def entries(self, signature: Signature) -> list[Entry]:
        """The declarations for an element, the lowest rank first."""
        entries = [entry for number in signature.rules for entry in self._entries(number)]
        own = declarations(signature.own) if signature.own else ()
        entries += [own_entry(declaration, place) for place, declaration in enumerate(own)]
        entries.sort(key=_rank_of)
        if signature.tag == "img" and _side(entries):
            entries.insert(0, _ON_THE_LINE)
        return entries

    def _decided(self, mixed: frozenset[Signature]) -> Precedence:
        return decide([self.entries(signature) for signature in sorted(mixed)])

    def _entries(self, number: int) -> list[Entry]:
        selector, raw, conditional = self.rules[number]
        return [
            Entry(
                rank(declaration, selector.specificity, number, place, layered=raw.layered),
                declaration,
                number,
                conditional,
                selector.dynamic,
            )
            for place, declaration in enumerate(raw.declarations)
        ]


@lru_cache(maxsize=_SHEETS)
def _read(sheets: Sheets) -> tuple[tuple[Stylesheet, ...], tuple[StyleRule, ...]]:
    """Read the sheets, once for all that need them."""
    counted = numbers()
    read = tuple(Stylesheet(css, counted, conditional=conditional) for css, conditional in sheets)
    return read, tuple(rule for sheet in read for raw in sheet.rules for rule in _rules(raw))


def _rules(raw: RawRule) -> Iterator[StyleRule]:
    """A rule for each selector; where one of them cannot be read, a browser may know better or drop all."""
    found = [read_selector(text) for text in raw.selectors]
    doubtful = None in found or any(_VENDORS in text for text in raw.selectors)
    for selector in found:
        if selector is not None and not selector.part:
            yield StyleRule(selector, raw, raw.conditional or doubtful or selector.dynamic)


def _rank_of(entry: Entry) -> Any:
    return entry.rank


def _side(entries: Iterable[Entry]) -> str:
    """The side to which an image floats, "" for none."""
    side = ""
    for entry in entries:
        if entry.declaration.name == "float" and not entry.conditional:
            side = entry.declaration.value.lower()
    return side if side in ("left", "right") else ""
