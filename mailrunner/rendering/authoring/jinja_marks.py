"""Jinja's braces as single words, so that a converter carries them along unread; and back again.

Converting moves texts to other lines.  `restored` says for each line of its result from which line of the
source the Jinja on it comes, and breaks lines inside braces where two sources would meet on one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

_OPENING = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.DOTALL)
_STATEMENT = re.compile(r"\{%[-+]?\s*(\w+)")
_HEAD = re.compile(r"\{[{%][-+]?")
_SALTS = ("mzq", "qzm", "mqz", "zmq", "qmz", "zqm")
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_EXPRESSION = re.compile(r"(\{\{[-+]?)(.*?)([-+]?\}\})", re.DOTALL)
_BRACE = re.compile(r"\{(?=[{%#])")


class Mark(NamedTuple):
    """One pair of braces: its text, the line it begins on, and the first word of a statement, else ""."""

    text: str
    line: int
    statement: str = ""

    @property
    def is_comment(self) -> bool:
        return self.text.startswith("{#")


class TemplateText(NamedTuple):
    """A template, and by its lines, counted from 0, the line of the file that their Jinja comes from."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text with a word in place of each pair of braces."""

    text: str
    marks: list[Mark]
    salt: str

    def word(self, number: int) -> str:
        """The word of mark `number`."""
        return f"{self.salt}{number}{self.salt[::-1]}"

    @property
    def words(self) -> re.Pattern[str]:
        """Matches each word; its first group is the number of the mark."""
        return re.compile(f"{self.salt}([0-9]+){self.salt[::-1]}")

    def filter(self, number: int, name: str) -> None:
        """Have the value of mark `number` go through a filter; a statement has none."""
        mark = self.marks[number]
        if found := _EXPRESSION.fullmatch(mark.text):
            self.marks[number] = mark._replace(text=f"{found[1]} ({found[2]}) | {name} {found[3]}")

    def restored(self, text: str) -> TemplateText:
        """Put the braces back into a converted text; comments are left out."""
        written = _RestoredText()
        rest = 0
        for found in self.words.finditer(text):
            written.plain(text[rest : found.start()])
            mark = self.marks[int(found[1])]
            if not mark.is_comment:
                written.jinja(mark)
            rest = found.end()
        written.plain(text[rest:])
        return TemplateText("".join(written.pieces), tuple(written.known_lines()))


class _RestoredText:
    """The restored text as it grows, and the source of each of its lines."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._lines: list[int | None] = [None]

    def plain(self, text: str) -> None:
        """Text of the converter; a brace that it made is none of Jinja's."""
        self.pieces.append(_BRACE.sub("{{ '{' }}", text))
        self._lines += [None] * text.count("\n")

    def jinja(self, mark: Mark) -> None:
        text = mark.text
        if self._lines[-1] not in (None, mark.line):
            text = _HEAD.sub(lambda head: head[0] + "\n", text, count=1)
            self._lines.append(None)
        self._lines[-1] = mark.line
        self._lines += [mark.line + n for n in range(1, mark.text.count("\n") + 1)]
        self.pieces.append(text)

    def known_lines(self) -> Iterator[int]:
        last = 1
        for line in self._lines:
            last = last if line is None else line
            yield last


def escaped(text: str) -> str:
    """A template of one line as HTML: the text around its braces escaped."""
    source = marked(text)
    return source.restored(escape(source.text)).text


def marked(source: str) -> MarkedText:
    """Put a word in place of each pair of braces of a template that parses."""
    lowered = source.lower()
    salt = next((salt for salt in _SALTS if salt not in lowered), "mzqx")
    text = MarkedText("", [], salt)
    pieces: list[str] = []
    marks: list[Mark] = []
    rest = 0
    for start, end in _braces(source):
        statement = _STATEMENT.match(source, start)
        line = source.count("\n", 0, start) + 1
        pieces += (source[rest:start], text.word(len(marks)))
        marks.append(Mark(source[start:end], line, statement[1] if statement else ""))
        rest = end
    return MarkedText("".join([*pieces, source[rest:]]), marks, salt)


def _braces(source: str) -> Iterator[tuple[int, int]]:
    """Where each pair of braces begins and ends; a raw block is one."""
    place = 0
    while found := _OPENING.search(source, place):
        start = found.start()
        raw = _RAW.match(source, start)
        if raw:
            place = raw.end()
        elif found[0] == "{#":
            place = source.find("#}", start) + 2
        else:
            place = _end(source, found.end(), "}}" if found[0] == "{{" else "%}")
        if place <= start + 1:  # never closed: what follows is text
            return
        yield start, place


def _end(source: str, place: int, closing: str) -> int:
    """The place behind the braces that are open at `place`; 0 where they are never closed."""
    depth = 0
    while place < len(source):
        character = source[place]
        if not depth and source.startswith(closing, place):
            return place + 2
        string = _STRING.match(source, place) if character in "\"'" else None
        depth += (character in _CLOSING) - (character in _CLOSING.values())
        place = string.end() if string else place + 1
    return 0
