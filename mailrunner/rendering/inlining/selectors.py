"""CSS selectors: read, weighed, and found in a document.

`read_selector` gives what a selector asks of the document.  What it asks of the reader's mail program
(`:hover`, `:visited`) is left out, and the selector is `dynamic`; so is `:empty`, as a document must not
depend on whether a cell has text.

`path_of` takes a selector of tags, classes, ids and attributes, joined as descendants or children, apart
into steps that can be decided on the way down a document, one element after the other.  Its meaning is
that of cssselect's XPath for HTML.  For any other selector (siblings, `:first-child`, namespaces, …) it
gives None, and lxml finds the elements.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# They depend on the tree alone, and cssselect knows them.
_STATIC = frozenset(
    {"first-child", "last-child", "only-child", "first-of-type", "last-of-type", "only-of-type", "root"}
)
# Boxes beside an element's own (CSS Pseudo-Elements Module Level 4); browsers know others by no name here.
_PARTS = re.compile("after|before|first-[a-z]+|marker|placeholder|selection")
_COUNTED = frozenset({"nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"})
# Arguments that cssselect cannot read (`:not(.a, .b)`, `:nth-child(2 of .a)`) are left out as dynamic.
_ARGUMENTS = re.compile(r":[a-z-]+\([^()]*\)", re.IGNORECASE)
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


class Selector:
    """A selector: `tree` as cssselect parses it, without what is dynamic; `part` if of a box in an element.

    `specificity` is that of the whole selector (Selectors Level 3, section 9); `find` gives the
    elements of a page that it selects.
    """

    def __init__(self, text: str) -> None:
        """Raise an error of cssselect or lxml, or ValueError, if this is no selector that they know."""
        from cssselect import Selector as Parsed
        from cssselect import parse
        from lxml.cssselect import LxmlHTMLTranslator
        from lxml.etree import XPath

        (parsed,) = parse(text)
        self.part = parsed.pseudo_element is not None
        if self.part and not _PARTS.fullmatch(str(parsed.pseudo_element)):
            raise ValueError("a part of an element that not all browsers know")
        self.specificity: tuple[int, int, int] = parsed.specificity()
        self.tree, self.dynamic = _without_dynamic(parsed.parsed_tree)
        self.path = path_of(self.tree)
        self.find: Callable[[Any], Sequence[Any]] = XPath(
            LxmlHTMLTranslator().selector_to_xpath(Parsed(self.tree))
        )

    def without(self, parts: int) -> Selector:
        """The same for a selector of which so many parts were left out, each as specific as a class."""
        ids, classes, tags = self.specificity
        self.specificity, self.dynamic = (ids, classes + parts, tags), True
        return self


def read_selector(text: str) -> Selector | None:
    """Read a selector; None where only a mail program can say if it is one."""
    try:
        return Selector(text)
    except RecursionError:
        raise
    except Exception:  # whatever cssselect or lxml cannot read or find
        without, parts = _ARGUMENTS.subn("", text)
        try:
            return Selector(without or "*").without(parts) if parts else None
        except Exception:
            return None


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
        names |= {node.attrib.lower()} if hasattr(node, "attrib") else set()
        todo += [child for name in ("selector", "subselector") if (child := getattr(node, name, None))]
        todo += getattr(node, "selector_list", ())
    return frozenset(names)


def _without_dynamic(tree: Any) -> tuple[Any, bool]:
    """A parsed selector without what depends on the reader's program, and if there was such a thing."""
    from cssselect.parser import Attrib, Element

    if isinstance(tree, Element):
        return tree, False
    selector, dynamic = _without_dynamic(tree.selector)
    if tree.__class__.__name__ == "Pseudo" and tree.ident == "link":
        return Attrib(selector, None, "href", "exists", None), dynamic
    if _is_dynamic(tree):
        return selector, True
    tree = copy.copy(tree)
    tree.selector = selector
    if tree.__class__.__name__ == "CombinedSelector":
        tree.subselector, more = _without_dynamic(tree.subselector)
        dynamic = dynamic or more
    return tree, dynamic


def _is_dynamic(node: Any) -> bool:
    """True of a part of a compound that the document alone cannot answer, whatever stands before it."""
    match node.__class__.__name__:
        case "Pseudo":
            return node.ident not in _STATIC
        case "Function":
            return node.name not in _COUNTED
        case "Negation":
            return _without_dynamic(node.subselector)[1]
        case "Matching" | "SpecificityAdjustment":
            return any(_without_dynamic(one)[1] for one in node.selector_list)
        case "Relation":
            return True
    return False


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
    if tree.namespace:
        return None
    tag = tree.element.lower() if tree.element else None
    return Step(joined, tag, frozenset(classes), frozenset(tests))


def _test(tree: Any) -> Test | None:
    operator = tree.operator
    if tree.namespace or getattr(tree, "flag", None) or operator not in _OPERATORS:
        return None
    return Test(tree.attrib.lower(), operator, tree.value.value if tree.value is not None else "")


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "exists": lambda given, value: True,
    "=": lambda given, value: given == value,
    "~=": lambda given, value: value in words(given),
    "|=": lambda given, value: given == value or given.startswith(f"{value}-"),
    "^=": lambda given, value: bool(value) and given.startswith(value),
    "$=": lambda given, value: bool(value) and given.endswith(value),
}
