"""Inbound events into the ledger, in one transaction: match, record what is new, apply its effects.

Events about one recipient are applied one after the other, all others together: a few hundred clicks
cost a handful of statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from mailrunner.clock import utc_day
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store.event_effects import (
    FAILURES,
    UNMATCHED,
    apply_events,
    suppress_dead_mailboxes,
    suppress_recipients,
)
from mailrunner.store.event_limits import too_many
from mailrunner.store.event_matching import MatchedEvent, match_events
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import consents, ledger, returns

_AT_ONCE = 500
_LONGEST_DETAIL = 1_000  # characters
_COLUMNS = (
    *("delivery_id", "key", "kind", "list_key", "source", "code", "enhanced_code", "detail"),
    *("fingerprint", "happened_at", "received_at", "settled_at", "settled"),
)
_REPORTS = (*FAILURES, EventKind.DELIVERED)


def lock_ingest(connection: Connection) -> None:
    """Ingest in one transaction at a time, so that none misses what another has just recorded."""
    connection.execute(select(ledger.c.id).with_for_update())


def ingest(connection: Connection, events: Sequence[InboundEvent], now: datetime) -> list[IngestResult]:
    """Record `events` and apply their effects; the result of each, in their order."""
    results = [IngestResult.UNKNOWN] * len(events)
    for start in range(0, len(events), _AT_ONCE):
        storable = [_storable(event) for event in events[start : start + _AT_ONCE]]
        matched = enumerate(match_events(connection, storable, now), start)
        for group in _groups((place, one) for place, one in matched if one is not None):
            found = ingest_matched(connection, [one for _, one in group], now)
            for (place, _), result in zip(group, found, strict=True):
                results[place] = result
    return results


def ingest_matched(
    connection: Connection, group: Sequence[MatchedEvent], now: datetime
) -> list[IngestResult]:
    """Record the new events of a group, at most one per recipient, and apply their effects."""
    fingerprints = _fingerprints(connection, group)
    known = set(connection.execute(_KNOWN, {"fingerprints": fingerprints}).scalars())
    pairs = list(zip(fingerprints, group, strict=True))
    beyond = too_many(connection, group, now)
    # A click always unsubscribes, though the same was recorded at an earlier one, or too many were.
    again = [
        one
        for fingerprint, one in pairs
        if (fingerprint in known and _is_click(one)) or (_leaves(one) and (one.key, one.event.kind) in beyond)
    ]
    suppress_recipients(connection, again, SuppressionReason.UNSUBSCRIBE, now)
    fresh = {
        fingerprint: one
        for fingerprint, one in pairs
        if fingerprint not in known and (one.key, one.event.kind) not in beyond
    }
    applied = apply_events(connection, {f: one for f, one in fresh.items() if one.has_effect}, now)
    new = {f: one for f, one in fresh.items() if f not in applied.without_news}
    _record(connection, new, applied.waiting, now)
    soft = [one for one in new.values() if one.event.kind is EventKind.SOFT_BOUNCED and one.has_effect]
    suppress_dead_mailboxes(connection, {one.key for one in soft}, now)
    # The same event twice in one group is new once.
    return [_result(one, new.pop(fingerprint, None)) for fingerprint, one in pairs]


def _result(one: MatchedEvent, new: MatchedEvent | None) -> IngestResult:
    if new is None:
        return IngestResult.REPEATED
    return IngestResult.RECORDED if one.has_effect else IngestResult.UNKNOWN


def _groups(matched: Iterable[tuple[int, MatchedEvent]]) -> Iterator[list[tuple[int, MatchedEvent]]]:
    """Cut where a second event, another one, is about a recipient of the same group."""
    group: list[tuple[int, MatchedEvent]] = []
    seen: dict[str, tuple[object, ...]] = {}
    for place, one in matched:
        identity = (one.event.kind, one.delivery, one.list_key, one.event.fingerprint)
        if seen.setdefault(one.key, identity) != identity:
            yield group
            group, seen = [], {one.key: identity}
        group.append((place, one))
    if group:
        yield group


_KNOWN = select(returns.c.fingerprint).where(
    returns.c.fingerprint.in_(bindparam("fingerprints", expanding=True))
)
_REMOVALS = (
    select(consents.c.key, func.count())
    .where(consents.c.key.in_(bindparam("keys", expanding=True)))
    .group_by(consents.c.key)
)


def _leaves(one: MatchedEvent) -> bool:
    return one.event.kind is EventKind.UNSUBSCRIBED and one.has_effect


def _is_click(one: MatchedEvent) -> bool:
    return one.event.kind is EventKind.UNSUBSCRIBED and not one.event.fingerprint


def _fingerprints(connection: Connection, group: Sequence[MatchedEvent]) -> list[str]:
    """The fingerprint of each event: its own, or one made of its kind, recipient and delivery.

    An event whose effect was taken back can come anew: how often the suppression list lost an entry of
    this recipient is part of the fingerprint.
    """
    unnamed = {one.key for one in group if not one.event.fingerprint}
    removals: dict[str, int] = {}
    if unnamed:
        removals = dict(connection.execute(_REMOVALS, {"keys": list(unnamed)}).all())
    return [one.event.fingerprint or _made(one, removals.get(one.key, 0)) for one in group]


def _made(one: MatchedEvent, removals: int) -> str:
    # Without a delivery, one event a day is recorded.
    which = one.delivery or f"{one.key} {one.account_no} {utc_day(one.happened_at)}"
    return _digest(f"{one.event.kind} {which} {one.list_key} {removals}")


def _record(
    connection: Connection, new: Mapping[str, MatchedEvent], waiting: Collection[int], now: datetime
) -> None:
    """Insert events by their fingerprints; `waiting` are the deliveries in flight, whose reports wait."""
    received = to_micros(now)
    rows = []
    for fingerprint, one in new.items():
        event = one.event
        is_open = event.kind is EventKind.ASKED or (event.kind in _REPORTS and one.delivery in waiting)
        about = (one.delivery, one.key, event.kind.value, one.list_key)
        report = (event.source, event.code, event.enhanced_code, event.detail, fingerprint)
        settled = (None if is_open else received, "" if one.has_effect else UNMATCHED)
        rows.append((*about, *report, to_micros(one.happened_at), received, *settled))
    insert_many(connection, returns, rows, columns=_COLUMNS)


def _storable(event: InboundEvent) -> InboundEvent:
    """The event as every database can keep it: reports come from strangers and hold anything."""
    words = (
        *(event.source, event.fingerprint, event.enhanced_code),
        *(event.detail, event.list_key, event.identity),
    )
    code = event.code if event.code is not None and 100 <= event.code <= 999 else None
    fits = len(event.detail) <= _LONGEST_DETAIL and len(event.fingerprint) <= 64 and code == event.code
    if fits and len(event.source) <= 32 and len(event.enhanced_code) <= 16 and "".join(words).isprintable():
        return event
    fingerprint = event.fingerprint
    return replace(
        event,
        source=_printable(event.source)[:32],
        fingerprint=(
            fingerprint if fingerprint.isprintable() and len(fingerprint) <= 64 else _digest(fingerprint)
        ),
        enhanced_code=_printable(event.enhanced_code)[:16],
        detail=_printable(event.detail)[:_LONGEST_DETAIL],
        list_key=_printable(event.list_key),
        identity=_printable(event.identity),
        code=code,
    )


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
