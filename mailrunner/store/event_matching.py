"""The recipient and the delivery of an inbound event, by its delivery number or by an address alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import ALL, EventKind, InboundEvent
from mailrunner.model.suppression import ALL_LISTS, is_pseudonym
from mailrunner.model.written_address import read_address
from mailrunner.store.erasure import pseudonyms_of
from mailrunner.store.schema import accounts, campaigns, deliveries, recipients, suppressions

# An event later than this is hardly about the newest message to its address.
_MATCH_WINDOW = timedelta(days=14)
_LARGEST = 2**63
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_HANDED_OVER = (State.SENDING, State.IN_DOUBT, State.SENT, State.FAILED)


class MatchedRecipient(NamedTuple):
    """One recipient, and the delivery to them if it is known."""

    key: str
    delivery: int | None = None
    list_key: str = ALL_LISTS
    list_name: str = ""


@dataclass(frozen=True, slots=True)
class MatchedEvent:
    """An event with its recipient.

    `list_key` is the list meant, ALL_LISTS for every list.  `account_no` is None but for
    LIMIT_REACHED.  `has_effect` is False where the event is kept for the record alone.
    """

    event: InboundEvent
    key: str
    delivery: int | None
    list_key: str
    happened_at: datetime
    account_no: int | None = None
    has_effect: bool = True


def match_events(
    connection: Connection, events: Sequence[InboundEvent], now: datetime
) -> list[MatchedEvent | None]:
    """Find the recipient of each event; None for one that names none."""
    numbered = by_number(connection, {event.delivery for event in events if event.delivery is not None})
    tied = _by_address(connection, events, now)
    numbers = _accounts(connection, events)
    found: list[MatchedEvent | None] = []
    for event in events:
        at = _plausible_time(event.happened_at, now)
        if event.kind is EventKind.LIMIT_REACHED:
            no = numbers.get(event.identity)
            found.append(MatchedEvent(event, "", None, ALL_LISTS, at, no) if no else None)
        elif event.delivery is None:
            found.append(_matched(event, tied.get((event.address, event.provider_id)), at))
        elif event.delivery in numbered:
            found.append(_matched(event, numbered[event.delivery], at))
        else:
            # A delivery of another ledger, or of a part of this one that was lost.
            key = key_of(event.address)
            found.append(MatchedEvent(event, key, None, ALL_LISTS, at, has_effect=False) if key else None)
    return found


def by_number(connection: Connection, numbers: Collection[int]) -> dict[int, MatchedRecipient]:
    """The recipients of deliveries, by the deliveries' numbers; unknown numbers are left out.

    A row that was skipped as another one's duplicate has no key of its own; its address gives it.
    """
    possible = [number for number in numbers if 0 < number < _LARGEST]
    rows = connection.execute(_BY_NUMBER, {"numbers": possible}).all()
    keyless = [number for number, key, *_ in rows if key is None]
    keys = _keys_of_rows(connection, keyless) if keyless else {}
    keyed = ((number, key or keys.get(number), *of) for number, key, *of in rows)
    return {number: MatchedRecipient(key, number, *of) for number, key, *of in keyed if key}


def key_of(address: str) -> str:
    """The key of an address as a report spells it, "" if it is none."""
    try:
        return read_address(address).address.key
    except ValueError:
        return ""


_DELIVERIES = select(
    deliveries.c.id, deliveries.c.key, campaigns.c.list_key, campaigns.c.list_name
).select_from(deliveries.join(campaigns, campaigns.c.no == deliveries.c.campaign_no))

# With a parameter of its own: a list of some hundreds costs more to be read than to be looked up.
_BY_NUMBER = _DELIVERIES.where(deliveries.c.id.in_(bindparam("numbers", expanding=True)))


def _matched(event: InboundEvent, recipient: MatchedRecipient | None, at: datetime) -> MatchedEvent | None:
    if recipient is None:
        return None
    meant = ALL_LISTS if event.list_key == ALL else event.list_key or recipient.list_key
    if is_pseudonym(recipient.key):  # a server's quotation or their own words may name an erased recipient
        event = replace(event, address="", detail="")
    return MatchedEvent(event, recipient.key, recipient.delivery, meant, at)


def _plausible_time(moment: datetime | None, now: datetime) -> datetime:
    """The reporter's time if it is plausible, else `now`: nothing is reported before it happens."""
    if moment is None or moment.tzinfo is None or not _EARLIEST <= moment <= now:
        return now
    return moment


def _keys_of_rows(connection: Connection, numbers: Collection[int]) -> dict[int, str]:
    asked = select(recipients.c.id, recipients.c.address).where(recipients.c.id.in_(numbers))
    return {row.id: key_of(row.address) for row in connection.execute(asked)}


def _accounts(connection: Connection, events: Iterable[InboundEvent]) -> dict[str, int]:
    named = {event.identity for event in events if event.kind is EventKind.LIMIT_REACHED}
    if not named:
        return {}
    asked = select(accounts.c.identity, accounts.c.no).where(accounts.c.identity.in_(named))
    return {row.identity: row.no for row in connection.execute(asked)}


def _by_address(
    connection: Connection, events: Sequence[InboundEvent], now: datetime
) -> dict[tuple[str, str], MatchedRecipient]:
    """Recipients by address and provider's id, each with the delivery that was meant, if one fits."""
    alone = [event for event in events if event.delivery is None and (key_of(event.address))]
    if not alone:
        return {}
    names = _names(connection, {key_of(event.address) for event in alone})
    since = min(_plausible_time(event.happened_at, now) for event in alone) - _MATCH_WINDOW
    candidates: dict[str, list[Row[tuple[object, ...]]]] = defaultdict(list)
    for row in connection.execute(_handed_over(names.values(), since)):
        candidates[row.key].append(row)
    found = {}
    for event in alone:
        name = names[key_of(event.address)]
        fits = _fitting(event, candidates[name], _plausible_time(event.happened_at, now) - _MATCH_WINDOW)
        tied = (
            MatchedRecipient(name, fits.id, fits.list_key, fits.list_name) if fits else MatchedRecipient(name)
        )
        found[event.address, event.provider_id] = tied
    return found


def _names(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """The names under which the ledger has these keys: the key itself, or a pseudonym after an erasure."""
    key_of = {name: key for key in keys for name in pseudonyms_of(connection).every(key)}
    erased = connection.execute(select(suppressions.c.key).where(suppressions.c.key.in_(key_of))).scalars()
    return {key: key for key in keys} | {key_of[name]: name for name in erased}


def _handed_over(names: Iterable[str], since: datetime):  # type: ignore[no-untyped-def]
    """The deliveries to these recipients that may have been accepted since then, the newest first."""
    # By campaign and key, as the index has them.
    lately = select(campaigns.c.no).where(
        campaigns.c.finished_at.is_(None) | (campaigns.c.finished_at >= since)
    )
    return (
        _DELIVERIES.add_columns(deliveries.c.provider_id, deliveries.c.last_attempt_at)
        .where(
            deliveries.c.campaign_no.in_(lately),
            deliveries.c.key.in_(list(names)),
            deliveries.c.state.in_(_HANDED_OVER),
            deliveries.c.last_attempt_at >= since,
        )
        .order_by(deliveries.c.last_attempt_at.desc(), deliveries.c.id.desc())
    )


def _fitting(event: InboundEvent, candidates: Sequence[Row[tuple[object, ...]]], since: datetime):  # type: ignore[no-untyped-def]
    """The delivery that was meant: the one of that provider's id, or the newest if ids cannot be compared."""
    lately = [row for row in candidates if row.last_attempt_at >= since]
    if event.provider_id:
        named = [row for row in lately if row.provider_id]
        same = [row for row in named if _is_same(row.provider_id, event.provider_id)]
        # Another id is another message, of another program that has the same account.
        lately = same or [row for row in lately if row not in named]
    return next(iter(lately), None)


def _is_same(ours: str, theirs: str) -> bool:
    """True if both ids are of one message; SendGrid's events add to the id that its 250 gave."""
    return theirs == ours or theirs.startswith(f"{ours}.")
