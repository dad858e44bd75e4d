"""Style sheets read as browsers read them (CSS Syntax Module Level 3, by tinycss2).

Values are kept as they are written.  A declaration has a number by which it can be told later, when the
sheet is written again with `!important` behind some of them; nothing else of the sheet changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

# At-rules with style rules in them; they apply in some mail programs, sizes or colour schemes only.
_CONDITIONS = frozenset(
    {"media", "supports", "container", "layer", "document", "-moz-document", "scope", "starting-style"}
)
_IMPORTANT = " !important"


class Declaration(NamedTuple):
    """A declaration: name in lower case, value as written without comments, and its number in the sheets."""

    name: str
    value: str
    important: bool
    number: int = -1

    @property
    def text(self) -> str:
        """As it stands in a style attribute."""
        return f"{self.name}:{self.value}"


@dataclass(frozen=True, slots=True)
class RawRule:
    """A style rule: the texts of its selectors, its declarations; `conditional` inside of an at-rule."""

    selectors: tuple[str, ...]
    declarations: tuple[Declaration, ...]
    conditional: bool
    layered: bool


class Stylesheet:
    """One style sheet; `numbers` gives the declarations theirs."""

    def __init__(self, css: str, numbers: Iterator[int], *, conditional: bool = False) -> None:
        """`conditional` says that the whole of it applies only in some cases (`<style media=…>`)."""
        import tinycss2

        self._nodes: list[Any] = tinycss2.parse_component_value_list(css)
        self._numbers = numbers
        self._ends: dict[int, int] = {}  # of the last token of a value, by its identity
        self.rules = tuple(self._rules(self._nodes, conditional, False))

    def text(self, important: Collection[int]) -> str:
        """Write the sheet, with the declarations of these numbers made important."""
        return self._written(self._nodes, important)

    def _written(self, nodes: Iterable[Any], important: Collection[int]) -> str:
        pieces = []
        for node in nodes:
            block = node.type == "{} block"
            pieces.append(f"{{{self._written(node.content, important)}}}" if block else node.serialize())
            if self._ends.get(id(node)) in important:
                pieces.append(_IMPORTANT)
        return "".join(pieces)

    def _rules(self, nodes: Sequence[Any], conditional: bool, layered: bool) -> Iterator[RawRule]:
        import tinycss2

        for rule in tinycss2.parse_stylesheet(nodes, skip_comments=True, skip_whitespace=True):
            if rule.type == "qualified-rule":
                selectors = tuple(_selectors(rule.prelude))
                declarations = tuple(self._declarations(rule.content))
                if selectors and declarations:
                    yield RawRule(selectors, declarations, conditional, layered)
            elif rule.type == "at-rule" and rule.content and rule.lower_at_keyword in _CONDITIONS:
                yield from self._rules(rule.content, True, layered or rule.lower_at_keyword == "layer")

    def _declarations(self, content: Sequence[Any]) -> Iterator[Declaration]:
        for tokens in _chunks(content):
            found = _declaration(tokens)
            if found:
                declaration, last = found
                number = next(self._numbers)
                self._ends[id(last)] = number
                yield declaration._replace(number=number)


@lru_cache(maxsize=1024)
def declarations(style: str) -> tuple[Declaration, ...]:
    """The declarations of a style attribute."""
    import tinycss2

    found = map(_declaration, _chunks(tinycss2.parse_component_value_list(style)))
    return tuple(one[0] for one in found if one)


def numbers() -> Iterator[int]:
    """Numbers for the declarations of some sheets."""
    return count()


def _selectors(prelude: Iterable[Any]) -> Iterator[str]:
    text = ""
    for node in prelude:
        if node == ",":
            yield text.strip()
            text = ""
        elif node.type != "comment":
            text += node.serialize()
    yield text.strip()


def _chunks(content: Iterable[Any]) -> Iterator[list[Any]]:
    """The tokens between semicolons; nested rules, which mail programs do not know, are left out."""
    chunk: list[Any] = []
    for node in content:
        if node == ";":
            yield chunk
            chunk = []
        elif node.type == "{} block" and not (chunk and _is_custom(chunk)):
            chunk = []
        elif node.type != "comment" and (chunk or node.type != "whitespace"):
            chunk.append(node)
    yield chunk


def _is_custom(chunk: Sequence[Any]) -> bool:
    name = chunk[0].value if chunk[0].type == "ident" else ""
    return str(name).startswith("--")


def _declaration(tokens: list[Any]) -> tuple[Declaration, Any] | None:
    """A declaration and the last token of its value; None for what is no declaration."""
    if not tokens or tokens[0].type != "ident":
        return None
    name = tokens[0].value
    rest = [*tokens[1:]]
    while rest and rest[0].type == "whitespace":
        del rest[0]
    if not rest or rest[0] != ":":
        return None
    value = _stripped(rest[1:])
    important = len(value) > 1 and value[-1].type == "ident" and value[-1].lower_value == "important"
    if important:
        before = _stripped(value[:-1])
        important = bool(before) and before[-1] == "!"
        value = _stripped(before[:-1]) if important else value
    if not value or any(node.type == "error" for node in value):
        return None
    text = "".join(" " if node.type == "whitespace" else node.serialize() for node in value)
    return Declaration(name if name.startswith("--") else name.lower(), text, important), value[-1]


def _stripped(nodes: list[Any]) -> list[Any]:
    start, end = 0, len(nodes)
    while start < end and nodes[start].type == "whitespace":
        start += 1
    while start < end and nodes[end - 1].type == "whitespace":
        end -= 1
    return nodes[start:end]
