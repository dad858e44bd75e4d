"""Inbound events: bounces, complaints, clicks, unsubscribe requests.

ledger.inbound_events.ingest(events)           record events and apply their effects, in one transaction
ledger.inbound_events.apply_waiting()          bounces that came before their delivery's own answer
ledger.inbound_events.open_requests · review   unsubscribe requests in free words, which a user decides
ledger.inbound_events.token_holder · lists_of  the recipient of a link, and the lists they can leave
ledger.inbound_events.counts                   the numbers of a campaign
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store.database import Database
from mailrunner.store.event_effects import TAKEN_BACK, apply_waiting_reports
from mailrunner.store.event_matching import MatchedEvent, by_number
from mailrunner.store.ingest import ingest, ingest_matched, lock_ingest
from mailrunner.store.schema import CAMPAIGN_SHIFT, TESTS, campaigns, deliveries, lists, returns
from mailrunner.store.suppression_entries import entries_of


class ReviewDecision(StrEnum):
    """The user's decision about an unsubscribe request in free words."""

    UNSUBSCRIBE = "unsubscribe"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """A mail that may ask for an unsubscription; `words` is its text.

    `list_key` and `list_name` are "" where it would be all lists.
    """

    no: int
    key: str
    delivery: int | None
    list_key: str
    list_name: str
    source: str
    words: str
    happened_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """The recipient of a delivery's link, and the list it was for, ALL_LISTS where it was for none.

    `campaign_file` and `domain` (of its Message-IDs) tell who sent it; `is_bulk` is False for a message that
    concerns its recipient alone, which unsubscribing does not stop.
    """

    delivery: int
    key: str
    list_key: str
    list_name: str
    campaign_file: str
    domain: str
    is_bulk: bool


class InboundEvents:
    """The inbound events of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ingest(self, events: Sequence[InboundEvent]) -> list[IngestResult]:
        """Record `events` and apply their effects, all or none; return the result of each, in their order.

        An event that is known already changes nothing, but a click always unsubscribes.  Raises
        LedgerError if nothing could be made durable: the caller then reports a failure (5xx, the mail
        stays unread), and the events come again.
        """
        real = [event for event in events if not is_test(event.delivery)]
        results: Iterator[IngestResult] = iter(())
        if real:
            with self._database.write() as connection:
                lock_ingest(connection)
                now = self._database.now(connection)
                apply_waiting_reports(connection, now)
                results = iter(ingest(connection, real, now))
        return [IngestResult.TEST if is_test(event.delivery) else next(results) for event in events]

    def apply_waiting(self) -> int:
        """Apply reports that came while their deliveries were in flight; return how many no longer wait.

        `ingest` does this too; a run does it at its beginning and its end.
        """
        with self._database.write() as connection:
            lock_ingest(connection)
            return apply_waiting_reports(connection, self._database.now(connection))

    def open_requests(self) -> list[UnsubscribeRequest]:
        """The unsubscribe requests that wait for a decision, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    *(returns.c.no, returns.c.key, returns.c.delivery_id, returns.c.list_key),
                    func.coalesce(lists.c.name, returns.c.list_key),
                    *(returns.c.source, returns.c.detail, returns.c.happened_at, returns.c.received_at),
                )
                .outerjoin(lists, lists.c.key == returns.c.list_key)
                .where(returns.c.kind == EventKind.ASKED, returns.c.settled_at.is_(None))
                .order_by(returns.c.no)
            )
            return [UnsubscribeRequest(*row) for row in rows]

    def review(self, no: int, decision: ReviewDecision) -> bool:
        """Decide an unsubscribe request; False if none of that number waits."""
        mine = (returns.c.no == no, returns.c.kind == EventKind.ASKED, returns.c.settled_at.is_(None))
        with self._database.write() as connection:
            lock_ingest(connection)
            now = self._database.now(connection)
            row = connection.execute(select(returns).where(*mine)).first()
            if row is None:
                return False
            settled = {"settled": decision.value, "settled_at": now}
            connection.execute(update(returns).where(returns.c.no == no).values(settled))
            if decision is ReviewDecision.UNSUBSCRIBE:
                ingest_matched(connection, [_as_unsubscription(row)], now)
            return True

    def token_holder(self, delivery: int) -> TokenHolder | None:
        """The recipient of a delivery; None for one that is not of this ledger, and for test sends."""
        with self._database.read() as connection:
            found = by_number(connection, [delivery]).get(delivery)
            if found is None:
                return None
            asked = select(campaigns.c.file, campaigns.c.message_domain, campaigns.c.kind)
            of = connection.execute(asked.where(campaigns.c.no == delivery >> CAMPAIGN_SHIFT)).one()
            named = (delivery, found.key, found.list_key, found.list_name)
            return TokenHolder(*named, of.file, of.message_domain, of.kind == "bulk")

    def reasons(self, key: str) -> dict[str, tuple[SuppressionReason, ...]]:
        """Why a recipient gets no mail, by list; ALL_LISTS for every list."""
        with self._database.read() as connection:
            reasons: dict[str, list[SuppressionReason]] = defaultdict(list)
            for entry in entries_of(connection, [key]).get(key, []):
                reasons[entry.list_key].append(entry.reason)
            return {of: tuple(found) for of, found in reasons.items()}

    def lists_of(self, key: str) -> dict[str, str]:
        """The lists by whose bulk campaigns this recipient was to be mailed: keys and names, by name.

        Other lists are left out: their names are not for those who are not on them.
        """
        with self._database.read() as connection:
            mailed = (
                select(campaigns.c.list_key)
                .join(deliveries, (deliveries.c.campaign_no == campaigns.c.no) & (deliveries.c.key == key))
                .where(campaigns.c.kind == "bulk")
            )
            named = select(lists.c.key, lists.c.name).where(lists.c.key.in_(mailed)).order_by(lists.c.name)
            return {row.key: row.name for row in connection.execute(named)}

    def counts(self, campaign_no: int) -> dict[EventKind, int]:
        """The number of a campaign's messages with each kind of event; kinds without any are left out."""
        with self._database.read() as connection:
            return inbound_counts(connection, campaign_no)


def is_test(delivery: int | None) -> bool:
    """True for the number of a test send, which belongs to no campaign."""
    return delivery is not None and delivery >> CAMPAIGN_SHIFT == TESTS


def inbound_counts(connection: Connection, campaign_no: int) -> dict[EventKind, int]:
    """The number of a campaign's messages with each kind of event; kinds without any are left out."""
    number = func.count(returns.c.delivery_id.distinct())
    rows = connection.execute(
        select(returns.c.kind, number).where(*of_campaign(campaign_no)).group_by(returns.c.kind)
    )
    return {EventKind(row[0]): row[1] for row in rows}


def of_campaign(campaign_no: int):  # type: ignore[no-untyped-def]
    """The events of a campaign that were not taken back, as conditions on `returns`."""
    first, after = campaign_no << CAMPAIGN_SHIFT, (campaign_no + 1) << CAMPAIGN_SHIFT
    number = returns.c.delivery_id
    return number >= first, number < after, returns.c.settled != TAKEN_BACK


def _as_unsubscription(row: Row[Any]) -> MatchedEvent:
    """The unsubscription that a request becomes by the user's decision."""
    kind, fingerprint = EventKind.UNSUBSCRIBED, f"request {row.no}"
    event = InboundEvent(kind=kind, source=row.source, fingerprint=fingerprint)
    return MatchedEvent(event, row.key, row.delivery_id, row.list_key, row.happened_at)
