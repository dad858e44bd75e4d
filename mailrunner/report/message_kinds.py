"""Kinds of message in a campaign: what was sent has the same fixed text, with other values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailrunner.errors import RowError
from mailrunner.rendering.mime import Message
from mailrunner.store.report_rows import ReportRow

MOST_LOOKED_AT = 1_000  # messages, evenly spread over the list: rendering a million takes minutes
_MOST_KINDS = 20  # above that a template writes what is no value, and its kinds say nothing
Render = Callable[[ReportRow], Message]


@dataclass(slots=True)
class SentKind:
    """One kind: the number of messages looked at that are of it, and the first of them."""

    address: str
    subject: str
    octets: int
    number: int = 0


class MessageKinds(NamedTuple):
    """The kinds among the messages looked at, of all that were sent; the most frequent first."""

    looked_at: int
    sent: int
    kinds: Sequence[SentKind]


def message_kinds(rows: Iterable[ReportRow], render: Render, *, sent: int) -> MessageKinds | None:
    """Render rows again and tell their kinds apart; None where they are too many, or none could be made."""
    found: dict[int, SentKind] = {}
    looked_at = 0
    for row in rows:
        try:
            wording, message = _wording(row, render, found)
        except RowError:  # the files have changed since
            continue
        looked_at += 1
        kind = found.setdefault(wording, SentKind(row.address, message.subject, message.size))
        kind.number += 1
    if not found or len(found) > _MOST_KINDS:
        return None
    return MessageKinds(looked_at, sent, sorted(found.values(), key=lambda kind: -kind.number))


def _wording(row: ReportRow, render: Render, known: dict[int, SentKind]) -> tuple[int, Message]:
    """A number for the fixed texts of a message, and the message.

    The first message of a shape is made without a plan, which keeps fixed text and values apart: it is
    made twice.
    """
    message = render(row)
    if _number(message) not in known:
        message = render(row)
    return _number(message), message


def _number(message: Message) -> int:
    return hash((message.html_segments or message.text_segments).statics)
