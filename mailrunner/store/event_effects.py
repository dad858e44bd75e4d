"""What a fact does: to the suppression table, to the delivery, to the campaign, to the account.

All of it inside the caller's transaction.  Rows are locked in one order, account, delivery, campaign, as
a run's own transactions do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, literal, or_, select, update

from mailrunner.model.circuit_breaker import AnswerMark, remember
from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.soft_bounce import WINDOW, is_dead
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store.accounts import pause_account
from mailrunner.store.database import Database
from mailrunner.store.matching import MatchedEvent
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import CAMPAIGN_SHIFT, campaigns, deliveries, returns, suppressions
from mailrunner.store.suppressions import release

FOR_GOOD = (EventKind.BOUNCED, EventKind.REFUSED)  # the message did not reach its reader, and will not
_SIGNS_OF_LIFE = (
    *(EventKind.DELIVERED, EventKind.AUTO_REPLIED, EventKind.ASKED),
    *(EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED, EventKind.COMPLAINED),
)
_SUPPRESSED = ("key", "list_key", "reason", "source", "import_no", "created_at")


class DeliveryReport(NamedTuple):
    """What a bounce or a notice of delivery says of one delivery."""

    kind: EventKind
    delivery: int
    source: str
    code: int | None
    enhanced_code: str
    detail: str


class ReportedDeliveries(NamedTuple):
    """Deliveries that became what was reported, and those in flight, whose reports wait."""

    moved: set[int]
    waiting: set[int]


class EventEffects(NamedTuple):
    """What was found while acting: marks of facts that said nothing new, deliveries whose reports wait."""

    idle: Collection[str]
    waiting: Collection[int]


def apply_events(
    database: Database, connection: Connection, fresh: Mapping[str, MatchedEvent], now: datetime
) -> EventEffects:
    """Do what each of these facts says; they are by their marks, and about different people."""
    of: dict[EventKind, dict[str, MatchedEvent]] = defaultdict(dict)
    for mark, one in fresh.items():
        of[one.fact.kind][mark] = one
    for one in of[EventKind.LIMIT_REACHED].values():
        rest(database, connection, one, now)
    refused, notices = {**of[EventKind.BOUNCED], **of[EventKind.REFUSED]}, of[EventKind.DELIVERED]
    told = tell(connection, _reports([*refused.values(), *notices.values()]), now)
    for kind, reason in _REASONS.items():
        suppress_for(connection, of[kind].values(), reason, now)
    _mark_failures(connection, told.moved.intersection(one.delivery or 0 for one in refused.values()))
    stood = {
        mark
        for mark, one in of[EventKind.RESUBSCRIBED].items()
        if not take_back(connection, one, now) and not one.fact.fingerprint
    }
    return EventEffects(stood | _no_news(connection, notices, told, now), told.waiting)


_REASONS = {
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBE,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINT,
    EventKind.BOUNCED: SuppressionReason.BOUNCE,
}


def suppress_for(
    connection: Connection, heard: Collection[MatchedEvent], reason: SuppressionReason, now: datetime
) -> None:
    """Suppress each of these people, for the list meant or, but for an unsubscription, for all."""
    scoped = reason is SuppressionReason.UNSUBSCRIBE
    add_entries(
        connection,
        [(one.key, one.list_key if scoped else ALL_LISTS, told(one)) for one in heard],
        reason=reason,
        now=now,
    )


def add_entries(
    connection: Connection,
    entries: Collection[tuple[str, str, str]],
    *,
    reason: SuppressionReason,
    now: datetime,
) -> None:
    """Add entries of (key, list, source); in one order, so that two receivers never wait for each other.

    One that an import had brought is from now on the person's own: undoing the import leaves it.
    """
    moment = to_micros(now)
    rows = sorted((key, of, reason.value, source, None, moment) for key, of, source in entries)
    if insert_many(connection, suppressions, rows, columns=_SUPPRESSED) < len(rows):
        known = [{"its_key": row[0], "its_list": row[1], "its_source": row[3]} for row in rows]
        connection.execute(_OWNED, [one | {"its_reason": reason.value} for one in known])


_OWNED = (
    update(suppressions)
    .where(
        suppressions.c.key == bindparam("its_key"),
        suppressions.c.list_key == bindparam("its_list"),
        suppressions.c.reason == bindparam("its_reason"),
        suppressions.c.import_no.is_not(None),
    )
    .values(import_no=None, source=bindparam("its_source"))
)


def told(heard: MatchedEvent) -> str:
    """Where an entry came from: who said what when of which delivery."""
    which = f", delivery {heard.delivery}" if heard.delivery else ""
    return f"{heard.fact.source}: {heard.fact.kind} {heard.happened_at:%Y-%m-%d %H:%M} UTC{which}"


def take_back(connection: Connection, heard: MatchedEvent, now: datetime) -> bool:
    """Remove the person's own unsubscription from the list meant; return whether there was one."""
    gone = release(
        connection,
        [heard.key],
        list_key=heard.list_key,
        why=told(heard),
        now=now,
        reasons=[SuppressionReason.UNSUBSCRIBE],
    )
    mine = (returns.c.key == heard.key, returns.c.list_key == heard.list_key)
    earlier = update(returns).where(*mine, returns.c.kind == EventKind.UNSUBSCRIBED)
    connection.execute(earlier.values(settled=TAKEN_BACK))
    return bool(gone)


# How a report was settled, where that is not plain.
TAKEN_BACK = "taken back"
OF_NOBODY = "of nobody"


def give_up_dead(connection: Connection, keys: Collection[str], now: datetime) -> None:
    """Suppress those whose mailboxes have refused "this time" too often."""
    refusals: dict[str, list[datetime]] = defaultdict(list)
    life: dict[str, list[datetime]] = defaultdict(list)
    rows = connection.execute(
        select(returns.c.key, returns.c.kind, returns.c.happened_at).where(
            returns.c.key.in_(keys),
            returns.c.kind.in_((EventKind.SOFT_BOUNCED, *_SIGNS_OF_LIFE)),
            returns.c.happened_at >= now - WINDOW,
            returns.c.settled != OF_NOBODY,
        )
    )
    for row in rows:
        (refusals if row.kind == EventKind.SOFT_BOUNCED else life)[row.key].append(row.happened_at)
    dead = {key: refusals[key] for key in keys if is_dead(refusals[key], life[key], now=now)}
    entries = [
        (key, ALL_LISTS, f"{len(times)} soft bounces since {min(times):%Y-%m-%d}")
        for key, times in dead.items()
    ]
    add_entries(connection, entries, reason=SuppressionReason.BOUNCE, now=now)


def rest(database: Database, connection: Connection, heard: MatchedEvent, now: datetime) -> None:
    """Pause the account whose limit is reached, counted from when that was said."""
    until = heard.happened_at + heard.fact.pause
    if heard.account_no is not None and until > now:
        database.lock_account(connection, heard.account_no)
        words = f": {heard.fact.detail}" if heard.fact.detail else ""
        reason = f"{heard.fact.source}: a notice says that the account's limit is reached{words}"
        pause_account(connection, heard.account_no, until=until, reason=reason)


def tell(connection: Connection, reports: Iterable[DeliveryReport], now: datetime) -> ReportedDeliveries:
    """Let deliveries become what these reports say of them.

    One in flight has yet to get its own answer, which also uses its quota slot: its report waits.
    """
    of = {report.delivery: report for report in reports}
    moved = {number for number in sorted(of) if _moved(connection, of[number], now)}
    left = of.keys() - moved
    return ReportedDeliveries(moved, _in_flight(connection, left) if left else set())


def catch_up(connection: Connection, now: datetime) -> int:
    """Do what reports say that waited for their deliveries to land; return how many no longer wait."""
    rows = waiting(connection)
    if not rows:
        return 0
    reports = [
        DeliveryReport(EventKind(r.kind), r.delivery_id, r.source, r.code, r.enhanced_code, r.detail)
        for r in rows
    ]
    told = tell(connection, reports, now)
    refused = {report.delivery for report in reports if report.kind in FOR_GOOD}
    _mark_failures(connection, told.moved & refused)
    landed = [row.no for row in rows if row.delivery_id not in told.waiting]
    connection.execute(update(returns).where(returns.c.no.in_(landed)).values(settled_at=now))
    return len(landed)


def waiting(connection: Connection) -> Sequence[Row[Any]]:
    """The reports that wait for their deliveries to land, bounces last: they have the last word."""
    mine = (returns.c.kind.in_((*FOR_GOOD, EventKind.DELIVERED)), returns.c.settled_at.is_(None))
    order = (returns.c.kind.desc(), returns.c.no)
    return connection.execute(select(returns).where(*mine).order_by(*order)).all()


def _reports(heard: Iterable[MatchedEvent]) -> Iterator[DeliveryReport]:
    for one in heard:
        if one.delivery is not None:
            of = one.fact
            yield DeliveryReport(of.kind, one.delivery, of.source, of.code, of.enhanced_code, of.detail)


def _no_news(
    connection: Connection, notices: Mapping[str, MatchedEvent], told: ReportedDeliveries, now: datetime
) -> set[str]:
    """Notices of delivery of what was known as sent: one for each message would only fill the ledger.

    Where a mailbox has refused "this time", it is a sign of life and kept.
    """
    plain = {
        mark: one.key
        for mark, one in notices.items()
        if one.delivery not in told.moved and one.delivery not in told.waiting
    }
    if not plain:
        return set()
    mine = (returns.c.key.in_(plain.values()), returns.c.kind == EventKind.SOFT_BOUNCED)
    lately = returns.c.happened_at >= now - WINDOW
    refused = set(connection.execute(select(returns.c.key).where(*mine, lately)).scalars())
    return {mark for mark, key in plain.items() if key not in refused}


def _moved(connection: Connection, report: DeliveryReport, now: datetime) -> bool:
    """Change one delivery if it stands where such a report is news.

    A bounce tells of a message that was accepted, or may have been: `sent`, `in_doubt`, or queued again
    after a doubt.  It keeps the time at which it was sent; the report has that of the bounce.
    """
    where = deliveries.c.state == State.IN_DOUBT
    ended = func.coalesce(deliveries.c.finished_at, literal(now, deliveries.c.finished_at.type))
    values: dict[str, object] = {"token": None, "account_no": None, "finished_at": ended}
    if report.kind in FOR_GOOD:
        tried = (deliveries.c.state == State.QUEUED) & (deliveries.c.attempts > 0)
        where = or_(where, deliveries.c.state == State.SENT, tried)
        values |= _failure(report)
    else:
        values |= {"state": State.SENT, "reason": f"{report.source} says that it was delivered"}
    change = update(deliveries).where(deliveries.c.id == report.delivery, where).values(values)
    return bool(connection.execute(change).rowcount)


def _failure(report: DeliveryReport) -> dict[str, object]:
    said = " ".join(str(part) for part in (report.code, report.enhanced_code, report.detail) if part)
    return {
        "state": State.FAILED,
        "reason": f"{report.kind}: {said}" if said else str(report.kind),
        "code": report.code,
        "enhanced_code": report.enhanced_code,
        "reply": report.detail,
    }


def _in_flight(connection: Connection, numbers: Iterable[int]) -> set[int]:
    mine = (deliveries.c.id.in_(numbers), deliveries.c.state.in_(IN_FLIGHT))
    return set(connection.execute(select(deliveries.c.id).where(*mine)).scalars())


def _mark_failures(connection: Connection, numbers: Iterable[int]) -> None:
    """Add what came back for good to the recent answers of campaigns that are going on."""
    failures: dict[int, int] = defaultdict(int)
    for number in numbers:
        failures[number >> CAMPAIGN_SHIFT] += 1
    if not failures:
        return
    going = (campaigns.c.no.in_(failures), campaigns.c.phase == "begun")
    asked = select(campaigns.c.no, campaigns.c.recent).where(*going).order_by(campaigns.c.no)
    for row in connection.execute(asked.with_for_update()).all():
        recent = remember(row.recent, AnswerMark.FAILED * failures[row.no])
        connection.execute(update(campaigns).where(campaigns.c.no == row.no).values(recent=recent))
