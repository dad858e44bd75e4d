"""Taking in what came back: what is new of it is recorded, with what it does, in one transaction.

Facts about one person are taken one after the other, all others at once: a few hundred clicks cost a
handful of statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store.database import Database
from mailrunner.store.event_effects import FOR_GOOD, OF_NOBODY, apply_events, give_up_dead, suppress_for
from mailrunner.store.matching import MatchedEvent, hear
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import consents, ledger, returns

_AT_ONCE = 500
_LONGEST = 1_000  # characters of somebody's words that are kept
_COLUMNS = (
    *("delivery_id", "key", "kind", "list_key", "source", "code", "enhanced_code", "detail"),
    *("fingerprint", "happened_at", "received_at", "settled_at", "settled"),
)
_REPORTS = (*FOR_GOOD, EventKind.DELIVERED)


def take_turn(connection: Connection) -> None:
    """One receiver at a time, so that none misses what another has just recorded."""
    connection.execute(select(ledger.c.id).with_for_update())


def receive(
    database: Database, connection: Connection, facts: Sequence[InboundEvent], now: datetime
) -> list[IngestResult]:
    """Record `facts` and do what they say; return what each did, in their order."""
    effects = [IngestResult.UNKNOWN] * len(facts)
    for start in range(0, len(facts), _AT_ONCE):
        plain = [_plain(fact) for fact in facts[start : start + _AT_ONCE]]
        heard = enumerate(hear(connection, plain, now), start)
        for part in _parts((place, one) for place, one in heard if one is not None):
            found = take(database, connection, [one for _, one in part], now)
            for (place, _), effect in zip(part, found, strict=True):
                effects[place] = effect
    return effects


def _parts(heard: Iterable[tuple[int, MatchedEvent]]) -> Iterator[list[tuple[int, MatchedEvent]]]:
    """Cut where something else is said of somebody of whom something was said before."""
    part: list[tuple[int, MatchedEvent]] = []
    said: dict[str, tuple[object, ...]] = {}
    for place, one in heard:
        saying = (one.fact.kind, one.delivery, one.list_key, one.fact.fingerprint)
        if said.setdefault(one.key, saying) != saying:
            yield part
            part, said = [], {one.key: saying}
        part.append((place, one))
    if part:
        yield part


def take(
    database: Database, connection: Connection, part: Sequence[MatchedEvent], now: datetime
) -> list[IngestResult]:
    """Record what is new of `part`, in which everybody is spoken of once, and do what it says."""
    marks = _marks(connection, part)
    known = set(connection.execute(_KNOWN, {"marks": marks}).scalars())
    fresh = {mark: one for mark, one in zip(marks, part, strict=True) if mark not in known}
    # A click is a click: whoever clicks is off the list, though it was recorded at an earlier one.
    again = [one for mark, one in zip(marks, part, strict=True) if mark in known and _is_click(one)]
    suppress_for(connection, again, SuppressionReason.UNSUBSCRIBE, now)
    acted = apply_events(database, connection, {mark: one for mark, one in fresh.items() if one.acts}, now)
    new = {mark: one for mark, one in fresh.items() if mark not in acted.idle}
    _record(connection, new, acted.waiting, now)
    refused = {one.key for one in new.values() if one.fact.kind is EventKind.SOFT_BOUNCED and one.acts}
    give_up_dead(connection, refused, now)
    effects = []
    for mark, one in zip(marks, part, strict=True):
        said = new.pop(mark, None)  # the same twice in one part is new once
        effects.append(
            IngestResult.REPEATED
            if said is None
            else IngestResult.RECORDED
            if one.acts
            else IngestResult.UNKNOWN
        )
    return effects


_KNOWN = select(returns.c.fingerprint).where(returns.c.fingerprint.in_(bindparam("marks", expanding=True)))
_TAKEN_OFF = (
    select(consents.c.key, func.count())
    .where(consents.c.key.in_(bindparam("keys", expanding=True)))
    .group_by(consents.c.key)
)


def _is_click(one: MatchedEvent) -> bool:
    return one.fact.kind is EventKind.UNSUBSCRIBED and not one.fact.fingerprint


def _marks(connection: Connection, part: Sequence[MatchedEvent]) -> list[str]:
    """What tells each fact from others: its fingerprint, or one made of what it says of whom.

    What was taken back since can be said anew: how often something was taken off the suppression
    table for a person is part of it.
    """
    unmarked = {one.key for one in part if not one.fact.fingerprint}
    times: dict[str, int] = {}
    if unmarked:
        times = dict(connection.execute(_TAKEN_OFF, {"keys": list(unmarked)}).all())
    return [one.fact.fingerprint or _made(one, times.get(one.key, 0)) for one in part]


def _made(one: MatchedEvent, taken_off: int) -> str:
    # Of what names no delivery, one a day is one.
    which = one.delivery or f"{one.key} {one.account_no} {one.happened_at:%Y-%m-%d}"
    return _digest(f"{one.fact.kind} {which} {one.list_key} {taken_off}")


def _record(
    connection: Connection, new: Mapping[str, MatchedEvent], waiting: Collection[int], now: datetime
) -> None:
    received = to_micros(now)
    rows = []
    for mark, one in new.items():
        fact = one.fact
        open_ = fact.kind is EventKind.ASKED or (fact.kind in _REPORTS and one.delivery in waiting)
        said = (fact.source, fact.code, fact.enhanced_code, fact.detail, mark)
        end = (None if open_ else received, "" if one.acts else OF_NOBODY)
        whom = (one.delivery, one.key, fact.kind.value, one.list_key)
        rows.append((*whom, *said, to_micros(one.happened_at), received, *end))
    insert_many(connection, returns, rows, columns=_COLUMNS)


def _plain(fact: InboundEvent) -> InboundEvent:
    """The fact as every database can keep it: strangers write anything into their reports."""
    words = (fact.source, fact.fingerprint, fact.enhanced_code, fact.detail, fact.list_key, fact.identity)
    code = fact.code if fact.code is not None and 100 <= fact.code <= 999 else None
    fits = len(fact.detail) <= _LONGEST and len(fact.fingerprint) <= 64 and code == fact.code
    if fits and len(fact.source) <= 32 and len(fact.enhanced_code) <= 16 and "".join(words).isprintable():
        return fact
    mark = fact.fingerprint
    return replace(
        fact,
        source=_printable(fact.source)[:32],
        fingerprint=mark if mark.isprintable() and len(mark) <= 64 else _digest(mark),
        enhanced_code=_printable(fact.enhanced_code)[:16],
        detail=_printable(fact.detail)[:_LONGEST],
        list_key=_printable(fact.list_key),
        identity=_printable(fact.identity),
        code=code,
    )


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
