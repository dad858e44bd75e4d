"""Two messages of a campaign side by side: what of their rows, their wording and their texts differs.

    found = Comparison.of(columns, (ana, message_of_ana), (bo, message_of_bo))

The fixed text between the values of a template tells "the same wording with other values" from "other
paragraphs": two recipients who took the same branches of every `{% if %}` have the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import NamedTuple

from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.rendering.segments import SegmentedText

MOST_WORDS = 2_000  # of a text: beyond that a comparison of words takes seconds
_WORD = re.compile(r"\S+[^\S\n]*|\s+")


class Wording(StrEnum):
    """The relation of two messages' fixed texts; UNKNOWN where they cannot be told from the values."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


class CellPair(NamedTuple):
    """A column with the cells of two rows; "" for a cell that a row does not have."""

    column: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        """True where the cells are not the same to the letter."""
        return self.left != self.right


class TextPiece(NamedTuple):
    """A piece of a compared text: `side` is "both", "left" or "right"."""

    side: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two messages; `is_whole` is false where the texts were too long to compare all."""

    cells: tuple[CellPair, ...]
    wording: Wording
    subject: tuple[TextPiece, ...]
    text: tuple[TextPiece, ...]
    is_whole: bool

    @classmethod
    def of(
        cls, columns: Sequence[str], left: tuple[RecipientRow, Message], right: tuple[RecipientRow, Message]
    ) -> Comparison:
        """Compare two rows and their messages; each message was made by a plan, where its shape has one."""
        (row, message), (other_row, other) = left, right
        text, is_whole = _texts(message.text_segments, other.text_segments)
        return cls(
            cells=tuple(
                CellPair(*cells) for cells in zip_longest(columns, row.values, other_row.values, fillvalue="")
            ),
            wording=_wording(message, other),
            subject=tuple(word_diff(message.subject, other.subject)[0]),
            text=tuple(text),
            is_whole=is_whole,
        )

    @property
    def differing(self) -> int:
        """The number of columns whose cells differ."""
        return sum(pair.differs for pair in self.cells)

    @property
    def is_same_text(self) -> bool:
        """True where the text parts are the same to the letter."""
        return all(piece.side == "both" for piece in self.text)


def wording_of(message: Message) -> tuple[str, ...]:
    """The fixed texts of a message: of its HTML, else of its text part."""
    return (message.html_segments or message.text_segments).statics


def word_diff(left: str, right: str) -> tuple[list[TextPiece], bool]:
    """The words that both texts have and those that one has, in reading order; False where it was cut off.

    What the texts begin and end with in common costs nothing; of the rest MOST_WORDS words are compared.
    """
    words, others = _WORD.findall(left), _WORD.findall(right)
    start = _common(words, others)
    end = _common(words[start:][::-1], others[start:][::-1])
    middle, other_middle = words[start : len(words) - end], others[start : len(others) - end]
    is_whole = max(len(middle), len(other_middle)) <= MOST_WORDS
    pieces = [TextPiece("both", "".join(words[:start]))]
    pieces += _compared(middle[:MOST_WORDS], other_middle[:MOST_WORDS])
    if is_whole:
        pieces.append(TextPiece("both", "".join(words[len(words) - end :])))
    return _joined(pieces), is_whole


def _wording(message: Message, other: Message) -> Wording:
    fixed, other_fixed = wording_of(message), wording_of(other)
    if fixed == other_fixed:
        return Wording.SAME
    # One text without a gap: its values stand in it, as of a template that has none.
    return Wording.UNKNOWN if 1 in (len(fixed), len(other_fixed)) else Wording.OTHER


def _texts(left: SegmentedText, right: SegmentedText) -> tuple[list[TextPiece], bool]:
    if left.statics != right.statics:
        return word_diff(left.text, right.text)
    pieces: list[TextPiece] = []
    for fixed, value, other in zip_longest(left.statics, left.values, right.values, fillvalue=""):
        pieces += [TextPiece("both", fixed), *_compared([value], [other])]
    return _joined(pieces), True


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """The number of words with which both begin."""
    pairs = zip(left, right, strict=False)
    differing = next((place for place, (one, other) in enumerate(pairs) if one != other), None)
    return min(len(left), len(right)) if differing is None else differing


def _compared(left: Sequence[str], right: Sequence[str]) -> Iterator[TextPiece]:
    for kind, start, end, other_start, other_end in SequenceMatcher(None, left, right).get_opcodes():
        if kind == "equal":
            yield TextPiece("both", "".join(left[start:end]))
        else:
            yield TextPiece("left", "".join(left[start:end]))
            yield TextPiece("right", "".join(right[other_start:other_end]))


def _joined(pieces: Iterable[TextPiece]) -> list[TextPiece]:
    """The pieces without empty ones, and neighbours of one side as one."""
    found: list[TextPiece] = []
    for piece in pieces:
        if found and found[-1].side == piece.side:
            found[-1] = TextPiece(piece.side, found[-1].text + piece.text)
        elif piece.text:
            found.append(piece)
    return found
