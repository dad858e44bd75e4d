"""Opening a ledger: its URL, its file, the driver's settings, the migrations."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError, MailrunnerError, Problem, UserError
from mailrunner.store import postgresql
from mailrunner.store.database import Database
from mailrunner.store.private_file import MODE
from mailrunner.store.schema import REVISION

_BUSY_SECONDS = 15
_DEVELOPMENT_REVISION = "0001"
_upgrading = threading.Lock()  # Alembic keeps what it works on in a module, which all threads share


def open_database(url: str, *, clock: Clock) -> Database:
    """Open the ledger at `url`, make it if there is none, and bring it to the newest schema.

    Raises UserError for a URL that cannot be one, LedgerError for a ledger that cannot be used.
    """
    path = sqlite_path(url)
    if path is not None:
        _prepare_file(path)
    database = _connected(url, clock)
    try:
        migrate(database)
    except MailrunnerError:
        database.close()
        raise
    return database


def find_database(url: str, *, clock: Clock) -> Database | None:
    """The database at `url` if it has a ledger's tables, as they are; None if not: nothing is made.

    Raises as `open_database`.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return None
    database = _connected(url, clock)
    try:
        with database.read() as connection:
            revision = _known_revision(connection)
    except MailrunnerError:
        database.close()
        raise
    if revision is not None:
        return database
    database.close()
    return None


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite ledger; None for PostgreSQL."""
    parsed = _parse(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _connected(url: str, clock: Clock) -> Database:
    path = sqlite_path(url)
    if path is not None and path.is_dir():
        raise LedgerError(
            f"the ledger {path} is a folder", 'name a file: database = "sqlite:///…/mailrunner.db"'
        )
    try:
        engine = _engine(_parse(url), path)
    except ModuleNotFoundError as error:
        raise UserError(_url_problem(f"its driver {error.name} is not installed")) from error
    return Database(engine, clock=clock, path=path)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ImportError) as error:
        raise UserError(_url_problem(f"this database cannot be used: {type(error).__name__}")) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise UserError(_url_problem(f"a ledger cannot live in {backend}"))
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UserError(_url_problem("a ledger in memory would lose all records of sent messages"))
    return parsed


def _url_problem(message: str) -> Problem:
    return Problem(
        message,
        file="mailrunner.toml",
        key="database",
        hint='write "sqlite:///data/mailrunner.db", or "postgresql+psycopg://…" after '
        'pip install "mailrunner[postgresql]"',
    )


def _prepare_file(path: Path) -> None:
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=MODE)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be made: {error.strerror}", "check the folder's rights and free space"
        ) from error


def _engine(url: URL, path: Path | None) -> Engine:
    if path is None:
        shared = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=28,
            pool_pre_ping=True,
            connect_args=postgresql.connect_arguments(url),
        )
        event.listen(shared, "do_connect", postgresql.await_names)
        event.listen(shared, "connect", postgresql.set_up)
        return shared
    # mode=rw: a ledger that was moved away must be an error, not a new and empty one.
    engine = create_engine(
        URL.create("sqlite", database=f"file:{path}", query={"mode": "rw", "uri": "true"}),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=28,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _pragmas)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.close()


def migrate(database: Database) -> None:
    """Bring a ledger to the newest schema; raises LedgerError for one that only another version knows."""
    with database.read() as connection:
        if _revision(connection) == REVISION:
            return
    with database.write() as connection:
        database.lock_ledger(connection)
        _known_revision(connection)
        _upgrade(connection)


def _known_revision(connection: Connection) -> str | None:
    """The schema's revision, None without tables; raises LedgerError for that of a development version."""
    revision = _revision(connection)
    if revision == _DEVELOPMENT_REVISION:
        raise LedgerError(
            "the ledger was made by a development version before mailrunner 0.1.0",
            'upgrade it with that version first: pip install "mailrunner==0.1.0", mailrunner status; '
            "then with this one: pip install --upgrade mailrunner",
        )
    return revision


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
        with _upgrading:
            command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(
            "the ledger was written by a newer mailrunner than this one",
            "install that version or a newer one: pip install --upgrade mailrunner",
        ) from error
