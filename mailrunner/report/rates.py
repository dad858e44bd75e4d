"""Bounces, complaints and unsubscribes as shares of what was accepted, against the limits of providers.

Sources: Google, "Email sender guidelines" (a rate of spam reports below 0.1 %, never 0.3 %); Yahoo, "Sender
best practices" (below 0.3 %); Amazon SES, "Reputation metrics" (bounces: under review from 5 %, paused from
10 %).  Each provider counts only what it sees itself: this share is what was reported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mailrunner.model.delivery import Counts
from mailrunner.model.inbound_event import EventKind


class EventLimit(NamedTuple):
    """The shares, in percent, from which providers take notice and from which they act, and in words."""

    notice: float
    act: float
    words: str


class EventCount(NamedTuple):
    """One kind of inbound event: label, meaning, number of messages, share in percent of those accepted.

    `limit` is None where no provider names one.
    """

    kind: EventKind
    label: str
    meaning: str
    number: int
    percent: float
    limit: EventLimit | None

    @property
    def level(self) -> str:
        """Below, near (a provider takes notice) or above (it acts); "" where there is no limit."""
        if self.limit is None:
            return ""
        if self.percent >= self.limit.act:
            return "above"
        return "near" if self.percent >= self.limit.notice else "below"


_COMPLAINTS = EventLimit(0.1, 0.3, "Google asks for less than 0.1 %, and for 0.3 % never to be reached")
_BOUNCES = EventLimit(5.0, 10.0, "Amazon SES reviews accounts from 5 %, and pauses them from 10 %")
LABELS = {  # label and meaning
    EventKind.BOUNCED: ("bounced", "accepted by the server, and bounced later"),
    EventKind.REFUSED: ("refused later", "bounced because of the sender or the content"),
    EventKind.SOFT_BOUNCED: ("not delivered this time", "a full mailbox, or a server that cannot be reached"),
    EventKind.COMPLAINED: ("complained", "marked as spam"),
    EventKind.UNSUBSCRIBED: ("unsubscribed", "by the link, or by e-mail"),
}
_LIMITS = {EventKind.BOUNCED: _BOUNCES, EventKind.COMPLAINED: _COMPLAINTS}
_BOUNCED = (EventKind.BOUNCED, EventKind.REFUSED)


def event_counts(numbers: Mapping[EventKind, int], counts: Counts) -> list[EventCount]:
    """The kinds of which there are any, in the order of `LABELS`.

    A message that bounced was accepted first, though its delivery failed.
    """
    accepted = counts.sent + sum(numbers.get(kind, 0) for kind in _BOUNCED)
    return [
        EventCount(kind, *texts, numbers[kind], 100 * numbers[kind] / max(accepted, 1), _LIMITS.get(kind))
        for kind, texts in LABELS.items()
        if numbers.get(kind)
    ]
