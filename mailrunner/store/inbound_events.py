"""What came back after messages had gone, what it does, and what people asked for.

ledger.returns.receive(facts)     record facts and do what they say, in one durable transaction
ledger.returns.catch_up()         bounces that came before their delivery's own answer was recorded
ledger.returns.asked() · settle   requests in free words, which a person decides
ledger.returns.person · lists_of  whom a link names, and which lists they can leave
ledger.returns.after_sent         the numbers of a campaign
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store.database import Database
from mailrunner.store.event_effects import TAKEN_BACK, catch_up
from mailrunner.store.ingest import receive, take, take_turn
from mailrunner.store.matching import MatchedEvent, by_number
from mailrunner.store.schema import CAMPAIGN_SHIFT, TESTS, campaigns, deliveries, lists, returns
from mailrunner.store.suppressions import entries_of


class ReviewDecision(StrEnum):
    """What a person decides about a request in free words."""

    UNSUBSCRIBE = "unsubscribe"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """Somebody wrote something that may mean "take me off"; `words` is what they wrote.

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
    """Whom a delivery's link names, and the list it was for."""

    delivery: int
    key: str
    list_key: str
    list_name: str


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a person stands with one list: why they get none of its mail, for it alone and for all lists."""

    list_key: str
    name: str
    here: tuple[SuppressionReason, ...]
    everywhere: tuple[SuppressionReason, ...]

    @property
    def is_suppressed(self) -> bool:
        return bool(self.here or self.everywhere)


class InboundEvents:
    """What came back, in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def receive(self, facts: Sequence[InboundEvent]) -> list[IngestResult]:
        """Record `facts` and do what they say, all or none; return what each did, in their order.

        A fact that is known already changes nothing, except that who said no is off the list whenever
        they say so.  Raises LedgerError if it could not be made durable.
        """
        real = [fact for fact in facts if not is_test(fact.delivery)]
        effects = iter(self._receive(real) if real else ())
        return [IngestResult.TEST if is_test(fact.delivery) else next(effects) for fact in facts]

    def catch_up(self) -> int:
        """Do what reports say that came while their deliveries were in flight; return how many did.

        Whatever comes back does this too; a campaign that has just ended may wish it at once.
        """
        with self._database.write() as connection:
            take_turn(connection)
            return catch_up(connection, self._database.now(connection))

    def asked(self) -> list[UnsubscribeRequest]:
        """The requests that wait for a decision, the oldest first."""
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

    def settle(self, no: int, decision: ReviewDecision) -> bool:
        """Decide a request; False if there is none of that number that waits."""
        mine = (returns.c.no == no, returns.c.kind == EventKind.ASKED, returns.c.settled_at.is_(None))
        with self._database.write() as connection:
            take_turn(connection)
            now = self._database.now(connection)
            row = connection.execute(select(returns).where(*mine)).first()
            if row is None:
                return False
            settled = {"settled": decision.value, "settled_at": now}
            connection.execute(update(returns).where(returns.c.no == no).values(settled))
            if decision is ReviewDecision.UNSUBSCRIBE:
                take(self._database, connection, [_as_unsubscription(row)], now)
            return True

    def person(self, delivery: int) -> TokenHolder | None:
        """Whom a delivery went to; None for one that is not of this ledger, and for tests."""
        with self._database.read() as connection:
            found = by_number(connection, [delivery]).get(delivery)
            return TokenHolder(delivery, found.key, found.list_key, found.list_name) if found else None

    def lists_of(self, key: str) -> list[ListStatus]:
        """The lists that this person was ever to get bulk mail of, by name, and how they stand with each.

        Not the names of other lists: those are nobody's business who is not on them.
        """
        with self._database.read() as connection:
            theirs = (
                select(campaigns.c.list_key)
                .join(deliveries, (deliveries.c.campaign_no == campaigns.c.no) & (deliveries.c.key == key))
                .where(campaigns.c.kind == "bulk")
            )
            named = select(lists.c.key, lists.c.name).where(lists.c.key.in_(theirs)).order_by(lists.c.name)
            entries = entries_of(connection, [key]).get(key, [])
            reasons: dict[str, list[SuppressionReason]] = defaultdict(list)
            for entry in entries:
                reasons[entry.list_key].append(entry.reason)
            everywhere = tuple(reasons.pop(ALL_LISTS, ()))
            rows = connection.execute(named).all()
            return [ListStatus(row.key, row.name, tuple(reasons[row.key]), everywhere) for row in rows]

    def after_sent(self, campaign_no: int) -> dict[EventKind, int]:
        """How many of a campaign's messages each kind came back for; kinds without any are left out."""
        with self._database.read() as connection:
            return after_sent(connection, campaign_no)

    def _receive(self, facts: Sequence[InboundEvent]) -> list[IngestResult]:
        with self._database.write() as connection:
            take_turn(connection)
            now = self._database.now(connection)
            catch_up(connection, now)
            return receive(self._database, connection, facts, now)


def is_test(delivery: int | None) -> bool:
    """Whether a number is that of a test message, which belongs to no campaign."""
    return delivery is not None and delivery >> CAMPAIGN_SHIFT == TESTS


def after_sent(connection: Connection, campaign_no: int) -> dict[EventKind, int]:
    """How many of a campaign's messages each kind of fact came back for."""
    number = func.count(returns.c.delivery_id.distinct())
    rows = connection.execute(
        select(returns.c.kind, number).where(*of_campaign(campaign_no)).group_by(returns.c.kind)
    )
    return {EventKind(row[0]): row[1] for row in rows}


def of_campaign(campaign_no: int):  # type: ignore[no-untyped-def]
    """What came back after a campaign and still holds, as conditions on `returns`."""
    first, after = campaign_no << CAMPAIGN_SHIFT, (campaign_no + 1) << CAMPAIGN_SHIFT
    number = returns.c.delivery_id
    return number >= first, number < after, returns.c.settled != TAKEN_BACK


def _as_unsubscription(row: Row[Any]) -> MatchedEvent:
    """What a request becomes by a person's decision."""
    kind, mark = EventKind.UNSUBSCRIBED, f"request {row.no}"
    fact = InboundEvent(kind=kind, source=row.source, fingerprint=mark)
    return MatchedEvent(fact, row.key, row.delivery_id, row.list_key, row.happened_at)
