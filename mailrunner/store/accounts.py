"""Sending identities: their pauses, their stops, and their quota usage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select, update

from mailrunner.model.delivery import State
from mailrunner.model.learned_fact import LearnedFact
from mailrunner.model.quota import Limit, Room, room, tightest
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import UsageLog, about_the_clock, account_scope
from mailrunner.store.raw_sql import from_micros, to_micros
from mailrunner.store.schema import TESTS, accounts, deliveries


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """The record of one sending identity."""

    no: int
    identity: str
    paused_until: datetime | None
    pause_reason: str
    stop_reason: str
    refused: Mapping[str, str]  # digests of credentials that were refused, each with the reason


class Accounts:
    """The sending identities in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, identity: str) -> AccountRecord | None:
        """The record of an identity, None before its first use."""
        with self._database.read() as connection:
            return _find(connection, identity)

    def ensure(self, identity: str) -> AccountRecord:
        """The record of an identity, made if it is new."""
        with self._database.write() as connection:
            return ensure_account(connection, self._database, identity)

    def stop(self, no: int, *, reason: str, digest: str) -> None:
        """Do not use these credentials again until they change or the user lifts the stop."""
        with self._database.write() as connection:
            self._database.lock_account(connection, no)
            stop_account(connection, no, reason=reason, digest=digest)

    def lift_stop(self, no: int, *, digest: str) -> None:
        """Lift the stop for these credentials; others that were refused stay known."""
        with self._database.write() as connection:
            self._database.lock_account(connection, no)
            refused = {known: why for known, why in _refused(connection, no).items() if known != digest}
            _set(connection, no, stop_reason="", refused=json.dumps(refused))

    def pause(self, no: int, *, until: datetime, reason: str) -> None:
        """Send nothing through this account before `until`; a longer pause that stands already stays."""
        with self._database.write() as connection:
            pause_account(connection, no, until=until, reason=reason)

    def learn(self, identity: str, facts: Iterable[LearnedFact]) -> None:
        """Keep what was learned of an account; each fact takes the place of what was known of the same."""
        found = {fact.name: [fact.holds, fact.sentence, to_micros(fact.at)] for fact in facts}
        if not found:
            return
        with self._database.write() as connection:
            no = ensure_account(connection, self._database, identity).no
            self._database.lock_account(connection, no)
            known = connection.execute(select(accounts.c.learned).where(accounts.c.no == no)).scalar_one()
            _set(connection, no, learned=json.dumps({**json.loads(known), **found}))

    def learned(self, identity: str) -> tuple[LearnedFact, ...]:
        """What was learned of an account, by name; nothing of one that was never used."""
        with self._database.read() as connection:
            query = select(accounts.c.learned).where(accounts.c.identity == identity)
            known: dict[str, tuple[bool, str, int]] = json.loads(
                connection.execute(query).scalar_one_or_none() or "{}"
            )
        return tuple(
            LearnedFact(name, holds, sentence, from_micros(at))
            for name, (holds, sentence, at) in sorted(known.items())
        )

    def rooms(self, identity: str, *, limits: Sequence[Limit], reserve: int, zone: ZoneInfo) -> list[Room]:
        """What each limit leaves now; an identity that was never used has used nothing."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = _find(connection, identity)
            log = UsageLog(connection, account_scope(found.no if found else 0))
            return [room(limit, log, reserve=reserve, zone=zone, now=now) for limit in limits]

    def history(self, identity: str, *, longest: timedelta) -> list[tuple[datetime, int]]:
        """When slots were used in the last `longest`, for the forecast."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = _find(connection, identity)
            if found is None:
                return []
            return UsageLog(connection, account_scope(found.no)).history(now - longest, now)

    def begin_test(
        self, no: int, *, token: int, limits: Sequence[Limit], reserve: int, zone: ZoneInfo
    ) -> Wait | None:
        """Reserve one slot for a test send, as a delivery of no campaign; None if it may be sent.

        Should the process die now, the run's successor counts the slot as used.
        """
        with self._database.write() as connection:
            self._database.lock_account(connection, no)
            now = self._database.now(connection)
            account = connection.execute(select(accounts).where(accounts.c.no == no)).one()
            if account.paused_until is not None and account.paused_until > now:
                return Wait(WaitReason.ACCOUNT_PAUSED, account.paused_until, account.pause_reason)
            log = UsageLog(connection, account_scope(no))
            log.date(now)
            rooms = [room(limit, log, reserve=reserve, zone=zone, now=now) for limit in limits]
            left, next_slot_at = tightest(rooms)
            if left == 0:
                return Wait(WaitReason.QUOTA, next_slot_at, about_the_clock([log], now))
            connection.execute(insert(deliveries).values(_test_delivery(no, token, now)))
            return None

    def end_test(self, no: int, *, token: int, answered: bool) -> None:
        """Use the slot of a test send, or free it where nothing was offered to the server."""
        with self._database.write() as connection:
            self._database.lock_account(connection, no)
            deleted = connection.execute(delete(deliveries).where(deliveries.c.id == -token)).rowcount
            if deleted and answered:
                UsageLog(connection, account_scope(no)).add(self._database.now(connection))

    def delete_old_usage(self, no: int) -> None:
        """Delete usage that no window can reach any more."""
        with self._database.write() as connection:
            UsageLog(connection, account_scope(no)).delete_old(self._database.now(connection))


def pause_account(connection: Connection, no: int, *, until: datetime, reason: str) -> None:
    """Pause the account inside the caller's transaction; a longer pause that stands already stays."""
    shorter = accounts.c.paused_until.is_(None) | (accounts.c.paused_until < until)
    connection.execute(
        update(accounts).where(accounts.c.no == no, shorter).values(paused_until=until, pause_reason=reason)
    )


def stop_account(connection: Connection, no: int, *, reason: str, digest: str) -> None:
    """Refuse the credentials of `digest` inside the caller's transaction, which holds the account."""
    refused = {**_refused(connection, no), digest: reason}
    _set(connection, no, stop_reason=reason, refused=json.dumps(refused))


def _set(connection: Connection, no: int, **values: object) -> None:
    connection.execute(update(accounts).where(accounts.c.no == no).values(**values))


def _refused(connection: Connection, no: int) -> dict[str, str]:
    known: dict[str, str] = json.loads(
        connection.execute(select(accounts.c.refused).where(accounts.c.no == no)).scalar_one()
    )
    return known


def ensure_account(connection: Connection, database: Database, identity: str) -> AccountRecord:
    """Find or make the record of `identity` inside the caller's transaction."""
    if found := _find(connection, identity):
        return found
    database.lock_ledger(connection)
    if found := _find(connection, identity):
        return found
    connection.execute(insert(accounts).values(identity=identity))
    made = _find(connection, identity)
    assert made is not None  # noqa: S101 - inserted by this very transaction
    return made


def _test_delivery(account_no: int, token: int, now: datetime) -> dict[str, object]:
    return {
        "id": -token,
        "campaign_no": TESTS,
        "row": 0,
        "state": State.SENDING,
        "reason": "test message",
        "not_before": now,
        "token": token,
        "account_no": account_no,
        "last_attempt_at": now,
    }


def _find(connection: Connection, identity: str) -> AccountRecord | None:
    row = connection.execute(
        select(
            accounts.c.no,
            accounts.c.identity,
            accounts.c.paused_until,
            accounts.c.pause_reason,
            accounts.c.stop_reason,
            accounts.c.refused,
        ).where(accounts.c.identity == identity)
    ).first()
    return AccountRecord(*row[:5], json.loads(row.refused)) if row else None
