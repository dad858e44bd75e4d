"""Manual actions on deliveries: requeue them, and resolve those in doubt."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, func, select, type_coerce, update

from mailrunner.model.delivery import State
from mailrunner.model.suppression import governing
from mailrunner.store.database import Database
from mailrunner.store.raw_sql import to_micros
from mailrunner.store.recovery import TOKEN_SHIFT
from mailrunner.store.reopening import locked_phase
from mailrunner.store.run_lock import is_alive
from mailrunner.store.schema import campaigns, deliveries, recipients, runs
from mailrunner.store.suppression_entries import entries_of

_CHUNK = 2_000
_REQUEUEABLE = (State.FAILED, State.SUPPRESSED, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class InDoubtDelivery:
    """One delivery in doubt; `token` names the attempt that made it so."""

    id: int
    token: int | None
    address: str
    key: str
    reason: str
    last_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Requeued:
    """The number queued again, and those that were not: (address or key, reason)."""

    number: int
    refused: tuple[tuple[str, str], ...]


class ManualActions:
    """The actions of the commands `requeue` and `resolve` on one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def requeue(
        self,
        campaign_no: int,
        *,
        states: Collection[State],
        keys: Collection[str],
        lists: Collection[str],
        transactional: bool,
    ) -> Requeued:
        """Queue again those in `states` (among `keys`, if any) of which no server accepted anything.

        Those that may not be sent now (still suppressed, no usable address, row purged) stay as they are
        and are returned in `refused`.
        """
        assert set(states) <= set(_REQUEUEABLE)  # noqa: S101 - nothing was accepted in these
        number, refused = 0, []
        with self._database.write() as connection:
            rows = connection.execute(
                select(
                    deliveries.c.id,
                    deliveries.c.key,
                    deliveries.c.reason,
                    recipients.c.address,
                )
                .outerjoin(recipients, recipients.c.id == deliveries.c.id)
                .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state.in_(list(states)))
                .order_by(deliveries.c.id)
            ).all()
            chosen = [row for row in rows if not keys or row.key in keys]
            for start in range(0, len(chosen), _CHUNK):
                part = chosen[start : start + _CHUNK]
                entries = entries_of(connection, [row.key for row in part if row.key])
                for row in part:
                    why = _refusal(row, entries, lists, transactional)
                    if why:
                        refused.append((row.address or row.key or "", why))
                number += self._requeue(connection, part, entries, lists, transactional)
            if number:
                connection.execute(
                    update(campaigns)
                    .where(campaigns.c.no == campaign_no, campaigns.c.phase.in_(("finished", "cancelled")))
                    .values(phase="begun", finished_at=None, reason="", resume_at=None)
                )
        return Requeued(number, tuple(refused))

    def in_doubt(self, campaign_no: int) -> list[InDoubtDelivery]:
        """The deliveries in doubt."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    deliveries.c.id,
                    deliveries.c.token,
                    recipients.c.address,
                    deliveries.c.key,
                    deliveries.c.reason,
                    deliveries.c.last_attempt_at,
                )
                .outerjoin(recipients, recipients.c.id == deliveries.c.id)
                .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.IN_DOUBT)
            )
            # Not by the database: with old statistics SQLite walks the whole campaign in the order of ids.
            doubts = [InDoubtDelivery(r.id, r.token, r.address or r.key, *r[3:]) for r in rows]
            return sorted(doubts, key=lambda doubt: doubt.id)

    def sent_nearby(
        self, campaign_no: int, doubt: InDoubtDelivery, *, within: timedelta, most: int
    ) -> list[int]:
        """The deliveries that the same run sent within that time of the one in doubt, the nearest first.

        A run knows one account, so these went the same way.  At most `most` of them.
        """
        if doubt.token is None or doubt.last_attempt_at is None:
            return []
        with self._database.read() as connection:
            run = connection.execute(select(runs).where(runs.c.no == doubt.token >> TOKEN_SHIFT)).first()
            if run is None:
                return []
            since = max(doubt.last_attempt_at - within, run.started_at)
            until = doubt.last_attempt_at + within
            attempted = type_coerce(deliveries.c.last_attempt_at, BigInteger)
            return list(
                connection.execute(
                    select(deliveries.c.id)
                    .where(
                        deliveries.c.campaign_no == campaign_no,
                        deliveries.c.state == State.SENT,
                        deliveries.c.last_attempt_at.between(since, min(until, run.ended_at or until)),
                    )
                    .order_by(func.abs(attempted - to_micros(doubt.last_attempt_at)))
                    .limit(most)
                ).scalars()
            )

    def is_sender_suspended(self, doubt: InDoubtDelivery) -> bool:
        """True if the run that was sending it is silent, but its process still exists."""
        if doubt.token is None:
            return False
        run_no = doubt.token >> TOKEN_SHIFT
        with self._database.read() as connection:
            silent = connection.execute(
                select(runs.c.no).where(
                    runs.c.no == run_no,
                    runs.c.ended_at.is_(None),
                    runs.c.leased_until < self._database.now(connection),
                )
            ).first()
        return silent is not None and is_alive(self._database, run_no)

    def resolve_as_sent(self, doubts: Iterable[InDoubtDelivery], *, reason: str) -> list[InDoubtDelivery]:
        """Record deliveries in doubt as sent; return those of them that still were in doubt."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            sent = {"state": State.SENT, "finished_at": now, "not_before": now}
            return _resolve(connection, doubts, reason=reason, **sent)

    def resolve_as_not_sent(
        self, campaign_no: int, doubts: Iterable[InDoubtDelivery]
    ) -> list[InDoubtDelivery]:
        """Queue deliveries in doubt again; return those of them that still were in doubt.

        A finished campaign is begun again.  In a cancelled one they are skipped like all the others.
        """
        doubts = list(doubts)
        with self._database.write() as connection:
            now = self._database.now(connection)
            mine = campaigns.c.no == campaign_no
            phase = locked_phase(connection, campaign_no)
            if phase == "cancelled":
                skipped = {"state": State.SKIPPED, "finished_at": now, "not_before": now}
                return _resolve(connection, doubts, reason="cancelled", **skipped)
            kept = set(
                connection.execute(
                    select(recipients.c.id).where(recipients.c.id.in_([d.id for d in doubts]))
                ).scalars()
            )
            doubts = [doubt for doubt in doubts if doubt.id in kept]  # not those whose rows were purged
            changed = _resolve(connection, doubts, state=State.QUEUED, reason="", not_before=now)
            if changed and phase == "finished":
                connection.execute(update(campaigns).where(mine).values(phase="begun", finished_at=None))
            return changed

    def _requeue(self, connection: Connection, rows, entries, lists, transactional) -> int:  # type: ignore[no-untyped-def]
        ids = [row.id for row in rows if not _refusal(row, entries, lists, transactional)]
        if not ids:
            return 0
        return connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state.in_(_REQUEUEABLE))
            .values(
                state=State.QUEUED,
                reason="",
                not_before=self._database.now(connection),
                attempts=0,
                waited=0,
                finished_at=None,
            )
        ).rowcount


def _resolve(
    connection: Connection, doubts: Iterable[InDoubtDelivery], **values: object
) -> list[InDoubtDelivery]:
    """Change those that are still in doubt about the same attempt: a late answer is the better evidence."""
    return [
        doubt
        for doubt in doubts
        if connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == doubt.id,
                deliveries.c.token.is_not_distinct_from(doubt.token),
                deliveries.c.state == State.IN_DOUBT,
            )
            .values(token=None, **values)
        ).rowcount
    ]


def _refusal(row, entries, lists, transactional) -> str:  # type: ignore[no-untyped-def]
    """Why this delivery may not be sent now; "" if it may."""
    if row.key is None:
        return row.reason or "no usable address"
    if row.address is None:
        return "the row's data were purged"
    holding = governing(entries.get(row.key, ()), lists=lists, transactional=transactional)
    return str(holding) if holding else ""
