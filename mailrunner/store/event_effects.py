"""The effects of inbound events: on the suppression list, the delivery, the campaign, the account.

A hard bounce that comes later suppresses here; a refusal in the SMTP dialogue does in `store/batch.py`.
All of it inside the caller's transaction.  Rows are locked in one order, account, delivery, campaign, as
a run's own transactions do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, literal, or_, select, update

from mailrunner.clock import utc_day, utc_minute
from mailrunner.model.circuit_breaker import AnswerMark, remember
from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.soft_bounce import WINDOW, is_dead
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store.accounts import pause_account
from mailrunner.store.credible_bounces import credible_bounces
from mailrunner.store.event_matching import MatchedEvent
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import CAMPAIGN_SHIFT, campaigns, deliveries, returns, suppressions
from mailrunner.store.suppression_entries import remove_keys

FAILURES = (EventKind.BOUNCED, EventKind.REFUSED)  # the message did not reach its recipient, and will not
_SIGNS_OF_LIFE = (
    *(EventKind.DELIVERED, EventKind.AUTO_REPLIED, EventKind.ASKED),
    *(EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED, EventKind.COMPLAINED),
)
_SUPPRESSED = ("key", "list_key", "reason", "source", "import_no", "created_at")


class DeliveryReport(NamedTuple):
    """A bounce or a delivery notice of one delivery."""

    kind: EventKind
    delivery: int
    source: str
    code: int | None
    enhanced_code: str
    detail: str


class ReportedDeliveries(NamedTuple):
    """Deliveries that were changed by reports, and those in flight, whose reports wait."""

    moved: set[int]
    waiting: set[int]


class EventEffects(NamedTuple):
    """Fingerprints of events that brought no news, and deliveries whose reports wait."""

    without_news: Collection[str]
    waiting: Collection[int]


def apply_events(connection: Connection, fresh: Mapping[str, MatchedEvent], now: datetime) -> EventEffects:
    """Apply events, keyed by fingerprint; at most one per recipient."""
    of: dict[EventKind, dict[str, MatchedEvent]] = defaultdict(dict)
    for fingerprint, one in fresh.items():
        of[one.event.kind][fingerprint] = one
    for one in of[EventKind.LIMIT_REACHED].values():
        _pause_account(connection, one, now)
    refused, notices = {**of[EventKind.BOUNCED], **of[EventKind.REFUSED]}, of[EventKind.DELIVERED]
    reported = apply_reports(connection, _reports([*refused.values(), *notices.values()]), now)
    for kind, reason in _REASONS.items():
        events = of[kind].values()
        credible = credible_bounces(connection, events) if kind is EventKind.BOUNCED else events
        suppress_recipients(connection, credible, reason, now)
    _count_failures(connection, reported.moved.intersection(one.delivery or 0 for one in refused.values()))
    unchanged = {
        fingerprint
        for fingerprint, one in of[EventKind.RESUBSCRIBED].items()
        if not take_back_unsubscription(connection, one, now) and not one.event.fingerprint
    }
    return EventEffects(unchanged | _uninformative(connection, notices, reported, now), reported.waiting)


_REASONS = {
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBE,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINT,
    EventKind.BOUNCED: SuppressionReason.BOUNCE,
}


def suppress_recipients(
    connection: Connection, matched: Collection[MatchedEvent], reason: SuppressionReason, now: datetime
) -> None:
    """Suppress these recipients: for the list meant where they unsubscribed, else for all lists."""
    scoped = reason is SuppressionReason.UNSUBSCRIBE
    add_entries(
        connection,
        [(one.key, one.list_key if scoped else ALL_LISTS, origin(one)) for one in matched],
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
    """Add entries of (key, list, source); in one order, so that two transactions never deadlock.

    One that an import had brought is from now on the recipient's own: undoing the import leaves it.
    """
    moment = to_micros(now)
    rows = sorted((key, of, reason.value, source, None, moment) for key, of, source in entries)
    if insert_many(connection, suppressions, rows, columns=_SUPPRESSED) < len(rows):
        known = [{"entry_key": row[0], "entry_list": row[1], "entry_source": row[3]} for row in rows]
        connection.execute(_TAKE_OVER_IMPORTED, [one | {"entry_reason": reason.value} for one in known])


_TAKE_OVER_IMPORTED = (
    update(suppressions)
    .where(
        suppressions.c.key == bindparam("entry_key"),
        suppressions.c.list_key == bindparam("entry_list"),
        suppressions.c.reason == bindparam("entry_reason"),
        suppressions.c.import_no.is_not(None),
    )
    .values(import_no=None, source=bindparam("entry_source"))
)


def origin(matched: MatchedEvent) -> str:
    """The source of an entry: reporter, kind, time and delivery."""
    which = f", delivery {matched.delivery}" if matched.delivery else ""
    return f"{matched.event.source}: {matched.event.kind} {utc_minute(matched.happened_at)}{which}"


def take_back_unsubscription(connection: Connection, matched: MatchedEvent, now: datetime) -> bool:
    """Remove the recipient's own unsubscription from the list meant; False if there was none."""
    removed = remove_keys(
        connection,
        [matched.key],
        list_key=matched.list_key,
        why=origin(matched),
        now=now,
        reasons=[SuppressionReason.UNSUBSCRIBE],
    )
    mine = (returns.c.key == matched.key, returns.c.list_key == matched.list_key)
    earlier = update(returns).where(*mine, returns.c.kind == EventKind.UNSUBSCRIBED)
    connection.execute(earlier.values(settled=TAKEN_BACK))
    return bool(removed)


# How a report was settled, where that is not plain.
TAKEN_BACK = "taken back"
UNMATCHED = "of nobody"  # the event names no delivery of this ledger


def suppress_dead_mailboxes(connection: Connection, keys: Collection[str], now: datetime) -> None:
    """Suppress those whose mailboxes have soft-bounced too often (see `model.soft_bounce`)."""
    refusals: dict[str, list[datetime]] = defaultdict(list)
    life: dict[str, list[datetime]] = defaultdict(list)
    rows = connection.execute(
        select(returns.c.key, returns.c.kind, returns.c.happened_at).where(
            returns.c.key.in_(keys),
            returns.c.kind.in_((EventKind.SOFT_BOUNCED, *_SIGNS_OF_LIFE)),
            returns.c.happened_at >= now - WINDOW,
            returns.c.settled != UNMATCHED,
        )
    )
    for row in rows:
        (refusals if row.kind == EventKind.SOFT_BOUNCED else life)[row.key].append(row.happened_at)
    dead = {key: refusals[key] for key in keys if is_dead(refusals[key], life[key], now=now)}
    entries = [
        (key, ALL_LISTS, f"{len(times)} soft bounces since {utc_day(min(times))}")
        for key, times in dead.items()
    ]
    add_entries(connection, entries, reason=SuppressionReason.BOUNCE, now=now)


def _pause_account(connection: Connection, matched: MatchedEvent, now: datetime) -> None:
    """Pause the account whose limit is reached, from the time of the notice."""
    until = matched.happened_at + matched.event.pause
    if matched.account_no is not None and until > now:
        words = f": {matched.event.detail}" if matched.event.detail else ""
        reason = f"{matched.event.source}: a notice says that the account's limit is reached{words}"
        pause_account(connection, matched.account_no, until=until, reason=reason)


def apply_reports(
    connection: Connection, reports: Iterable[DeliveryReport], now: datetime
) -> ReportedDeliveries:
    """Change deliveries as these reports say.

    One in flight has yet to get its own answer, which also uses its quota slot: its report waits.
    """
    of = {report.delivery: report for report in reports}
    moved = {number for number in sorted(of) if _update_delivery(connection, of[number], now)}
    left = of.keys() - moved
    return ReportedDeliveries(moved, _in_flight(connection, left) if left else set())


def apply_waiting_reports(connection: Connection, now: datetime) -> int:
    """Apply reports that came while their deliveries were in flight; return how many no longer wait."""
    rows = _waiting_reports(connection)
    if not rows:
        return 0
    reports = [
        DeliveryReport(EventKind(r.kind), r.delivery_id, r.source, r.code, r.enhanced_code, r.detail)
        for r in rows
    ]
    reported = apply_reports(connection, reports, now)
    refused = {report.delivery for report in reports if report.kind in FAILURES}
    _count_failures(connection, reported.moved & refused)
    landed = [row.no for row in rows if row.delivery_id not in reported.waiting]
    connection.execute(update(returns).where(returns.c.no.in_(landed)).values(settled_at=now))
    return len(landed)


def _waiting_reports(connection: Connection) -> Sequence[Row[Any]]:
    """The reports that wait for their deliveries' own answers, bounces last: they have the last word."""
    mine = (returns.c.kind.in_((*FAILURES, EventKind.DELIVERED)), returns.c.settled_at.is_(None))
    order = (returns.c.kind.desc(), returns.c.no)
    return connection.execute(select(returns).where(*mine).order_by(*order)).all()


def _reports(matched: Iterable[MatchedEvent]) -> Iterator[DeliveryReport]:
    for one in matched:
        if one.delivery is not None:
            of = one.event
            yield DeliveryReport(of.kind, one.delivery, of.source, of.code, of.enhanced_code, of.detail)


def _uninformative(
    connection: Connection, notices: Mapping[str, MatchedEvent], reported: ReportedDeliveries, now: datetime
) -> set[str]:
    """Delivery notices of messages known as sent: one for each message would only fill the ledger.

    After a soft bounce such a notice is a sign of life and kept.
    """
    plain = {
        fingerprint: one.key
        for fingerprint, one in notices.items()
        if one.delivery not in reported.moved and one.delivery not in reported.waiting
    }
    if not plain:
        return set()
    mine = (returns.c.key.in_(plain.values()), returns.c.kind == EventKind.SOFT_BOUNCED)
    lately = returns.c.happened_at >= now - WINDOW
    refused = set(connection.execute(select(returns.c.key).where(*mine, lately)).scalars())
    return {fingerprint for fingerprint, key in plain.items() if key not in refused}


def _update_delivery(connection: Connection, report: DeliveryReport, now: datetime) -> bool:
    """Change one delivery if the report is news for its state.

    A bounce tells of a message that was accepted, or may have been: `sent`, `in_doubt`, or queued again
    after a doubt.  It keeps the time at which it was sent; the report has that of the bounce.
    """
    where = deliveries.c.state == State.IN_DOUBT
    ended = func.coalesce(deliveries.c.finished_at, literal(now, deliveries.c.finished_at.type))
    values: dict[str, object] = {
        "token": None,
        "account_no": None,
        "finished_at": ended,
        "not_before": ended,
    }
    if report.kind in FAILURES:
        tried = (deliveries.c.state == State.QUEUED) & (deliveries.c.attempts > 0)
        where = or_(where, deliveries.c.state == State.SENT, tried)
        values |= _failure(report)
    else:
        values |= {"state": State.SENT, "reason": f"{report.source} says that it was delivered"}
    change = update(deliveries).where(deliveries.c.id == report.delivery, where).values(values)
    return bool(connection.execute(change).rowcount)


def _failure(report: DeliveryReport) -> dict[str, object]:
    words = " ".join(str(part) for part in (report.code, report.enhanced_code, report.detail) if part)
    return {
        "state": State.FAILED,
        "reason": f"{report.kind}: {words}" if words else str(report.kind),
        "code": report.code,
        "enhanced_code": report.enhanced_code,
        "reply": report.detail,
    }


def _in_flight(connection: Connection, numbers: Iterable[int]) -> set[int]:
    mine = (deliveries.c.id.in_(numbers), deliveries.c.state.in_(IN_FLIGHT))
    return set(connection.execute(select(deliveries.c.id).where(*mine)).scalars())


def _count_failures(connection: Connection, numbers: Iterable[int]) -> None:
    """Add hard bounces to the recent answers of campaigns that have begun."""
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
