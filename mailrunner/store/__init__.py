"""The ledger: deliveries, quota usage, the suppression list, inbound events.  The only place with SQL.

    with Ledger.open(folder=…, url=…, clock=…) as ledger:
        ledger.campaigns · ledger.snapshots · ledger.batches · ledger.deliveries · ledger.accounts
        ledger.suppressions · ledger.inbound_events · ledger.manual_actions · ledger.reports

A `Ledger` is safe to use from several threads; several processes may have the same one open.
"""

from __future__ import annotations

import errno
import hmac
import secrets as entropy
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import make_url

from mailrunner.clock import Clock, LedgerClock
from mailrunner.errors import LedgerError, MailrunnerError
from mailrunner.store.accounts import AccountRecord, Accounts
from mailrunner.store.batch import Answer, Batch, Batches, BatchResult
from mailrunner.store.campaigns import CampaignRecord, Campaigns, Phase, Twin
from mailrunner.store.database import Database
from mailrunner.store.deliveries import Deliveries
from mailrunner.store.inbound_events import InboundEvents
from mailrunner.store.location_check import location_warning
from mailrunner.store.manual_actions import ManualActions
from mailrunner.store.opening import open_database
from mailrunner.store.report_rows import ReportRows
from mailrunner.store.rollback_guard import LedgerMark, RollbackGuard
from mailrunner.store.run_transaction import ClaimTerms, Delivery, SendPermit
from mailrunner.store.runs import Run
from mailrunner.store.schema import ledger, secrets
from mailrunner.store.snapshot import ListDrift, PlainSnapshotRow, SnapshotRow, Snapshots
from mailrunner.store.suppressions import Suppressions

__all__ = [
    "AccountRecord",
    "Answer",
    "Batch",
    "BatchResult",
    "CampaignRecord",
    "ClaimTerms",
    "Delivery",
    "Ledger",
    "ListDrift",
    "Phase",
    "PlainSnapshotRow",
    "Run",
    "SendPermit",
    "SnapshotRow",
    "Twin",
]


_CLOCKS_AGREE = 5  # seconds that two clocks may differ before a user is told


class Ledger:
    """One open ledger, checked against its rollback guard."""

    def __init__(self, database: Database, guard: RollbackGuard | None, ledger_id: str) -> None:
        self.database, self._guard, self._id = database, guard, ledger_id
        self.clock = database.clock
        self.accounts = Accounts(database)
        self.batches = Batches(database)
        self.campaigns = Campaigns(database)
        self.deliveries = Deliveries(database)
        self.manual_actions = ManualActions(database)
        self.reports = ReportRows(database)
        self.inbound_events = InboundEvents(database)
        self.snapshots = Snapshots(database)
        self.suppressions = Suppressions(database)

    @classmethod
    def open(cls, *, folder: Path, url: str, clock: Clock, new: bool = False) -> Ledger:
        """Open the project's ledger, or make it if the project never had one.

        `new` begins an empty ledger although another was used before (`--new-ledger`); the file
        that is there is kept under another name.  Raises LedgerError for a ledger that is missing,
        another one, older than the one used last, or that cannot be used.
        """
        guard, path = RollbackGuard(folder), _path(url)
        # Read before the ledger: another process counts in the ledger first and in the guard afterwards.
        seen = guard.read()
        if new:
            _set_aside(path, clock.now())
        elif path is not None and not path.exists() and seen is not None:
            raise guard.missing(str(path))
        database = open_database(url, clock=clock, create=True)
        try:
            with database.write() as connection:
                database.now(connection)  # whatever is timed from here on goes by it
                known = _mark(connection)
                mark = known or _create_mark(connection, database)
            if new:
                _refuse_used(known, url)
                guard.begin(mark)
            elif seen is None:
                guard.write(mark)
            else:
                guard.check(seen, mark)
        except MailrunnerError:
            database.close()
            raise
        return cls(database, guard, mark.ledger_id)

    @classmethod
    def open_for_reading(cls, *, folder: Path, url: str, clock: Clock) -> Ledger:
        """Open it for a command that only reads; for a project without a ledger this is an empty one."""
        path = _path(url)
        if path is None or path.exists() or RollbackGuard(folder).read() is not None:
            return cls.open(folder=folder, url=url, clock=clock)
        return _Empty(clock)

    @property
    def warning(self) -> str | None:
        """A sentence where the ledger lies in an unsafe place, else None."""
        path = self.database.path
        return location_warning(path) if path is not None else None

    @property
    def clock_warning(self) -> str | None:
        """A sentence where this machine's clock differs from the ledger's by more than seconds, else None."""
        ahead = round(self.clock_ahead.total_seconds())
        if abs(ahead) <= _CLOCKS_AGREE:
            return None
        how = "ahead of" if ahead > 0 else "behind"
        return (
            f"this machine's clock is {abs(ahead):,} seconds {how} the ledger's; start, window, limits and "
            "waits go by the ledger's: set this machine's clock right"
        )

    @property
    def clock_ahead(self) -> timedelta:
        """How far this machine's clock is ahead of the ledger's, as it was read last; negative: behind."""
        return self.clock.ahead if isinstance(self.clock, LedgerClock) else timedelta(0)

    def count_run(self) -> None:
        """Count up, in the ledger first and then in the rollback guard."""
        with self.database.write() as connection:
            connection.execute(update(ledger).values(run_counter=ledger.c.run_counter + 1))
            mark = _mark(connection)
        if self._guard is not None and mark is not None:
            self._guard.write(mark)

    def heartbeat(self, run: Run) -> None:
        """Renew the lease of `run` and count up, once a minute; call it as often as you like."""
        if run.is_due(self.clock.now()):
            run.renew()
            self.count_run()

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
        database = open_database(f"sqlite:///{self._folder.name}/empty.db", clock=clock, create=True)
        super().__init__(database, None, "empty")

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


def _path(url: str) -> Path | None:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _secrets(connection: Connection) -> list[str]:
    return list(connection.execute(select(secrets.c.value).order_by(secrets.c.no)).scalars())


def _mark(connection: Connection) -> LedgerMark | None:
    row = connection.execute(select(ledger.c.id, ledger.c.run_counter)).first()
    return LedgerMark(row.id, row.run_counter) if row else None


def _create_mark(connection: Connection, database: Database) -> LedgerMark:
    """Give a new ledger its id."""
    database.lock_ledger(connection)
    mark = _mark(connection)
    if mark is None:
        mark = LedgerMark(uuid.uuid4().hex, 0)
        now = database.now(connection)
        connection.execute(insert(ledger).values(id=mark.ledger_id, run_counter=0, created_at=now))
    return mark


def _refuse_used(known: LedgerMark | None, url: str) -> None:
    """A file is set aside for a new ledger; a database that is used already is not emptied."""
    if known is not None:
        name = make_url(url).render_as_string(hide_password=True)
        raise LedgerError(f"{name} holds a ledger already", "name an empty database in mailrunner.toml")


def _set_aside(path: Path | None, now: datetime) -> None:
    """Keep the file of a ledger that is to be replaced."""
    if path is None:
        return
    stamp = now.strftime("%Y%m%d-%H%M%S.%f")
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        kept = path.with_name(f"{path.name}.old-{stamp}{suffix}")
        if old.exists():
            try:
                if kept.exists():  # a rename would replace it without a word
                    raise FileExistsError(errno.EEXIST, "another was set aside at this very moment")
                old.rename(kept)
            except OSError as error:
                raise LedgerError(
                    f"{old} cannot be set aside: {error.strerror}", "check the folder's rights"
                ) from error
