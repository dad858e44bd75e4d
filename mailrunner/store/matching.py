"""Whom a fact is about: the delivery and the person behind a number, or behind an address alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from mailrunner.model.address import normalise
from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import ALL, EventKind, InboundEvent
from mailrunner.model.suppression import ALL_LISTS, is_pseudonym
from mailrunner.store.erasure import pseudonyms_of
from mailrunner.store.schema import accounts, campaigns, deliveries, recipients, suppressions

# What comes back later than this is hardly about the newest message to an address.
TIE = timedelta(days=14)
_LARGEST = 2**63
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_HANDED_OVER = (State.SENDING, State.IN_DOUBT, State.SENT, State.FAILED)


class MatchedRecipient(NamedTuple):
    """One person, and the delivery to them if it is known."""

    key: str
    delivery: int | None = None
    list_key: str = ALL_LISTS
    list_name: str = ""


@dataclass(frozen=True, slots=True)
class MatchedEvent:
    """A fact, and what the ledger knows of whom it is about.

    `list_key` is the list meant, ALL_LISTS for every list.  `account_no` is None but for
    LIMIT_REACHED.  `acts` is False where the fact is kept for the record alone.
    """

    fact: InboundEvent
    key: str
    delivery: int | None
    list_key: str
    happened_at: datetime
    account_no: int | None = None
    acts: bool = True


def hear(connection: Connection, facts: Sequence[InboundEvent], now: datetime) -> list[MatchedEvent | None]:
    """Find whom each fact is about; None where nobody is named."""
    numbered = by_number(connection, {fact.delivery for fact in facts if fact.delivery is not None})
    tied = _by_address(connection, facts, now)
    numbers = _accounts(connection, facts)
    found: list[MatchedEvent | None] = []
    for fact in facts:
        at = _believable(fact.happened_at, now)
        if fact.kind is EventKind.LIMIT_REACHED:
            no = numbers.get(fact.identity)
            found.append(MatchedEvent(fact, "", None, ALL_LISTS, at, no) if no else None)
        elif fact.delivery is None:
            found.append(_heard(fact, tied.get((fact.address, fact.provider_id)), at))
        elif fact.delivery in numbered:
            found.append(_heard(fact, numbered[fact.delivery], at))
        else:
            # Somebody of another ledger, or of a part of this one that was lost: nobody we know.
            key = key_of(fact.address)
            found.append(MatchedEvent(fact, key, None, ALL_LISTS, at, acts=False) if key else None)
    return found


def by_number(connection: Connection, numbers: Collection[int]) -> dict[int, MatchedRecipient]:
    """The people behind the numbers of deliveries.

    A row that was skipped as another one's duplicate has no key of its own; its address tells it.
    """
    possible = [number for number in numbers if 0 < number < _LARGEST]
    rows = connection.execute(_BY_NUMBER, {"numbers": possible}).all()
    keyless = [number for number, key, *_ in rows if key is None]
    keys = _keys_of_rows(connection, keyless) if keyless else {}
    people = ((number, key or keys.get(number), *of) for number, key, *of in rows)
    return {number: MatchedRecipient(key, number, *of) for number, key, *of in people if key}


def key_of(address: str) -> str:
    """The key of an address as a report has it, "" if it is none."""
    try:
        return normalise(address).key
    except ValueError:
        return ""


_DELIVERIES = select(
    deliveries.c.id, deliveries.c.key, campaigns.c.list_key, campaigns.c.list_name
).select_from(deliveries.join(campaigns, campaigns.c.no == deliveries.c.campaign_no))

# With a parameter of its own: a list of some hundreds costs more to be read than to be looked up.
_BY_NUMBER = _DELIVERIES.where(deliveries.c.id.in_(bindparam("numbers", expanding=True)))


def _heard(fact: InboundEvent, addressee: MatchedRecipient | None, at: datetime) -> MatchedEvent | None:
    if addressee is None:
        return None
    meant = ALL_LISTS if fact.list_key == ALL else fact.list_key or addressee.list_key
    if is_pseudonym(addressee.key):  # what a server quotes, or they write, may name who was forgotten
        fact = replace(fact, address="", detail="")
    return MatchedEvent(fact, addressee.key, addressee.delivery, meant, at)


def _believable(moment: datetime | None, now: datetime) -> datetime:
    """When it happened, by the reporter's clock if that can be; nothing is reported before it happens."""
    if moment is None or moment.tzinfo is None or not _EARLIEST <= moment <= now:
        return now
    return moment


def _keys_of_rows(connection: Connection, numbers: Collection[int]) -> dict[int, str]:
    asked = select(recipients.c.id, recipients.c.address).where(recipients.c.id.in_(numbers))
    return {row.id: key_of(row.address) for row in connection.execute(asked)}


def _accounts(connection: Connection, facts: Iterable[InboundEvent]) -> dict[str, int]:
    named = {fact.identity for fact in facts if fact.kind is EventKind.LIMIT_REACHED}
    if not named:
        return {}
    asked = select(accounts.c.identity, accounts.c.no).where(accounts.c.identity.in_(named))
    return {row.identity: row.no for row in connection.execute(asked)}


def _by_address(
    connection: Connection, facts: Sequence[InboundEvent], now: datetime
) -> dict[tuple[str, str], MatchedRecipient]:
    """The people behind addresses alone, by address and provider's id, tied to a delivery where one fits."""
    alone = [fact for fact in facts if fact.delivery is None and (key_of(fact.address))]
    if not alone:
        return {}
    names = _names(connection, {key_of(fact.address) for fact in alone})
    since = min(_believable(fact.happened_at, now) for fact in alone) - TIE
    candidates: dict[str, list[Row[tuple[object, ...]]]] = defaultdict(list)
    for row in connection.execute(_handed_over(names.values(), since)):
        candidates[row.key].append(row)
    found = {}
    for fact in alone:
        name = names[key_of(fact.address)]
        fits = _fitting(fact, candidates[name], _believable(fact.happened_at, now) - TIE)
        tied = (
            MatchedRecipient(name, fits.id, fits.list_key, fits.list_name) if fits else MatchedRecipient(name)
        )
        found[fact.address, fact.provider_id] = tied
    return found


def _names(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """What people are called here: by their key, or by what is left of it once they were forgotten."""
    pseudonyms = {key: pseudonyms_of(connection).of(key) for key in keys}
    forgotten = set(
        connection.execute(
            select(suppressions.c.key).where(suppressions.c.key.in_(pseudonyms.values()))
        ).scalars()
    )
    return {key: name if name in forgotten else key for key, name in pseudonyms.items()}


def _handed_over(names: Iterable[str], since: datetime):  # type: ignore[no-untyped-def]
    """What may have been handed over since then to these people, the newest first."""
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


def _fitting(fact: InboundEvent, candidates: Sequence[Row[tuple[object, ...]]], since: datetime):  # type: ignore[no-untyped-def]
    """The message that was meant: the one of that name, or the newest if names cannot be compared."""
    lately = [row for row in candidates if row.last_attempt_at >= since]
    if fact.provider_id:
        named = [row for row in lately if row.provider_id]
        same = [row for row in named if _is_same(row.provider_id, fact.provider_id)]
        # Another name is another message, of another program that has the same account.
        lately = same or [row for row in lately if row not in named]
    return next(iter(lately), None)


def _is_same(ours: str, theirs: str) -> bool:
    """Whether both name one message; SendGrid's events add to the name that its 250 gave."""
    return theirs == ours or theirs.startswith(f"{ours}.")
