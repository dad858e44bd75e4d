"""The ledger: deliveries, quota usage, the suppression list, inbound events.  The only place with SQL.

    with Ledger.open(folder=…, url=…, clock=…) as ledger:
        ledger.campaigns · ledger.snapshots · ledger.batches · ledger.deliveries · ledger.accounts
        ledger.suppressions · ledger.inbound_events · ledger.manual_actions · ledger.reports
        ledger.browsing · ledger.statistics

A `Ledger` is safe to use from several threads; several processes may have the same one open.
"""

from __future__ import annotations

import hmac
import secrets as entropy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, insert, select

from mailrunner.clock import Clock, LedgerClock, clock_difference
from mailrunner.errors import LedgerError
from mailrunner.model.quota import Limit, strictest
from mailrunner.store.account_takeover import take_over_accounts
from mailrunner.store.accounts import AccountRecord, Accounts
from mailrunner.store.admission import Admission, LedgerConsent, admit, require_same
from mailrunner.store.batch import Answer, Batch, Batches, BatchResult
from mailrunner.store.browsing import Browsing
from mailrunner.store.campaigns import CampaignRecord, Campaigns, Phase, Twin
from mailrunner.store.deliveries import Deliveries
from mailrunner.store.inbound_events import InboundEvents
from mailrunner.store.ledger_identity import count_up, ensure_mark
from mailrunner.store.lineage import refuse_other_databases
from mailrunner.store.location_check import location_warning, rights_warning
from mailrunner.store.machines import (
    Machine,
    all_machines,
    forget_machine,
    limits_of_others,
    note_limits,
)
from mailrunner.store.manual_actions import ManualActions
from mailrunner.store.opening import open_database
from mailrunner.store.postgresql import durability_warnings
from mailrunner.store.report_rows import ReportRows
from mailrunner.store.rollback_guard import RollbackGuard
from mailrunner.store.run_transaction import ClaimTerms, Delivery, SendPermit
from mailrunner.store.runs import OpenRunInfo, Run, open_run_infos
from mailrunner.store.schema import secrets
from mailrunner.store.send_journal import SendJournal
from mailrunner.store.snapshot import ListDrift, PlainSnapshotRow, SnapshotRow, Snapshots
from mailrunner.store.statistics import Statistics
from mailrunner.store.suppressions import Suppressions
from mailrunner.store.which_ledger import ChosenLedger, begin_new, choose

__all__ = [
    "AccountRecord",
    "Admission",
    "Answer",
    "Batch",
    "BatchResult",
    "CampaignRecord",
    "ClaimTerms",
    "Delivery",
    "Ledger",
    "LedgerConsent",
    "ListDrift",
    "Machine",
    "Phase",
    "PlainSnapshotRow",
    "Run",
    "SendPermit",
    "SnapshotRow",
    "Twin",
]


class Ledger:
    """One open ledger, checked against its rollback guard; `notices` are what the user should know of it."""

    def __init__(
        self, chosen: ChosenLedger, guard: RollbackGuard | None, consent: LedgerConsent | None = None
    ) -> None:
        self.database, self._guard, self._id = chosen.database, guard, chosen.ledger_id
        self.notices = chosen.notices
        self._consent, self._lineage, self._refuses_but = consent or LedgerConsent(), "", ""
        self.clock = self.database.clock
        self.accounts = Accounts(self.database)
        self.batches = Batches(self.database)
        self.browsing = Browsing(self.database)
        self.campaigns = Campaigns(self.database)
        self.deliveries = Deliveries(self.database)
        self.manual_actions = ManualActions(self.database)
        self.reports = ReportRows(self.database)
        self.inbound_events = InboundEvents(self.database)
        self.statistics = Statistics(self.database)
        self.snapshots = Snapshots(self.database)
        self.suppressions = Suppressions(self.database)

    @classmethod
    def open(
        cls,
        *,
        folder: Path,
        url: str,
        clock: Clock,
        new: bool = False,
        consent: LedgerConsent | None = None,
    ) -> Ledger:
        """Open the project's ledger, or make it if the project never had one.

        `new` begins an empty ledger although another was used before (`--new-ledger`); the file
        that is there is kept under another name.  `consent`: what the user said of a ledger that was put
        back.  Raises LedgerError for a ledger that is missing,
        another one, older than the one used last, moved, or that cannot be used; it made nothing then.
        """
        guard = RollbackGuard(folder, url)
        same = consent is not None and consent.same
        chosen = begin_new(guard, clock=clock) if new else choose(guard, clock=clock, create=True, same=same)
        assert chosen is not None  # noqa: S101 - `create` gives one, or raises
        return cls(chosen, guard, consent)._by_its_clock()

    @classmethod
    def open_existing(
        cls, *, folder: Path, url: str, clock: Clock, consent: LedgerConsent | None = None
    ) -> Ledger:
        """Open it if there is one, for commands that have nothing to do without; else an empty one.

        It makes nothing; raises as `open`.
        """
        guard = RollbackGuard(folder, url)
        same = consent is not None and consent.same
        chosen = choose(guard, clock=clock, create=False, same=same)
        return cls(chosen, guard, consent)._by_its_clock() if chosen else _Empty(clock)

    def _by_its_clock(self) -> Self:
        """Read the ledger's clock, if it has one of its own: what is timed from here on goes by it."""
        if isinstance(self.clock, LedgerClock):
            with self.database.read() as connection:
                self.database.now(connection)
        return self

    @property
    def warnings(self) -> list[str]:
        """A sentence for each reason why the ledger's place or server may lose what it has recorded."""
        path = self.database.path
        if path is not None:
            return [said for said in (location_warning(path), rights_warning(path)) if said]
        with self.database.read() as connection:
            return durability_warnings(connection)

    @property
    def machines(self) -> list[Machine]:
        """The machines that runs were begun on, the one seen last first."""
        with self.database.read() as connection:
            return all_machines(connection)

    def open_runs(self) -> list[OpenRunInfo]:
        """The runs whose end is not recorded, by campaign and machine."""
        with self.database.read() as connection:
            return open_run_infos(connection)

    def shared_limits(self, identity: str, own: Sequence[Limit]) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
        """The strictest limits that any machine has for an account, and a sentence for each of another's.

        A ledger in a file belongs to one machine, whose file alone counts: what a user changes there holds.
        """
        if self._guard is None or self.database.is_sqlite:
            return tuple(own), ()
        with self.database.write() as connection:
            note_limits(connection, self._guard.folder, identity, own)
            others = limits_of_others(connection, self._guard.folder, identity, self.database.now(connection))
        kept = strictest(own, (limit for _, said in others for limit in said))
        stricter = [limit for limit in kept if limit not in own]
        return kept, tuple(
            f"the limit {limit.written} of {machine} is stricter than this machine's and counts for all; to "
            "loosen it, change mailrunner.toml there too and run there once"
            for limit in stricter
            for machine in [next(machine for machine, said in others if limit in said)]
        )

    def forget_machine(self, host: str) -> int:
        """Wait for `host` no longer, which is gone for good with its journal; how many folders it had."""
        with self.database.write() as connection:
            return forget_machine(connection, host)

    @property
    def clock_warning(self) -> str | None:
        """A sentence where this machine's clock differs from the ledger's by more than seconds, else None."""
        differs = clock_difference(self.clock_ahead.total_seconds())
        if not differs:
            return None
        return (
            f"this machine's clock is {differs}; start, window, limits and "
            "waits go by the ledger's: set this machine's clock right"
        )

    @property
    def clock_ahead(self) -> timedelta:
        """How far this machine's clock is ahead of the ledger's, as it was read last; negative: behind."""
        return self.database.clock_ahead

    def admit(self) -> Admission:
        """Let a run begin on this database, and count it; the run waits where the result says so.

        Raises LedgerError for a ledger that was put back or failed over, until the user confirms it.
        """
        if self._guard is None:
            return Admission()
        seen = self._guard.read()
        journal = SendJournal(self._guard.folder, self._id)
        known = seen.lineage if seen else ""
        admission = admit(self.database, journal, self._guard.folder, known, self._consent)
        self._lineage = admission.lineage
        if self._consent.same:
            with self.database.write() as connection:
                self._guard.begin(ensure_mark(self.database, connection))
            self._consent = replace(self._consent, same=False)  # what comes later is another matter
        self.count_run()
        self._refuse_other_databases()
        return admission

    def _refuse_other_databases(self) -> None:
        """A run reconnects after a fault, perhaps to a standby that was promoted meanwhile."""
        if self._lineage and self._lineage != self._refuses_but:
            self._refuses_but = self._lineage
            refuse_other_databases(self.database.engine, self._lineage)

    @contextmanager
    def journal(self, run: Run) -> Iterator[None]:
        """Note beside the rollback guard what `run` begins to send, as long as this context lasts."""
        if self._guard is None:
            yield
            return
        file = SendJournal(self._guard.folder, self._id).open(run.no, self.clock.now())
        with file or nullcontext():
            self.batches.journal = file
            try:
                yield
            finally:
                self.batches.journal = None

    @property
    def mark(self) -> str:
        """Eight hexadecimal digits that tell this ledger from others; its id, which is secret, stays so."""
        return hmac.digest(self._id.encode(), b"mark", "sha256").hex()[:8]

    def count_run(self, *, briefly: bool = False) -> None:
        """Count up, in the ledger first and then in the rollback guard.

        Raises LedgerError if the database was replaced since a run was admitted.
        """
        with self.database.write(briefly=briefly) as connection:
            require_same(connection, self._lineage)
            mark = count_up(connection)
        if self._guard is not None and mark is not None:
            self._guard.write(replace(mark, lineage=self._lineage))

    def heartbeat(self, run: Run) -> bool:
        """Renew the lease of `run` and count up, once a minute; True if it was time.  Call it often.

        Every ten seconds it also looks for runs that have died, and frees what they held.
        """
        now = self.clock.now()
        is_due = run.is_due(now)
        if is_due:
            self._renew(run, now)
        if run.looks_for_dead_runs(now):
            self.deliveries.recover_overdue(own_run=run.no)
        return is_due

    def _renew(self, run: Run, now: datetime) -> None:
        try:
            run.renew()
            self.count_run(briefly=True)
        except LedgerError:
            run.renew_again(now)
            raise

    def take_over_accounts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Let accounts, by former and present identity, take over what an older version's ledger knows."""
        take_over_accounts(self.database, pairs)

    def signing_keys(self, configured: str | None) -> tuple[bytes, ...]:
        """The keys of the token signer: that of the secret in use first, that of the oldest last.

        Every secret ever used still verifies.  One that is new, or the first of all, is stored.  The
        ledger's id is part of each key, as two ledgers with one secret number their deliveries alike.
        """
        with self.database.read() as connection:
            known = _secrets(connection)
        wanted = configured or (known[-1] if known else "")
        if wanted not in known:
            with self.database.write() as connection:
                self.database.lock_ledger(connection)
                known = _secrets(connection)
                wanted = configured or (known[-1] if known else entropy.token_hex(32))
                if wanted not in known:
                    now = self.database.now(connection)
                    connection.execute(insert(secrets).values(value=wanted, created_at=now))
                    known.append(wanted)
        known.remove(wanted)
        keyed = (wanted, *reversed(known))
        return tuple(hmac.digest(secret.encode(), self._id.encode(), "sha256") for secret in keyed)

    def now(self) -> datetime:
        """What the ledger's clock shows, read now; `clock` tells it without a visit."""
        with self.database.read() as connection:
            return self.database.now(connection)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Empty(Ledger):
    """The empty ledger of a project without one; it is removed when it is closed."""

    def __init__(self, clock: Clock) -> None:
        self._folder = TemporaryDirectory(prefix="mailrunner-")
        database = open_database(f"sqlite:///{self._folder.name}/empty.db", clock=clock)
        super().__init__(ChosenLedger(database, "empty"), None)

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


def _secrets(connection: Connection) -> list[str]:
    return list(connection.execute(select(secrets.c.value).order_by(secrets.c.no)).scalars())
