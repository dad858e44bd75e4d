"""The facts found out of one account; each part may also be `Unanswered`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailrunner.config.account import Account
from mailrunner.model.outcome import Outcome
from mailrunner.model.told_quota import ToldQuota
from mailrunner.sending.doctor.dmarc import DmarcFound
from mailrunner.sending.doctor.dns_lookup import DnsAnswer
from mailrunner.sending.doctor.finding import Finding
from mailrunner.sending.doctor.spf import SpfFound


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A part that could not be found out, with the reason in words."""

    reason: str = "there was no answer in time"


@dataclass(frozen=True, slots=True)
class ServerFound:
    """The server as a session without a login finds it; `refusal` says why there was none.

    `is_away`: it was not reached, or is busy, which says nothing of its TLS.
    `greeting_name` is what it calls itself, `greeting_address` the answer to a question for that name's
    address; None where it was not asked for.
    """

    refusal: str = ""
    is_away: bool = False
    certificate_ends: datetime | None = None
    greeting_name: str = ""
    greeting_address: DnsAnswer | None = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """Agreement of the domain that signs with that of From; None where DNS was not answered.

    `by_own_key`: the account's own DKIM key signs, not its provider.
    """

    signer: str
    is_aligned: bool | None
    by_own_key: bool


@dataclass(frozen=True, slots=True)
class BounceFound:
    """DNS of the domain of the bounce address, where it is another one than that of From."""

    spf: SpfFound
    mx: DnsAnswer
    address: DnsAnswer


@dataclass(frozen=True, slots=True)
class DomainFound:
    """DNS of one domain of From; `selectors` are those that were asked for.

    `alignment` is None where nothing is known of who signs.
    """

    spf: SpfFound
    dmarc: DmarcFound
    mx: DnsAnswer
    address: DnsAnswer
    selectors: Mapping[str, DnsAnswer] = field(default_factory=dict)
    alignment: Alignment | None = None


@dataclass(frozen=True, slots=True)
class ClickFound:
    """The answers of the one-click address to POST and GET: statuses, 0 where there was none.

    `asks`: the page of GET has a form, with which a recipient confirms the request.
    """

    url: str
    post: int = 0
    get: int = 0
    asks: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`ports` are "open", "refused", "silent" or "unreachable" by number; `domains` those of From.

    `proxied` are the same ports by the proxy of the environment or the account: "open", "forbidden",
    "failed", or "away" where it is the proxy that cannot be reached; none without a proxy.  `elsewhere` is
    the account's port at another server.  `own_keys` are findings; None without keys of one's own.
    """

    account: Account
    now: datetime
    addresses: tuple[str, ...] | Unanswered
    ports: Mapping[int, str | Unanswered]
    server: ServerFound | Unanswered
    quota: ToldQuota | Unanswered | None
    login: Outcome | Unanswered | None
    domains: Mapping[str, DomainFound | Unanswered]
    reverse: Mapping[str, tuple[DnsAnswer, bool] | Unanswered]
    click: ClickFound | Unanswered | None
    ahead: Mapping[str, timedelta | Unanswered]
    bounces: Mapping[str, BounceFound | Unanswered] = field(default_factory=dict)
    own_keys: Sequence[Finding] | Unanswered | None = None
    proxied: Mapping[int, str] = field(default_factory=dict)
    elsewhere: str = ""
