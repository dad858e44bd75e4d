"""What was found out of one account; each part may also be `Unanswered`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailrunner.config.account import Account
from mailrunner.model.outcome import Outcome
from mailrunner.model.quota import Limit
from mailrunner.sending.doctor.dmarc import DmarcFound
from mailrunner.sending.doctor.dns_lookup import DnsAnswer
from mailrunner.sending.doctor.spf import SpfFound


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A part that could not be found out, with the reason in words."""

    reason: str = "there was no answer in time"


@dataclass(frozen=True, slots=True)
class ServerFound:
    """The server as a session without a login finds it; `refusal` says why there was none."""

    refusal: str = ""
    certificate_ends: datetime | None = None
    greeting_name: str = ""


@dataclass(frozen=True, slots=True)
class DomainFound:
    """DNS of one domain of From; `selectors` are those that were asked for."""

    spf: SpfFound
    dmarc: DmarcFound
    mx: DnsAnswer
    address: DnsAnswer
    selectors: Mapping[str, DnsAnswer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuotaFound:
    """What the provider tells of the account; `sent` counts recipients of the last 24 hours."""

    limits: tuple[Limit, ...]
    sent: int


@dataclass(frozen=True, slots=True)
class ClickFound:
    """What the one-click address answered to POST and GET: statuses, 0 where there was none."""

    url: str
    post: int = 0
    get: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`ports` are "open", "refused", "silent" or "unreachable" by number; `domains` those of From."""

    account: Account
    now: datetime
    addresses: tuple[str, ...] | Unanswered
    ports: Mapping[int, str | Unanswered]
    server: ServerFound | Unanswered
    quota: QuotaFound | Unanswered | None
    login: Outcome | Unanswered | None
    domains: Mapping[str, DomainFound | Unanswered]
    reverse: Mapping[str, tuple[DnsAnswer, bool] | Unanswered]
    click: ClickFound | Unanswered | None
    ahead: Mapping[str, timedelta | Unanswered]
