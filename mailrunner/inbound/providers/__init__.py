"""What providers say of a message, read out of what they post; one file for SES, one for the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailrunner.model.inbound_event import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """One event as the provider tells it.

    `names` are texts in which a token of ours may stand (a Message-ID, our own header), `provider_id` is
    what the provider calls the message, `event_id` is equal when the same event is posted again.
    `words` are the remote server's, `status` the RFC 3463 code where it is told apart.
    """

    kind: EventKind
    address: str
    event_id: str
    names: tuple[str, ...] = ()
    provider_id: str = ""
    happened_at: datetime | None = None
    words: str = ""
    status: str = ""
