"""What a person decides about deliveries: opening them again, and settling a doubt by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from mailrunner.delivery import State
from mailrunner.store.database import Database
from mailrunner.store.schema import campaigns, deliveries, recipients
from mailrunner.store.suppressions import entries_of
from mailrunner.suppression import governing

_CHUNK = 2_000
_OPENABLE = (State.FAILED, State.SUPPRESSED, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One delivery in doubt."""

    id: int
    address: str
    key: str
    reason: str
    last_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reopened:
    """How many were queued again, and those who were not: (address or key, why)."""

    number: int
    refused: tuple[tuple[str, str], ...]


class Decisions:
    """The deliveries that wait for a person's word."""

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
    ) -> Reopened:
        """Queue again those in `states` (among `keys`, if any) for whom nothing was accepted.

        Those who may not be mailed now (still suppressed, no usable address, rows forgotten) stay
        as they are and are named.
        """
        assert set(states) <= set(_OPENABLE)  # noqa: S101 - nothing was accepted in these
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
                    why = _closed(row, entries, lists, transactional)
                    if why:
                        refused.append((row.address or row.key or "", why))
                number += self._open(connection, part, entries, lists, transactional)
            if number:
                connection.execute(
                    update(campaigns)
                    .where(campaigns.c.no == campaign_no, campaigns.c.phase.in_(("finished", "cancelled")))
                    .values(phase="begun", finished_at=None, reason="", resume_at=None)
                )
        return Reopened(number, tuple(refused))

    def doubts(self, campaign_no: int) -> list[Doubt]:
        """The deliveries in doubt."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    deliveries.c.id,
                    recipients.c.address,
                    deliveries.c.key,
                    deliveries.c.reason,
                    deliveries.c.last_attempt_at,
                )
                .outerjoin(recipients, recipients.c.id == deliveries.c.id)
                .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.IN_DOUBT)
                .order_by(deliveries.c.id)
            )
            return [Doubt(r.id, r.address or r.key, *r[2:]) for r in rows]

    def settle(self, campaign_no: int, ids: Sequence[int], *, sent: bool) -> int:
        """Say of deliveries in doubt that they were sent, or that they shall be sent again.

        A delivery that was settled by a late answer meanwhile stays as that answer says.
        """
        changed = 0
        with self._database.write() as connection:
            now = self._database.now(connection)
            values = (
                {"state": State.SENT, "reason": "settled by a person", "finished_at": now}
                if sent
                else {"state": State.QUEUED, "reason": "", "not_before": now}
            )
            for start in range(0, len(ids), _CHUNK):
                changed += connection.execute(
                    update(deliveries)
                    .where(
                        deliveries.c.id.in_(ids[start : start + _CHUNK]),
                        deliveries.c.state == State.IN_DOUBT,
                    )
                    .values(token=None, **values)
                ).rowcount
            if changed and not sent:
                connection.execute(
                    update(campaigns)
                    .where(campaigns.c.no == campaign_no, campaigns.c.phase == "finished")
                    .values(phase="begun", finished_at=None)
                )
        return changed

    def _open(self, connection: Connection, rows, entries, lists, transactional) -> int:  # type: ignore[no-untyped-def]
        ids = [row.id for row in rows if not _closed(row, entries, lists, transactional)]
        if not ids:
            return 0
        return connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state.in_(_OPENABLE))
            .values(
                state=State.QUEUED,
                reason="",
                not_before=self._database.now(connection),
                attempts=0,
                waited=0,
                finished_at=None,
            )
        ).rowcount


def _closed(row, entries, lists, transactional) -> str:  # type: ignore[no-untyped-def]
    """Why this person may not be mailed now; "" if they may."""
    if row.key is None:
        return row.reason or "no usable address"
    if row.address is None:
        return "the row's data were forgotten (purge)"
    holding = governing(entries.get(row.key, ()), lists=lists, transactional=transactional)
    return str(holding) if holding else ""
