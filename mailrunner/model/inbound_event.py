"""A fact: what somebody out there says of one message, or of one address.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class EventKind(StrEnum):
    """What happened, as the report and the `returns` table spell it."""

    UNSUBSCRIBED = "unsubscribed"  # by our own token: the person said no
    RESUBSCRIBED = "resubscribed"  # the same person, by the same token, took that back
    COMPLAINED = "complained"  # reported as spam
    BOUNCED = "bounced"  # refused for good
    REFUSED = "refused"  # for the sender's or the content's sake, which says nothing of the mailbox
    SOFT_BOUNCED = "soft_bounced"  # refused this time: mailbox full, host away for days
    DELAYED = "delayed"  # still being tried; never counts
    LIMIT_REACHED = "limit_reached"  # the account's provider says that its cap is reached
    ASKED = "asked"  # somebody wrote in free words; a person decides
    AUTO_REPLIED = "auto_replied"  # an absence notice and its like; never counts
    DELIVERED = "delivered"  # a provider says that the mailbox took it; evidence for what is in doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEvent:
    """One fact.

    `delivery` is the number that a token or Message-ID of ours names, None if there was none; it says
    whom the fact is about, whatever address the report has.  Without it, `address` is whom it is about, as
    it was written, and `provider_id` (the name the provider gave the message) tells which message.
    `happened_at` is by the reporter's clock, None if it does not say.  `source` says who reported ("web",
    "inbox", "ses", …).  `fingerprint` is equal for the same report read twice (a Message-ID, a provider's
    event id); "" where repeating does no harm.  `list_key` is the list meant, "" for the delivery's own
    list, ALL for every list.  `code`, `enhanced_code`, `detail` are the remote server's reply code, RFC 3463
    code and words.  `identity` is the account's and `pause` how long it rests, for LIMIT_REACHED.
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
    """What a fact did."""

    RECORDED = "recorded"
    REPEATED = "repeated"  # known already, nothing changed
    UNKNOWN = "unknown"  # it names nobody of this ledger; kept for the record where it names an address
    TEST = "test"  # it is about a test message, and changes nothing
