"""Slots: the places of values in a document, and how a value is spelled there once it is inlined.

A *slot* is a place of one value.  Its `SlotKind` says what becomes of the value between the rendered and the
inlined document: the parser takes character references away and the serialiser puts its own.  A
spelling is exact for the values that it accepts and None for all others (control characters, markup
that the row brings along, what only means something together with its neighbours): those are part of
the shape and not of the slot, and so are blank values.  An empty one is spelled as nothing wherever the
plan of a shape was found to hold with it: a document that is not indented is the same around it.

The spellings are those of libxml2's HTML parser and serialiser.  They need not be trusted: every plan is
tried with `HOSTILE` values before it is used, see `plans`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

_Known = Callable[[str], str | None]

_TOKEN = "zq7q"  # noqa: S105 - a word that no newsletter has
TOKENS = re.compile(r"zq7qz(\d+)zq7qz")

_ORDINARY = "\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
# In an attribute a '"' decides how the whole of it is quoted, so it has no spelling of its own.
_REFERENCES = {"&amp;": "&amp;", "&lt;": "&lt;", "&gt;": "&gt;", "&#39;": "'"}
# A reference, a run that is plain everywhere, or one character.
_ATOM = re.compile(r"&(?:amp|lt|gt|#34|#39);|[!#-%(-;=?-~]+|.", re.DOTALL)

# Text in these is not parsed, or its beginning is not kept.
_RAW = frozenset(
    {"iframe", "listing", "noembed", "noframes", "noscript", "plaintext", "pre", "script", "style"}
    | {"template", "textarea", "xmp"}
)
# What stands in these is read by the parser (the encoding) or by premailer (media, data-premailer).
_READ = frozenset({"meta", "script", "style"})
_URLS = frozenset({"action", "href", "src"})
# With a reference, or a part of one, before it a value may mean something else.
_CUT = re.compile(r"&#?\w*\Z|<[!/?]?-?\Z")
_JOINED = re.compile(r"(?:&|&#?\w+;|<)!?-?\Z")


@dataclass(frozen=True, slots=True)
class Spelling:
    """`is_clean` is true of values that stay as they are, `clean` its pattern; `known` spells other atoms."""

    clean: str
    is_clean: Callable[[str], object]
    is_risky: Callable[[str], object]
    known: _Known

    def spell(self, value: str) -> str | None:
        """Return what becomes of a value, None if that is not sure."""
        if self.is_clean(value):
            return value
        if not value or value.isspace() or self.is_risky(value):
            return None
        atoms = [self.known(atom) for atom in _ATOM.findall(value)]
        return None if None in atoms else "".join(atoms)  # type: ignore[arg-type]


class SlotKind(Enum):
    """The part of the inlined document that holds the value."""

    TEXT = "text"
    ATTRIBUTE = "attribute"
    URL = "url attribute"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Place:
    """A slot of a document: the number of its element, and, in an attribute, the whole of that."""

    kind: SlotKind
    element: int = -1
    tag: str = ""
    attribute: str = ""
    value: str = ""


def all_clean(kind: SlotKind, many: int, may_be_empty: bool) -> Callable[[str], object]:
    """Return a test of so many values at once, each with a NUL behind it: true if all stay as they are."""
    are_clean = _any_clean(kind, may_be_empty)
    # Counted, as a value may hold a NUL itself and look like two.
    return lambda joined: joined.count("\0") == many and are_clean(joined)


@lru_cache(maxsize=2 * len(SlotKind))
def _any_clean(kind: SlotKind, may_be_empty: bool) -> Callable[[str], object]:
    one = f"(?:{SPELLINGS[kind].clean})?+" if may_be_empty else SPELLINGS[kind].clean
    return re.compile(f"(?:{one}\0)*+").fullmatch


def token(slot: int) -> str:
    """A word that stands for the value of a slot."""
    return f"{_TOKEN}z{slot}{_TOKEN}z"


def cut(static: str, *, attribute: bool = False) -> bool:
    """True if the text before a slot ends in what a value might complete."""
    return bool(_CUT.search(static) or (attribute and _JOINED.search(static)))


def places(page: Any) -> dict[int, Place]:
    """The slots of a document with tokens in them; those that have no kind are left out."""
    found: dict[int, Place] = {}
    twice: set[int] = set()
    for slot, place in _places(page):
        twice |= {slot} & found.keys()
        found[slot] = place
    return {slot: place for slot, place in found.items() if slot not in twice}


def _places(page: Any) -> Iterator[tuple[int, Place]]:
    number = -1
    for node in page.iter():
        element = isinstance(node.tag, str)
        number += element
        if element and node.tag not in _RAW:
            yield from _all(node.text, Place(SlotKind.TEXT))
        elif not element and not hasattr(node, "target"):  # a processing instruction has a target
            yield from _all(node.text, Place(SlotKind.COMMENT))
        yield from _all(node.tail, Place(SlotKind.TEXT))
        if element and node.tag not in _READ:
            for name, value in node.attrib.items():
                kind = SlotKind.URL if _is_url(node.tag, name) else SlotKind.ATTRIBUTE
                yield from _all(value, Place(kind, number, node.tag, name, value))


def _all(text: str | None, place: Place) -> Iterator[tuple[int, Place]]:
    if text and _TOKEN in text:
        for found in TOKENS.finditer(text):
            yield int(found[1]), place


def _is_url(tag: str, attribute: str) -> bool:
    return attribute in _URLS or (attribute == "name" and tag == "a")


def _spelling(clean: str, known: _Known, risky: str) -> Spelling:
    return Spelling(clean, re.compile(clean).fullmatch, re.compile(risky).search, known)


def _known(ordinary: str, references: Mapping[str, str]) -> _Known:
    is_ordinary = re.compile(f"[{ordinary}]+").fullmatch
    return lambda atom: references.get(atom) or (atom if is_ordinary(atom) else None)


def _in_url(atom: str) -> str | None:
    """As libxml2 writes it: whatever is not plain ASCII as the octets of its UTF-8."""
    if atom in _REFERENCES:
        return _REFERENCES[atom]
    if _PLAIN_URL.fullmatch(atom):
        return atom
    return "".join(f"%{octet:02X}" for octet in atom.encode("utf-8")) if _ENCODED.fullmatch(atom) else None


_PLAIN_URL = re.compile("[!#-%(-;=?-~]+")
_ENCODED = re.compile(f"[\t\n {_ORDINARY}]")
_IN_TEXT = rf"\t\n -%'-;=?-~{_ORDINARY}"
_IN_ATTRIBUTE = rf"\t\n !#-%(-;=?-~{_ORDINARY}"
_NOT_BLANK = r"(?=[\t\n ]*+[^\t\n \0])"  # a class of all scripts takes a millisecond to compile: one each
_IN_COMMENT = rf"\t\n -;=?-~{_ORDINARY}"
# libxml2 keeps "&{…}" and "<!--" in attributes as they are, and drops blanks around a URL.
_RISKY = r"&amp;(?:\{|\Z)|&lt;(?:!|\Z)"

# A clean value has at least one character that is not blank; what parsers do with the others depends on more.
SPELLINGS: Mapping[SlotKind, Spelling] = {
    SlotKind.TEXT: _spelling(
        rf"{_NOT_BLANK}[{_IN_TEXT}]*",
        _known(_IN_TEXT, {**_REFERENCES, "&#34;": '"'}),
        r"\A\Z",
    ),
    SlotKind.ATTRIBUTE: _spelling(
        rf"{_NOT_BLANK}[{_IN_ATTRIBUTE}]*", _known(_IN_ATTRIBUTE, _REFERENCES), _RISKY
    ),
    SlotKind.URL: _spelling("[!#-%(-;=?-~]+", _in_url, rf"{_RISKY}|\A\s|\s\Z"),
    SlotKind.COMMENT: _spelling(
        r"[!-,.-;=?-~][\t\n -,.-;=?-~]*(?<!!)",
        _known(
            _IN_COMMENT, {reference: reference for reference in ("&amp;", "&lt;", "&gt;", "&#34;", "&#39;")}
        ),
        r"[<>]|--|\A-|[-!]\Z",
    ),
}

# Of a value that is a part of the shape.
LITERAL = _spelling(r"(?!)", lambda atom: None, "")

# What a slot must be able to hold: every reference, blanks, quotes, characters of all sizes.
HOSTILE: Mapping[SlotKind, str] = {
    SlotKind.TEXT: " q &amp;&lt;b&gt; &#34;&#39; é\xa0中😀\n= / - x ",
    SlotKind.ATTRIBUTE: " q &amp;&lt;b&gt; &#39; é\xa0中😀\n= / - x ",
    SlotKind.URL: "q &amp;&lt;b&gt; &#39; é\xa0中😀\n= / - x",
    SlotKind.COMMENT: " q &amp; é\xa0中😀\n= / - x ",
}
