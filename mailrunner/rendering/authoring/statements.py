"""Statements of Jinja on a line of their own, placed among the blocks of a Markdown document.

`{% for %}` around the items of a list or the rows of a table repeats these; around paragraphs, `{% if %}`
chooses these.  To the parser of Markdown such a line is not there.  Afterwards each statement is put between
two children of one container, those that belong together between children of the same one, so that
what is written is well-formed whatever they decide.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.tree import SyntaxTreeNode

from mailrunner.errors import Problem
from mailrunner.rendering.authoring.jinja_marks import Mark, MarkedText

_CLOSES = re.compile(r"end\w+")
_MIDDLE = frozenset({"else", "elif"})
_BLOCKS = frozenset(
    {"for", "if", "call", "filter", "macro", "with", "block", "autoescape", "set", "trans", "pluralize"}
)
_SETS = re.compile(r"\{%[-+]?\s*set\b[^=]*%\}", re.DOTALL)
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_CONTAINERS = frozenset({"root", "bullet_list", "ordered_list", "list_item", "tbody", "blockquote"})
_REPEATED = frozenset({"bullet_list", "ordered_list", "tbody"})


@dataclass(slots=True)
class StatementGroup:
    """Statements that belong together, as if, else and endif, by number of mark, and those in between."""

    name: str
    members: list[int]
    inner: list[StatementGroup] = field(default_factory=list)


@dataclass(slots=True)
class PlacedStatements:
    """The lines that are left for the parser, and for each statement on a line of its own its place.

    `places` is by number of mark: the number of the line, counted from 0, before which it stands.
    """

    lines: list[str]
    places: dict[int, int]
    groups: list[StatementGroup]


def groups_of(marks: Sequence[Mark]) -> list[StatementGroup]:
    """The statements in groups, in their order; a template that parses is balanced."""
    top: list[StatementGroup] = []
    opened: list[StatementGroup] = []
    for number, mark in enumerate(marks):
        name = mark.statement
        if not name or mark.text.endswith("endraw %}"):
            continue
        if opened and (_CLOSES.fullmatch(name) or name in _MIDDLE):
            opened[-1].members.append(number)
            if name not in _MIDDLE:
                opened.pop()
            continue
        group = StatementGroup(name, [number])
        (opened[-1].inner if opened else top).append(group)
        if name in _BLOCKS and (name != "set" or _SETS.fullmatch(mark.text)):
            opened.append(group)
    return top


def taken_out(source: MarkedText, kept: frozenset[int]) -> PlacedStatements:
    """Take the statements on lines of their own out of the text; those on the lines `kept` stay."""
    lines = source.text.split("\n")
    alone = {
        n: numbers
        for n, line in enumerate(lines)
        if n not in kept and (numbers := _alone(line, source)) is not None
    }
    top = groups_of(source.marks)
    own_line = {number for numbers in alone.values() for number in numbers}
    taken = set(_whole(top, own_line))
    result = PlacedStatements([], {}, top)
    for n, line in enumerate(lines):
        numbers = alone.get(n)
        if numbers is None or not taken.issuperset(numbers):
            result.lines.append(line)
            continue
        result.places.update(dict.fromkeys(numbers, len(result.lines)))
        following = next((later for m, later in enumerate(lines[n + 1 :], n + 1) if m not in alone), "")
        if not _goes_on(result.lines[-1] if result.lines else "", following) and numbers:
            result.lines.append("")
            result.places.update(dict.fromkeys(numbers, len(result.lines)))
    return result


def _alone(line: str, source: MarkedText) -> list[int] | None:
    """The statements of a line that has nothing else, [] for a line of comments; None for any other."""
    numbers = [int(found[1]) for found in source.words.finditer(line)]
    if not numbers or source.words.sub("", line).strip():
        return None
    marks = [source.marks[n] for n in numbers]
    if not all(mark.statement or mark.is_comment for mark in marks) or any(
        "raw" in m.statement for m in marks
    ):
        return None
    return [n for n, mark in zip(numbers, marks, strict=True) if mark.statement]


def _whole(groups: list[StatementGroup], own_line: set[int]) -> Iterator[int]:
    """The members of groups all of whose statements stand on lines of their own."""
    for group in groups:
        if own_line.issuperset(group.members):
            yield from group.members
            yield from _whole(group.inner, own_line)


def _goes_on(before: str, after: str) -> bool:
    """True if two lines are of one list or one table, which an empty line between them would end."""
    if "|" in before and "|" in after:
        return True
    is_listed = bool(_ITEM.match(before)) or before.startswith("  ")
    return is_listed and bool(_ITEM.match(after) or after.startswith("  "))


class StatementPlaces:
    """The place of each statement: by container, before which line of the parsed text."""

    def __init__(self, placed: PlacedStatements, root: SyntaxTreeNode, marks: Sequence[Mark], label: str):
        """Raises nothing: what cannot be placed is among `problems` afterwards."""
        self._placed, self._marks, self._label = placed, marks, label
        self._parents: dict[int, list[SyntaxTreeNode]] = {}
        self._containers = list(_containers(root))
        self._chosen: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.problems: list[Problem] = []
        for group in placed.groups:
            self._place(group, root)
        for chosen in self._chosen.values():
            chosen.sort()

    def before(self, container: SyntaxTreeNode, start: int, end: int) -> list[int]:
        """The statements of a container whose place is from line `start` on and before or at line `end`."""
        return [number for place, number in self._chosen.get(id(container), ()) if start < place <= end]

    def _place(self, group: StatementGroup, within: SyntaxTreeNode) -> None:
        if all(number in self._placed.places for number in group.members):
            places = [self._placed.places[number] for number in group.members]
            inside = _below(within, self._containers)
            fitting = [one for one in inside if all(self._fits(one, place) for place in places)]
            if not fitting:
                self._complain(group)
                return
            within = _preferred(group, fitting)
            self._chosen[id(within)] += zip(places, group.members, strict=True)
        for inner in group.inner:
            self._place(inner, within)

    def _fits(self, container: SyntaxTreeNode, place: int) -> bool:
        """True if the place is at the edge of a container or between two of its children."""
        after = next((n for n in range(place, len(self._placed.lines)) if self._is_text(n)), 1 << 30)
        before = next((n + 1 for n in range(place - 1, -1, -1) if self._is_text(n)), -1)
        if container.type != "root":
            start, end = self._extent(container)
            if after < start or before > end:
                return False
        extents = (self._extent(child) for child in container.children if child.map)
        return not any(start < before and after < end for start, end in extents)

    def _extent(self, node: SyntaxTreeNode) -> tuple[int, int]:
        start, end = node.map or (0, 0)
        while end > start and not self._is_text(end - 1):
            end -= 1
        return start, end

    def _is_text(self, number: int) -> bool:
        lines = self._placed.lines
        return number < len(lines) and bool(lines[number].strip())

    def _complain(self, group: StatementGroup) -> None:
        line = self._marks[group.members[0]].line
        message = f"line {line}: {{% {group.name} %}} begins and ends in different parts of the text"
        hint = "let it begin and end between two paragraphs, items of one list or rows of one table"
        self.problems.append(Problem(message, self._label, hint=hint))


def _containers(node: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    if node.type in _CONTAINERS:
        yield node
    for child in node.children:
        yield from _containers(child)


def _below(within: SyntaxTreeNode, containers: list[SyntaxTreeNode]) -> list[SyntaxTreeNode]:
    """The containers from `within` down, outermost first."""
    own = {id(one) for one in within.walk()}
    return [one for one in containers if id(one) in own]


def _preferred(group: StatementGroup, fitting: list[SyntaxTreeNode]) -> SyntaxTreeNode:
    """A loop repeats the items of a list and not lists; all else stands around as much as it can."""
    if group.name == "for":
        return next((one for one in fitting if one.type in _REPEATED), fitting[0])
    return fitting[0]
