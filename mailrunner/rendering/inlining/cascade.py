"""The styles of some sheets, with a memory.

Promise: the answers are those of `Styles`, found faster.  Selectors are not looked for in the whole
document one after the other: all plain ones are followed at once on the way down.  Which of them an element
satisfies depends on its own tag, class and answers to `Test`s and on how far each selector had come
above it, and both together are the key of a cache.  Selectors that look sideways go through lxml.

Not thread-safe: the caller holds the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailrunner.rendering.inlining.selectors import Path, Selector, Step, Test, attributes_of, words
from mailrunner.rendering.inlining.styles import UNSEEN, Basic, Finish, Rules, Sheets, Signature, Styles
from mailrunner.rendering.inlining.winners import Precedence

_LARGEST = 20_000  # entries of a cache, which starts again when it is full


class _State:
    """The progress of the selectors: satisfied by an element (`here`), or by it or one above it."""

    __slots__ = ("here", "moves", "path")

    def __init__(self, here: frozenset[tuple[int, int]], path: frozenset[tuple[int, int]]) -> None:
        self.here, self.path = here, path
        self.moves: dict[Any, tuple[_State, Rules]] = {}


class Cascade(Styles):
    """Styles that remember; `tests` are all that selectors ask on the way down.

    `sideways` are the attributes that selectors may look at from another element.
    """

    def __init__(self, sheets: Sheets, basic: Basic) -> None:
        """Read the sheets."""
        super().__init__(sheets, basic)
        self._paths: list[tuple[int, Path]] = []
        self._others: list[tuple[int, Selector]] = []
        self.sideways: frozenset[str] = frozenset()
        for number, rule in enumerate(self.rules):
            if rule.selector.path:
                self._paths.append((number, rule.selector.path))
            else:
                self._others.append((number, rule.selector))
                self.sideways |= attributes_of(rule.selector.tree)
        steps = [step for _, path in self._paths for step in path]
        self.tests: tuple[Test, ...] = tuple({test: None for step in steps for test in step.tests})
        self._forget()

    def matched(self, page: Any, elements: Sequence[Any], tags: Sequence[str]) -> list[Rules]:
        """For every element of a page, in document order, the rules that select it."""
        if not self.rules:
            return [()] * len(elements)
        if self._known > _LARGEST:
            self._forget()
        tests = [(test, test.name) for test in self.tests]
        asked = tuple(dict.fromkeys(test.name for test in self.tests))
        unasked = (None,) * len(asked)
        no_answers = (False,) * len(tests)
        states: dict[Any, _State] = {None: self._start}
        matched: list[Rules] = []
        for element, tag in zip(elements, tags, strict=True):
            get = element.get
            if tuple(map(get, asked)) == unasked:  # by far the most
                answers = no_answers
            else:
                answers = tuple([(given := get(n)) is not None and test.holds(given) for test, n in tests])
            signature = (tag, get("class"), answers)
            above = states[element.getparent()]
            move = above.moves.get(signature)
            if move is None:
                move = above.moves[signature] = self._step(above, *signature)
                self._known += 1
            states[element], rules = move
            matched.append(rules)
        return self._with_others(page, elements, tags, matched) if self._others else matched

    def finish(self, signature: Signature, decision: Precedence) -> Finish:
        """What is written into an element."""
        finish = self._finished.get((signature, decision))
        if finish is None:
            finish = self._finished[signature, decision] = super().finish(signature, decision)
            self._known += 1
        return finish

    def sheets(self, decision: Precedence) -> list[str]:
        """The texts of the sheets."""
        texts = self._sent.get(decision)
        if texts is None:
            texts = self._sent[decision] = super().sheets(decision)
            self._known += 1
        return texts

    def _decided(self, mixed: frozenset[Signature]) -> Precedence:
        decision = self._decisions.get(mixed)
        if decision is None:
            decision = self._decisions[mixed] = super()._decided(mixed)
            self._known += len(mixed)
        return decision

    def _forget(self) -> None:
        self._start = _State(frozenset(), frozenset())
        self._states: dict[tuple[Any, Any], _State] = {}
        self._finished: dict[tuple[Signature, Precedence], Finish] = {}
        self._sent: dict[Precedence, list[str]] = {}
        self._decisions: dict[frozenset[Signature], Precedence] = {}
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
        found = () if tag in UNSEEN else tuple(rules)
        return self._states.setdefault(seen, _State(*seen)), found

    def _with_others(
        self, page: Any, elements: Sequence[Any], tags: Sequence[str], matched: list[Rules]
    ) -> list[Rules]:
        more: dict[Any, list[int]] = {}
        for number, selector in self._others:
            for element in selector.find(page):
                more.setdefault(element, []).append(number)
        return [
            tuple(sorted((*rules, *more[element]))) if element in more and tag not in UNSEEN else rules
            for element, tag, rules in zip(elements, tags, matched, strict=True)
        ]


def _is(step: Step, tag: str, classes: frozenset[str], true: set[Test]) -> bool:
    return (step.tag is None or step.tag == tag) and step.classes <= classes and step.tests <= true
