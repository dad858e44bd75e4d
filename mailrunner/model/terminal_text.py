"""Text of strangers on a terminal: lists and servers supply it, and it must not steer what it is shown on.

Control characters could move the cursor or run the terminal's own commands, embeddings and overrides (UAX 9)
turn round what is read, and a line separator begins a line that mailrunner did not write.
"""

from __future__ import annotations

import re
from typing import TextIO, cast

_BIDI = (0x61C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CODES = (*range(32), *range(127, 160), 0x2028, 0x2029, *_BIDI, *range(0xD800, 0xE000))
_STEERING = tuple(code for code in _CODES if chr(code) not in "\n\t")
_REPLACED = dict.fromkeys(_STEERING, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _STEERING}


_BREAKS = re.compile(r"\s*[\r\n\t\v\f\x85\u2028\u2029]\s*")


def one_line(text: str) -> str:
    """The text of a cell in a line of its own: a return sign for each line break, a blank for a tab."""
    return _BREAKS.sub(lambda found: " " if set(found[0]) <= set("\t ") else " ⏎ ", text.strip())


def printable(text: str) -> str:
    """The text with U+FFFD for every character that steers; newline and tab stay."""
    return text.translate(_REPLACED)


def printable_json(text: str) -> str:
    """The same JSON with every character that steers as an escape."""
    return text.translate(_ESCAPED)


def shown_on(stream: TextIO) -> TextIO:
    """The stream, or, where it is a terminal, one whose `write` makes text printable."""
    return cast("TextIO", _Terminal(stream)) if stream.isatty() else stream


class _Terminal:
    """As much of a text stream as writers of tables need."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(printable(text))
