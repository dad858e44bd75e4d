"""The one file in which SQLite and PostgreSQL differ: opening, transactions, locks, the clock.

`Database.write()` is one transaction that will be durable when it returns; no transaction is ever
open during a network call.  Everything a database can throw becomes a `LedgerError` with a
sentence.

SQLite: WAL with synchronous=FULL (a commit survives power loss), BEGIN IMMEDIATE (a transaction
that will write takes its turn at once instead of failing in the middle), a line in which processes
wait for that turn, and before each commit and each look at the data a look whether the file on the
path is still the one that was opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import QueuePool

from mailrunner.clock import Clock, SystemClock
from mailrunner.errors import LedgerError, Problem, UserError
from mailrunner.store.schema import REVISION, accounts
from mailrunner.store.write_queue import WriteQueue

_BUSY_SECONDS = 15
_FIRST_LOCK = 0x6D72  # PostgreSQL: the class of our advisory locks ("mr")


class Database:
    """A pool of connections to one ledger, and the transactions on it."""

    def __init__(self, engine: Engine, *, clock: Clock, path: Path | None) -> None:
        self.engine, self.path = engine, path
        self.url = engine.url
        self._clock = clock
        self._thread = threading.RLock()
        self._turn = WriteQueue(path)
        self._file = _inode(path)

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction; raises LedgerError and changes nothing if it cannot be."""
        # SQLite has one writer: threads of this process queue here, processes in the line.
        with self._thread, self._turn.hold(), _spoken(self), self.engine.begin() as connection:
            yield connection
            if self._is_replaced():
                _set_log_aside(self.path)
                raise self._replaced(recorded="nothing was recorded there; ")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A look at one consistent state; what is written in it is not kept."""
        if self._is_replaced():
            raise self._replaced()
        with _spoken(self), self.engine.connect().execution_options(looking=True) as connection:
            if not self.is_sqlite:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The ledger's clock: the server's where several machines share one, else this machine's."""
        if self.is_sqlite or not isinstance(self._clock, SystemClock):
            return self._clock.now()
        moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def hold_account(self, connection: Connection, account_no: int) -> None:
        """Let nobody else reserve or use this account's slots until the transaction ends."""
        if not self.is_sqlite:
            connection.execute(select(accounts.c.no).where(accounts.c.no == account_no).with_for_update())

    def hold_everything(self, connection: Connection) -> None:
        """Let nobody else begin a campaign, migrate or import until the transaction ends."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:c, 0)"), {"c": _FIRST_LOCK})

    def close(self) -> None:
        self.engine.dispose()
        self._turn.close()

    def _is_replaced(self) -> bool:
        return self._file != _inode(self.path)

    def _replaced(self, *, recorded: str = "") -> LedgerError:
        return LedgerError(
            f"{self.path} is no longer the file that was opened: it was replaced or removed",
            f"{recorded}put the right ledger back and run the command again",
        )


def insert_many(
    connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, columns: Sequence[str] = ()
) -> int:
    """Insert plain tuples, in the order of `columns` (all of the table's by default); a million are quick.

    Rows that break a unique key are left out.  Returns how many were inserted.
    """
    if not rows:
        return 0
    chosen = columns or [column.name for column in table.columns]
    names = ", ".join(f'"{name}"' for name in chosen)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(chosen))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def open_database(url: str, *, clock: Clock, create: bool) -> Database:
    """Open the ledger at `url`, make it first if `create`, and bring it to the newest schema.

    Raises UserError for a URL that cannot be one, LedgerError for a ledger that cannot be used.
    """
    parsed = _parse(url)
    path = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    if path is not None:
        _prepare_file(path, create)
    try:
        engine = _engine(parsed, path)
    except ModuleNotFoundError as error:
        raise UserError(_bad_url(f"its driver {error.name} is not installed")) from error
    database = Database(engine, clock=clock, path=path)
    _migrate(database)
    return database


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ImportError) as error:
        raise UserError(_bad_url(f"this database cannot be used: {type(error).__name__}")) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise UserError(_bad_url(f"a ledger cannot live in {backend}"))
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UserError(_bad_url("a ledger in memory would forget who got what"))
    return parsed


def _bad_url(message: str) -> Problem:
    return Problem(
        message,
        file="mailrunner.toml",
        key="database",
        hint='write "sqlite:///data/mailrunner.db", or "postgresql+psycopg://…" after '
        'pip install "mailrunner[postgresql]"',
    )


def _prepare_file(path: Path, create: bool) -> None:
    if path.exists() or not create:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be made: {error.strerror}", "check the folder's rights and free space"
        ) from error


def _engine(url: URL, path: Path | None) -> Engine:
    if path is None:
        return create_engine(url, poolclass=QueuePool, pool_size=4, max_overflow=28, pool_pre_ping=True)
    # mode=rw: a ledger that was moved away must be an error, not a new and empty one.
    engine = create_engine(
        URL.create("sqlite", database=f"file:{path}", query={"mode": "rw", "uri": "true"}),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=28,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    looking = connection.get_execution_options().get("looking")
    connection.exec_driver_sql("BEGIN" if looking else "BEGIN IMMEDIATE")


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.close()


def _migrate(database: Database) -> None:
    with database.read() as connection:
        if _revision(connection) == REVISION:
            return
    with database.write() as connection:
        database.hold_everything(connection)
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    from sqlalchemy import inspect

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(
            "the ledger was written by a newer mailrunner than this one",
            "install that version or a newer one: pip install --upgrade mailrunner",
        ) from error


def _set_log_aside(path: Path | None) -> None:
    """Keep the write-ahead log of a file that was replaced from being replayed into its replacement.

    SQLite takes any log of the right name for the file's own, which would mix an older copy with
    pages of the newer ledger.
    """
    if path is None or not path.exists():  # there is no replacement
        return
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        with suppress(OSError):  # it is gone already, or, on Windows, still open
            log.replace(log.with_name(f"{log.name}.replaced"))


def _inode(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _spoken(database: Database) -> Iterator[None]:
    """Turn what a database driver throws into a sentence."""
    try:
        yield
    except DBAPIError as error:
        sentence, hint = _sentence(database, error)
        raise LedgerError(sentence, hint, passing=isinstance(error, OperationalError)) from error
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger does not answer: {error}", "run the command again") from error


def _sentence(database: Database, error: DBAPIError) -> tuple[str, str]:
    words = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if not database.is_sqlite:
        return (
            f"the ledger does not answer: {words}",
            "nothing is lost; run the command again when it is back",
        )
    name = str(database.path)
    for sign, sentence, hint in _SQLITE_WORDS:
        if sign in words:
            return sentence.format(name=name), hint
    return f"the ledger {name} does not answer: {words}", "nothing is lost; run the command again"


_SQLITE_WORDS = (
    (
        "locked",
        "the ledger {name} is locked by another process",
        "close the program that has it open, then run the command again",
    ),
    ("full", "the disk is full: {name} cannot be written", "nothing is lost; free some space and run again"),
    (
        "readonly",
        "the ledger {name} is read-only",
        "give this user the right to write the file and its folder",
    ),
    (
        "unable to open",
        "the ledger {name} cannot be opened",
        "check that this user may read and write it, the files beside it and their folder",
    ),
    ("malformed", "the ledger {name} is damaged", "stop here and restore the newest copy you have"),
    (
        "not a database",
        "{name} is not a ledger",
        "put the right file back, or name another in mailrunner.toml",
    ),
    (
        "disk I/O",
        "the disk is full or failed while {name} was written",
        "free some space or check the disk; nothing is lost",
    ),
)
