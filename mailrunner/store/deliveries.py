"""The deliveries of all campaigns: counts, and what other commands than `run` do with them.

A run records, begins and claims its own through `batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, select, update

from mailrunner.model.delivery import Counts, State
from mailrunner.store.campaigns import counts
from mailrunner.store.claims import put_back
from mailrunner.store.database import Database
from mailrunner.store.erasure import pseudonyms_of
from mailrunner.store.recovery import open_runs, recover_run
from mailrunner.store.reopening import reopen_after_requeue
from mailrunner.store.run_lock import is_alive
from mailrunner.store.run_transaction import Delivery
from mailrunner.store.schema import deliveries, recipients

_AT_A_LOOK = 4  # dead runs; what one holds is bounded by its connections


class Deliveries:
    """The deliveries of all campaigns in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._overdue: set[int] = set()  # the runs that were at the last look
        self._last_looked_at = 0  # the number of a run

    def release(self, claimed: Sequence[Delivery]) -> int:
        """Queue claimed deliveries again; their slots were never used.  Returns how many were still ours."""
        with self._database.write() as connection:
            return len(put_back(connection, claimed, self._database.now(connection)))

    def recover(self, *, own_run: int | None = None) -> int:
        """End the runs that died and free their deliveries; return how many are now in doubt."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.no != own_run]
        return sum(recover_run(self._database, run) for run in found)

    def recover_overdue(self, *, own_run: int) -> int:
        """The same for runs whose renewal did not come in time, at two looks in a row.

        In between one that could not reach the ledger either, and lives, has the time to say so.  A few at
        a look, in turn, as some may be suspended: whoever calls it has messages to send.
        """
        with self._database.read() as connection:
            now = self._database.now(connection)
            overdue = {run.no: run for run in open_runs(connection) if run.is_overdue(now)}
        overdue.pop(own_run, None)
        again, self._overdue = self._overdue & overdue.keys(), set(overdue)
        in_turn = sorted(again, key=lambda no: (no <= self._last_looked_at, no))[:_AT_A_LOOK]
        self._last_looked_at = in_turn[-1] if in_turn else 0
        return sum(recover_run(self._database, overdue[no], briefly=True) for no in in_turn)

    def is_being_run(self, campaign_no: int) -> bool:
        """True if a run of this campaign is alive: a process holds its lock."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.campaign_no == campaign_no]
        return any(is_alive(self._database, run.no) for run in found)

    def requeue_in_doubt(self, campaign_no: int) -> int:
        """Queue again what is in doubt, for `on_in_doubt = "resend"`; with the same Message-IDs."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            queued = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.state == State.IN_DOUBT,
                    exists().where(recipients.c.id == deliveries.c.id),  # not those whose rows were purged
                )
                .values(state=State.QUEUED, token=None, reason="", not_before=now)
            ).rowcount
            reopen_after_requeue(connection, campaign_no, now)
            return queued

    def counts(self, campaign_no: int) -> Counts:
        """The number of a campaign's deliveries in each state."""
        with self._database.read() as connection:
            return counts(connection, campaign_no)

    def address(self, number: int) -> str:
        """The address of one delivery as it was mailed to; "" where its row was purged."""
        with self._database.read() as connection:
            found: str | None = connection.execute(
                select(recipients.c.address).where(recipients.c.id == number)
            ).scalar()
            return found or ""

    def last_due(self, campaign_no: int) -> datetime | None:
        """When the last of its queued deliveries may be tried; None if none is queued."""
        queued = (deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(
                select(func.max(deliveries.c.not_before)).where(*queued)
            ).scalar()
            return found

    def states_of(self, campaign_no: int, keys: Sequence[str]) -> dict[str, str]:
        """The state of the delivery of each key; keys that are not in the campaign are left out.

        Recipients who were tried, and erased since, are found under their pseudonyms.
        """
        with self._database.read() as connection:
            pseudonyms = pseudonyms_of(connection)
            key_of = {pseudonyms.of(key): key for key in keys}
            tried = deliveries.c.state.not_in((State.SUPPRESSED, State.SKIPPED))
            rows = connection.execute(
                select(deliveries.c.key, deliveries.c.state).where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.key.in_(keys) | (deliveries.c.key.in_(key_of) & tried),
                )
            )
            return {key_of.get(row.key, row.key): row.state for row in rows}
