"""The types that the steps of a batch share: a run's terms, its open transaction, its deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mailrunner.model.quota import Limit
from mailrunner.store.quota_usage import UsageLog
from mailrunner.store.schema import CAMPAIGN_SHIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTerms:
    """The conditions of every claim of a run.

    `limits` are the account's, `pace` the campaign's own; `reserve` (slots) and `zone` the account's.
    `content_digest` is of what this run renders: where another process accepted other content, nothing
    is claimed.  `stop_if_failing` is a share (0 to 1) of the last answers or None, `setup_digest` names
    the credentials where they are refused.
    """

    campaign_no: int
    account_no: int
    lists: Collection[str]
    transactional: bool
    limits: Sequence[Limit]
    pace: Sequence[Limit]
    reserve: int
    zone: ZoneInfo
    content_digest: str
    stop_if_failing: float | None = None
    setup_digest: str = ""


class RunTransaction(NamedTuple):
    """An open transaction of a run, with all that the steps of a batch share.

    `usage` are the slots of the account and, if the campaign has a pace of its own, those of the campaign;
    `now` is the ledger's time.
    """

    connection: Connection
    terms: ClaimTerms
    usage: Sequence[UsageLog]
    now: datetime


QueuePosition = tuple[int, int]  # `not_before` in microseconds, and the id
QUEUE_START: QueuePosition = (0, 0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed delivery with its row's data; `waited` is the sum of its waits so far."""

    id: int
    token: int
    row: int
    key: str
    address: str
    values: tuple[str, ...]
    attempts: int
    waited: timedelta

    @property
    def campaign_no(self) -> int:
        return self.id >> CAMPAIGN_SHIFT


class SendPermit(StrEnum):
    """The ledger's last word before a message is handed to a connection."""

    GO = "go"
    LOST = "lost"  # the claim is no longer ours
    SUPPRESSED = "suppressed"
    HELD = "held"  # paused, cancelled or stopped meanwhile; the delivery is queued again
