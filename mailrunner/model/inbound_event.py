"""Inbound events: what a mail server, a provider or a recipient reports of one message or address.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events, as the report and the table `returns` spell them."""

    UNSUBSCRIBED = "unsubscribed"  # by our own token
    RESUBSCRIBED = "resubscribed"  # the same token took that back
    COMPLAINED = "complained"  # reported as spam
    BOUNCED = "bounced"  # refused for good
    REFUSED = "refused"  # for the sender's or the content's sake, which says nothing of the mailbox
    SOFT_BOUNCED = "soft_bounced"  # refused this time: mailbox full, host away for days
    DELAYED = "delayed"  # still being tried; never counts
    LIMIT_REACHED = "limit_reached"  # the account's provider says that its cap is reached
    ASKED = "asked"  # an unsubscribe request in free words; a user decides
    AUTO_REPLIED = "auto_replied"  # an absence notice and its like; never counts
    DELIVERED = "delivered"  # a provider says that the mailbox took it; evidence for what is in doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEvent:
    """One event.

    `delivery` is the number that a token or Message-ID of ours names, None if there was none; it names
    the recipient, whatever address the report has.  Without it, `address` is the recipient's, as it was
    written, and `provider_id` (the name the provider gave the message) tells which message.
    `happened_at` is by the reporter's clock, None if it names no time.  `source` is the reporter ("web",
    "inbox", "ses", …).  `fingerprint` is equal for the same report read twice (a Message-ID, a provider's
    event id); "" where repeating does no harm.  `list_key` is the list meant, "" for the delivery's own
    list, ALL for every list.  `code`, `enhanced_code`, `detail` are the remote server's reply code, RFC 3463
    code and text.  `identity` is the account's and `pause` how long it is paused, for LIMIT_REACHED.
    """

    kind: EventKind
    source: str
    delivery: int | None = None
    address: str = ""
    happened_at: datetime | None = None
    fingerprint: str = ""
    list_key: str = ""
    code: int | None = None
    enhanced_code: str = ""
    detail: str = ""
    provider_id: str = ""
    identity: str = ""
    pause: timedelta = timedelta(hours=24)


ALL = "*"


class IngestResult(StrEnum):
    """The effect of an event."""

    RECORDED = "recorded"
    REPEATED = "repeated"  # known already, nothing changed
    UNKNOWN = "unknown"  # no recipient of this ledger; kept for the record where it names an address
    TEST = "test"  # it is about a test message, and changes nothing
