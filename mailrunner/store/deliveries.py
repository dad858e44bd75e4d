"""Claiming, sending, recording: the statements that keep the promises of `docs/states.md`.

What a run does with its own claims goes through `exchange`; the rest is what others ask about them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select, update

from mailrunner.model.delivery import Counts, State
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.wait_reason import Wait
from mailrunner.store.batch import Answer, Batch, BatchResult, SendPermit, commit_batch, put_back
from mailrunner.store.campaigns import counts
from mailrunner.store.claims import FRONT, ClaimTerms, Delivery, Place
from mailrunner.store.database import Database
from mailrunner.store.recovery import end_if_gone
from mailrunner.store.requeue import after_requeue
from mailrunner.store.runs import is_alive, open_runs
from mailrunner.store.schema import deliveries, recipients


class Deliveries:
    """The deliveries of all campaigns in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reached: dict[int, Place] = {}  # by campaign; lost with the process, it costs one look

    def exchange(self, terms: ClaimTerms, batch: Batch) -> BatchResult:
        """Record, begin and claim what `batch` asks for, in one transaction (see `exchange`)."""
        with self._database.write() as connection:
            self._database.hold_account(connection, terms.account_no)
            reached = self._reached.get(terms.campaign_no, FRONT)
            done = commit_batch(connection, terms, batch, self._database.now(connection), reached)
        self._reached[terms.campaign_no] = done.reached
        return done

    def claim(self, terms: ClaimTerms, *, token: int, most: int) -> list[Delivery] | Wait:
        """Reserve up to `most` deliveries and their quota slots, or say why there are none."""
        while True:  # the next to look at may all have said no
            found = self.exchange(terms, Batch(wanted=most, token=token)).found
            if found:
                return found

    def begin_sending(self, delivery: Delivery, terms: ClaimTerms) -> SendPermit:
        """Make `sending` durable; from here on the server may accept the message."""
        return self.exchange(terms, Batch(starting=[delivery])).goes[0]

    def record(self, delivery: Delivery, terms: ClaimTerms, settlement: Decision) -> bool:
        """Record what came of it; False if the claim was lost and nothing was recorded."""
        return self.exchange(terms, Batch(answers=[Answer(delivery, settlement)])).recorded[0]

    def release(self, claimed: Sequence[Delivery]) -> int:
        """Put claimed deliveries back; their slots were never used.  Says how many were still ours."""
        with self._database.write() as connection:
            return len(put_back(connection, claimed, self._database.now(connection)))

    def take_over(self, *, own_run: int | None = None) -> int:
        """End the runs that are gone and free what they held; say how many became in doubt."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.no != own_run]
        return sum(end_if_gone(self._database, run) for run in found)

    def is_being_run(self, campaign_no: int) -> bool:
        """Whether a run of this campaign lives: its lock is held, or its lease not over."""
        with self._database.read() as connection:
            found = [run for run in open_runs(connection) if run.campaign_no == campaign_no]
        return any(is_alive(self._database, run.no) for run in found)

    def resend_doubtful(self, campaign_no: int) -> int:
        """Queue again what is in doubt, as `on_in_doubt = "resend"` says; with the same Message-IDs."""
        with self._database.write() as connection:
            queued = connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.campaign_no == campaign_no,
                    deliveries.c.state == State.IN_DOUBT,
                    exists().where(recipients.c.id == deliveries.c.id),  # not those whose rows were purged
                )
                .values(state=State.QUEUED, token=None, reason="")
            ).rowcount
            after_requeue(connection, campaign_no, self._database.now(connection))
            return queued

    def counts(self, campaign_no: int) -> Counts:
        """How many deliveries of a campaign stand where."""
        with self._database.read() as connection:
            return counts(connection, campaign_no)

    def states_of(self, campaign_no: int, keys: Sequence[str]) -> dict[str, str]:
        """Where the deliveries of these keys stand; keys that are not in the campaign are left out."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(deliveries.c.key, deliveries.c.state).where(
                    deliveries.c.campaign_no == campaign_no, deliveries.c.key.in_(keys)
                )
            )
            return {row.key: row.state for row in rows}
