"""All messages of a list, rendered once in the background: kinds of message, findings, weights, failures.

A pass is over when the templates change; the next one begins.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from mailrunner.errors import RowError
from mailrunner.preview.comparison import word_diff, wording_of
from mailrunner.preview.list_index import IndexedRow, ListIndex, RenderedRow
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.rendering.lint import Remark

MOST_KINDS = 50  # above that a template writes what is no value, and its kinds say nothing
MOST_FINDINGS = 60  # kinds of finding that are counted: each has a bit in an integer of SQLite
_LONGEST_TEXT = 20_000  # characters of a kind's text that are kept, to say how it differs
_LONGEST_WORDS = 70


@dataclass(slots=True)
class MessageKind:
    """Messages with the same wording: how many, the place of the first, and its text part."""

    first: int
    text: str = ""
    count: int = 0


@dataclass(slots=True)
class FoundKind:
    """A kind of finding: its bit, how many messages have it, and the place of the first."""

    kind: str
    bit: int
    first: int
    count: int = 0


@dataclass(slots=True)
class RenderingPass:
    """One look at all messages; `findings` gives the remarks on one.

    `comparable` makes one whose links are those of every other.
    """

    index: ListIndex
    render: Callable[[RecipientRow], Message]
    comparable: Callable[[RecipientRow], Message]
    findings: Callable[[Message], tuple[Remark, ...]]
    rendered: int = 0
    failed: int = 0
    is_done: bool = False
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    found: dict[str, FoundKind] = field(default_factory=dict)
    _kinds: dict[int, MessageKind] = field(default_factory=dict)
    _odd: list[tuple[int, str]] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Let `run` end soon."""
        self._stopping.set()

    def run(self) -> None:
        """Render every row of the index, once that is read; `ended` is set when nothing more comes."""
        try:
            self._run()
        except sqlite3.Error as error:  # the disk for temporary files is full, or cannot be written
            self.error = f"the messages cannot be counted: {error}"
        finally:
            self.ended.set()

    def _run(self) -> None:
        while not self.index.is_read.wait(0.2):
            if self._stopping.is_set():
                return
        self.index.forget_rendered()
        after = 0
        while not self._stopping.is_set() and (rows := self.index.usable_after(after)):
            seen = [self._look_at(one) for one in rows if not self._stopping.is_set()]
            self.index.put_rendered(seen, self._odd)
            self._odd.clear()
            after = rows[-1].place
        self.is_done = not self._stopping.is_set()

    @property
    def kinds(self) -> list[MessageKind]:
        """The kinds of message so far, the most frequent first; empty where they cannot be told apart."""
        # A copy, in one step: the other thread may add one meanwhile.
        found = sorted(self._kinds.copy().values(), key=lambda kind: -kind.count)
        return found if len(found) <= MOST_KINDS else []

    def _look_at(self, one: IndexedRow) -> RenderedRow:
        self.rendered += 1
        try:
            message = self.render(one.entry)
        except RowError as error:
            self.failed += 1
            if self.failed == 1:
                self._odd.append((one.place, "the first without a message"))
            return RenderedRow(one.place, problem=str(error))
        self._count_kind(one, message)
        html = message.html
        weight = message.size if html is None else len(html.encode("utf-8", "replace"))
        return RenderedRow(one.place, weight, self._bits(one, message))

    def _bits(self, one: IndexedRow, message: Message) -> int:
        """Count the findings of one message."""
        bits = 0
        for kind in {remark.kind for remark in self.findings(message)}:
            if kind not in self.found:
                if len(self.found) >= MOST_FINDINGS:
                    continue
                self.found[kind] = FoundKind(kind, 1 << len(self.found), one.place)
            self.found[kind].count += 1
            bits |= self.found[kind].bit
        return bits

    def _count_kind(self, one: IndexedRow, message: Message) -> None:
        if len(self._kinds) > MOST_KINDS:
            return
        wording = hash(wording_of(message))
        if wording not in self._kinds:
            # The first message of a shape is made without a plan, which keeps fixed text and values apart.
            message = self.comparable(one.entry)
            wording = hash(wording_of(message))
        if wording not in self._kinds:
            self._kinds[wording] = MessageKind(one.place, message.text[:_LONGEST_TEXT])
            if len(self._kinds) > 1:
                self._odd.append((one.place, "the first with this wording"))
        self._kinds[wording].count += 1


@lru_cache(maxsize=4 * MOST_KINDS)
def how_it_differs(text: str, other: str) -> str:
    """The words that a text has and `other` has not, as "with …"; else those that it lacks; shortened."""
    pieces, _ = word_diff(other, text)
    for side, word in (("right", "with"), ("left", "without")):
        longest = max((piece.text for piece in pieces if piece.side == side), key=len, default="")
        words = " ".join(longest.split())
        if len(words.split()) > 1 or (words and side == "left"):
            shown = words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…"
            return f"{word} “{shown}”"
    return "other paragraphs"
