"""CSS selectors that can be decided on the way down a document, one element after the other.

`path_of` reads a selector of tags, classes, ids and attributes, joined as descendants or children.
Its meaning is that of cssselect's XPath, which premailer uses: names are compared as they are spelled,
blanks are those of XML.  For any other selector (siblings, `:first-child`, namespaces, …) it gives None,
and `cascade` has lxml find the elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Test:
    """A question about one attribute; `operator` as in CSS, or "exists"."""

    name: str
    operator: str
    value: str = ""

    def holds(self, given: str | None) -> bool:
        """Answer it for the attribute's value, None where the element has no such attribute."""
        return given is not None and _OPERATORS[self.operator](given, self.value)

    def settled(self, beginning: str, end: str) -> bool:
        """True if the answer is the same for all values that begin and end in this way."""
        if self.operator in ("^=", "="):
            begins = beginning.startswith(self.value) and self.operator == "^="
            return begins or not self.value.startswith(beginning)
        if self.operator == "$=":
            return end.endswith(self.value) or not self.value.endswith(end)
        return self.operator == "exists"


@dataclass(frozen=True, slots=True)
class Step:
    """One compound of a selector, and how it is joined to the one before: " " or ">"."""

    joined: str
    tag: str | None
    classes: frozenset[str]
    tests: frozenset[Test]


Path = tuple[Step, ...]


def words(value: str | None) -> frozenset[str]:
    """The words of a class attribute."""
    return frozenset(_BLANKS.split(value)) - {""} if value else frozenset()


def path_of(tree: Any) -> Path | None:
    """Return the steps of a selector that cssselect has parsed, None if it needs more than steps."""
    from cssselect.parser import CombinedSelector

    steps: list[Step] = []
    while isinstance(tree, CombinedSelector):
        if tree.combinator not in (" ", ">"):
            return None
        step = _step(tree.subselector, tree.combinator)
        if step is None:
            return None
        steps.append(step)
        tree = tree.selector
    first = _step(tree, " ")
    return (first, *reversed(steps)) if first else None


def attributes_of(tree: Any) -> frozenset[str]:
    """Every attribute that a parsed selector may look at, whatever its form."""
    names = {"class", "id"}
    todo, seen = [tree], 0
    while seen < len(todo):
        node = todo[seen]
        seen += 1
        names |= {node.attrib} if hasattr(node, "attrib") else set()
        todo += [child for name in ("selector", "subselector") if (child := getattr(node, name, None))]
    return frozenset(names)


def _step(tree: Any, joined: str) -> Step | None:
    from cssselect.parser import Attrib, Class, Element, Hash

    classes: set[str] = set()
    tests: set[Test] = set()
    while not isinstance(tree, Element):
        if isinstance(tree, Class):
            classes.add(tree.class_name)
        elif isinstance(tree, Hash):
            tests.add(Test("id", "=", tree.id))
        elif isinstance(tree, Attrib) and (test := _test(tree)):
            tests.add(test)
        else:
            return None
        tree = tree.selector
    return None if tree.namespace else Step(joined, tree.element, frozenset(classes), frozenset(tests))


def _test(tree: Any) -> Test | None:
    operator = tree.operator
    if tree.namespace or getattr(tree, "flag", None) or operator not in _OPERATORS:
        return None
    return Test(tree.attrib, operator, tree.value.value if tree.value is not None else "")


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "exists": lambda given, value: True,
    "=": lambda given, value: given == value,
    "~=": lambda given, value: value in words(given),
    "|=": lambda given, value: given == value or given.startswith(f"{value}-"),
    "^=": lambda given, value: bool(value) and given.startswith(value),
    "$=": lambda given, value: bool(value) and given.endswith(value),
}
