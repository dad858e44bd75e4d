"""The cascade: which rules of a document's style sheets apply to each element, and what they write.

Promise: the answers are premailer's, found faster.  The sheets are read, their rules weighed, merged and
turned into attributes by premailer's own functions, each once for the same arguments; they are pure.
New is only the finding of the elements.  premailer evaluates one XPath a selector over the whole document.
Here all plain selectors are followed at once on the way down: which of them an element satisfies
depends on its own tag, class and answers to `Test`s and on how far each selector had come above it, and
both together are the key of a cache.  Selectors that look sideways go through lxml as premailer's do.

Not thread-safe, like cssutils: the caller holds the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

from mailrunner.rendering.inlining.selectors import Path, Step, Test, attributes_of, path_of, words

Sheets = tuple[str | None, ...]
Rules = tuple[int, ...]
Finish = tuple[str, tuple[tuple[str, str], ...]]

_LARGEST = 20_000  # entries of a cache, which starts again when it is full


class UnsureError(Exception):
    """Only premailer itself can say what becomes of this document; the text is the reason."""


class _State:
    """How far the selectors have come: satisfied by an element (`here`), or by it or one above it."""

    __slots__ = ("here", "moves", "path")

    def __init__(self, here: frozenset[tuple[int, int]], path: frozenset[tuple[int, int]]) -> None:
        self.here, self.path = here, path
        self.moves: dict[Any, tuple[_State, Rules]] = {}


class Cascade:
    """The rules of some sheets in the order in which they apply; `tests` are all that selectors ask.

    `sideways` are the attributes that selectors may look at from another element.
    """

    def __init__(self, sheets: Sheets, offline: Callable[[str], Any]) -> None:
        """Read the sheets; raise whatever premailer raises of them."""
        self._premailer = offline("")
        rules = [
            rule
            for index, css in enumerate(sheets)
            for rule in self._premailer._parse_style_rules(css, index)[0]
        ]
        rules.sort(key=itemgetter(0))
        self._selectors = {selector for _, selector, _ in rules}
        self._styles: list[str] = [style for _, _, style in rules]
        self._paths: list[tuple[int, Path]] = []
        self._sideways: list[tuple[int, Callable[[Any], Sequence[Any]]]] = []
        self.sideways: frozenset[str] = frozenset()
        for number, (_, selector, _) in enumerate(rules):
            self._add(number, selector)
        steps = [step for _, path in self._paths for step in path]
        self.tests: tuple[Test, ...] = tuple({test: None for step in steps for test in step.tests})
        self._forget()

    def match(self, page: Any, elements: Sequence[Any], tags: Sequence[str]) -> list[Rules]:
        """For every element of a page, in document order, the rules that apply to it."""
        if self._known > _LARGEST:
            self._forget()
        tests = [(test, test.name) for test in self.tests]
        states: dict[Any, _State] = {None: self._start}
        matched: list[Rules] = []
        for element, tag in zip(elements, tags, strict=True):
            get = element.get
            answers = tuple([(given := get(n)) is not None and test.holds(given) for test, n in tests])
            signature = (tag, get("class"), answers)
            above = states[element.getparent()]
            move = above.moves.get(signature)
            if move is None:
                move = above.moves[signature] = self._step(above, *signature)
                self._known += 1
            states[element], rules = move
            matched.append(rules)
        return self._with_sideways(page, elements, matched) if self._sideways else matched

    def apply(self, element: Any, rules: Rules) -> None:
        """Write into an element what the rules, at least one, make of it."""
        inline = element.get("style", "")
        finish = self._finished.get((rules, inline))
        if finish is None:
            finish = self._finished[rules, inline] = self._merged(rules, inline)
            self._known += 1
        style, attributes = finish
        if style:
            element.set("style", style)
        for name, value in attributes:
            element.set(name, value)

    def align(self, image: Any) -> None:
        """Say of an image that floats, in an attribute, to which side."""
        import cssutils

        style = image.get("style")
        if style is None:
            return
        side = self._floats.get(style)
        if side is None:
            side = self._floats[style] = str(cssutils.parseStyle(style).float)
            self._known += 1
        if side in ("left", "right"):
            image.set("align", side)

    def _add(self, number: int, selector: str) -> None:
        from cssselect import parse
        from lxml.cssselect import CSSSelector
        from premailer.premailer import FILTER_PSEUDOSELECTORS

        if ":" in selector and f":{selector.split(':', 1)[1]}" not in FILTER_PSEUDOSELECTORS:
            raise UnsureError("a selector that premailer takes apart")
        compiled = CSSSelector(selector)  # raises what premailer would
        (parsed,) = parse(selector)
        path = path_of(parsed.parsed_tree)
        if path:
            self._paths.append((number, path))
        else:
            self._sideways.append((number, compiled))
            self.sideways |= attributes_of(parsed.parsed_tree)

    def _forget(self) -> None:
        self._start = _State(frozenset(), frozenset())
        self._states: dict[tuple[Any, Any], _State] = {}
        self._finished: dict[tuple[Rules, str], Finish] = {}
        self._floats: dict[str, str] = {}
        self._known = 0

    def _step(
        self, above: _State, tag: str, classes: str | None, answers: tuple[bool, ...]
    ) -> tuple[_State, Rules]:
        own = words(classes)
        true = {test for test, answer in zip(self.tests, answers, strict=True) if answer}
        here: set[tuple[int, int]] = set()
        rules: list[int] = []
        for number, path in self._paths:
            for place, step in enumerate(path):
                reached = above.path if step.joined == " " else above.here
                if (place and (number, place - 1) not in reached) or not _is(step, tag, own, true):
                    continue
                if place == len(path) - 1:
                    rules.append(number)
                else:
                    here.add((number, place))
        seen = (frozenset(here), above.path | here)
        return self._states.setdefault(seen, _State(*seen)), tuple(rules)

    def _with_sideways(self, page: Any, elements: Sequence[Any], matched: list[Rules]) -> list[Rules]:
        more: dict[Any, list[int]] = {}
        for number, compiled in self._sideways:
            for element in compiled(page):
                more.setdefault(element, []).append(number)
        return [
            tuple(sorted((*rules, *more[element]))) if element in more else rules
            for element, rules in zip(elements, matched, strict=True)
        ]

    def _merged(self, rules: Rules, inline: str) -> Finish:
        """The style attribute, and the attributes that premailer derives from it."""
        from premailer.merge_style import csstext_to_pairs, merge_styles

        # premailer's cache takes such a style for the selector (see `inline`); what then happens
        # depends on all the messages before.
        if inline and (":" not in inline or inline in self._selectors):
            raise UnsureError("a style attribute that reads like a selector")
        styles = [csstext_to_pairs(self._styles[number], validate=False) for number in rules]
        style = merge_styles(inline, styles, [""] * len(styles), remove_unset_properties=True)
        written = SimpleNamespace(attrib={})
        self._premailer._style_to_basic_html_attributes(written, style, force=True)
        return style, tuple(written.attrib.items())


def _is(step: Step, tag: str, classes: frozenset[str], true: set[Test]) -> bool:
    return (step.tag is None or step.tag == tag) and step.classes <= classes and step.tests <= true
