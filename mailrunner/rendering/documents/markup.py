"""HTML in pieces that join to the very same text: nothing is parsed away, as by a parser of documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from typing import NamedTuple

_PIECE = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z)|<!\[[^>]*>|<![^>]*>|<\?[^>]*>)"
    r"|(?P<sheet><style\b[^>]*>.*?(?:</style\s*>|\Z))"
    r"|(?P<script><script\b[^>]*>.*?(?:</script\s*>|\Z))"
    r"|(?P<tag></?[a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^\"'<>])*+>)"
    r"|(?P<text>[^<]+|<)",
    re.DOTALL | re.IGNORECASE,
)
_NAME = re.compile(r"</?([a-zA-Z][\w:.-]*)")
_ATTRIBUTE = re.compile(
    r"(?P<name>[a-zA-Z_:@][\w:.@-]*)(?P<equals>\s*=\s*)(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'"
    r"|(?P<bare>[^\s\"'>]+))",
    re.DOTALL,
)
# Tags inside which a program splits a text; all others end a line or a cell.
INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "o:p",
    }
    | {
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
        "st1:personname",
    }
)


class MarkupPiece(NamedTuple):
    """A comment, sheet, script, tag or text; `name` is a tag's, in lower case."""

    kind: str
    text: str
    name: str = ""


def pieces_of(html: str) -> Iterator[MarkupPiece]:
    """The pieces of a document, in their order."""
    for found in _PIECE.finditer(html):
        kind = str(found.lastgroup)
        name = _NAME.match(found[0]) if kind == "tag" else None
        yield MarkupPiece(kind, found[0], name[1].lower() if name else "")


def with_attributes(tag: str, change: Callable[[str, str], str | None]) -> str:
    """The tag with each value, read, given to `change` with its name; None leaves it as it is written."""

    def changed(found: re.Match[str]) -> str:
        value = next(v for v in (found["double"], found["single"], found["bare"]) if v is not None)
        new = change(found["name"].lower(), unescape(value))
        return found[0] if new is None else f'{found["name"]}="{attribute_text(new)}"'

    head = _NAME.match(tag)
    start = head.end() if head else 0
    return tag[:start] + _ATTRIBUTE.sub(changed, tag[start:])


def attribute(tag: str, name: str) -> str | None:
    """The value of an attribute; None where the tag has none of that name."""
    for found in _ATTRIBUTE.finditer(tag):
        if found["name"].lower() == name:
            value = next(v for v in (found["double"], found["single"], found["bare"]) if v is not None)
            return unescape(value)
    return None


def attribute_text(value: str) -> str:
    """A value between double quotes; what stands in Jinja's braces is left to Jinja."""
    parts = re.split(r"(\{\{.*?\}\}|\{%.*?%\})", value, flags=re.DOTALL)
    return "".join(
        p.replace('"', "'") if n % 2 else escape(p, quote=False).replace('"', "&quot;")
        for n, p in enumerate(parts)
    )
