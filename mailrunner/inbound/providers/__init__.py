"""Events as providers report them: one module for Amazon SES, one for the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailrunner.model.inbound_event import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One event as the provider reports it.

    `identifiers` are texts in which a token of ours may stand (a Message-ID, our own header), `provider_id`
    is the provider's name for the message, `event_id` is equal when the same event is posted again.
    `happened_at` is None where the provider does not say.  `text` is the remote server's reply, `status` its
    RFC 3463 code where the provider gives it apart.
    """

    kind: EventKind
    address: str
    event_id: str
    identifiers: tuple[str, ...] = ()
    provider_id: str = ""
    happened_at: datetime | None = None
    text: str = ""
    status: str = ""
