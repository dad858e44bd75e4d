"""The choice of a project's ledger: the one that was used last, unless that one never sent anything.

A command that is refused, or that only looks, makes nothing: everything is decided before the first table
is made.
"""

from __future__ import annotations

import errno
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError, MailrunnerError
from mailrunner.store.database import Database
from mailrunner.store.ledger_identity import ensure_mark, is_unused, mark_of, require_unmoved
from mailrunner.store.opening import find_database, migrate, open_database, sqlite_path
from mailrunner.store.rollback_guard import LedgerMark, RollbackGuard, shown
from mailrunner.store.suppression_takeover import take_over

_CONNECT_SECONDS = "5"  # seconds to reach a server that may be gone
_REPLACED = "the ledger used before had sent nothing; this one takes its place"


@dataclass(frozen=True, slots=True)
class ChosenLedger:
    """An open ledger that is the right one, and notices for the user."""

    database: Database
    ledger_id: str
    notices: tuple[str, ...] = ()


def choose(guard: RollbackGuard, *, clock: Clock, create: bool, same: bool = False) -> ChosenLedger | None:
    """Open the ledger at the guard's URL; with `create` it is made if there is none, else that gives None.

    `same`: the user says that it is the right one, although it is older than the one used last.

    Raises LedgerError for a ledger that is missing, another one, older than the one used last, moved
    away, or that cannot be used; nothing was made then.
    """
    # Read before the ledger: another process counts in the ledger first and in the guard afterwards.
    seen = guard.read()
    database = find_database(guard.url, clock=clock)
    try:
        known = _unmoved_mark(database) if database else None
        replaces = seen is not None and _replaces(guard, seen, known, clock, same=same)
        if database is None:
            if not create:
                return None
            database = open_database(guard.url, clock=clock)
        migrate(database)
        if create:
            known = _used(database, guard, replaces=replaces)
    except MailrunnerError:
        if database is not None:
            database.close()
        raise
    notices = (_REPLACED,) if replaces else ()
    return ChosenLedger(database, known.ledger_id if known else "", notices)


def begin_new(guard: RollbackGuard, *, clock: Clock) -> ChosenLedger:
    """Begin an empty ledger although another was used before; a file that is there keeps under another name.

    It takes over the suppression list of the ledger before, or says that it could not.  Raises
    LedgerError for a database that holds a ledger which was used.
    """
    seen = guard.read()
    kept = _set_aside(sqlite_path(guard.url), clock.now())
    _refuse_used(guard.url, clock)
    places = [f"sqlite:///{kept.as_posix()}"] if kept else []
    places += [guard.last_url()] if seen and guard.last_url() not in (*places, guard.url) else []
    database = open_database(guard.url, clock=clock)
    try:
        with database.write() as connection:
            mark = ensure_mark(database, connection)
        notices = take_over(database, places, seen, clock=clock) if seen or kept else ()
        with database.read() as connection:
            guard.begin(mark_of(connection) or mark)
    except MailrunnerError:
        database.close()
        raise
    return ChosenLedger(database, mark.ledger_id, notices)


def _unmoved_mark(database: Database) -> LedgerMark | None:
    with database.read() as connection:
        require_unmoved(connection)
        return mark_of(connection)


def _used(database: Database, guard: RollbackGuard, *, replaces: bool) -> LedgerMark:
    """The mark of a ledger that is used from now on; the guard knows it then."""
    with database.write() as connection:
        mark = ensure_mark(database, connection)
    if replaces:
        guard.begin(mark)
    else:
        guard.write(mark)
    return mark


def _replaces(
    guard: RollbackGuard, seen: LedgerMark, known: LedgerMark | None, clock: Clock, *, same: bool
) -> bool:
    """False if this ledger was seen last, True if it may take that one's place; raises for any other."""
    if known is not None and known.ledger_id == seen.ledger_id:
        if known.run_counter < seen.run_counter and not same:
            raise guard.older(seen, known)
        return False
    if _was_never_used(guard, seen, clock):
        return True
    raise guard.other() if known is not None else guard.missing()


def _was_never_used(guard: RollbackGuard, seen: LedgerMark, clock: Clock) -> bool:
    """True if the ledger that was seen last can be read, and shows that nothing hangs on it."""
    url = make_url(guard.last_url())
    if url.get_backend_name() == "postgresql":
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    try:
        database = find_database(url.render_as_string(hide_password=False), clock=clock)
        if database is None:
            return False
        with closing(database), database.read() as connection:
            mark = mark_of(connection)
            return mark is not None and mark.ledger_id == seen.ledger_id and is_unused(connection)
    except MailrunnerError:
        return False


def _refuse_used(url: str, clock: Clock) -> None:
    """A database that holds a ledger is not emptied; one that never sent anything is simply used."""
    database = find_database(url, clock=clock)
    if database is None:
        return
    with closing(database), database.read() as connection:
        require_unmoved(connection)
        if mark_of(connection) is not None and not is_unused(connection):
            raise LedgerError(
                f"{shown(url)} holds a ledger already", "name an empty database in mailrunner.toml"
            )


def _set_aside(path: Path | None, now: datetime) -> Path | None:
    """Keep the file of a ledger that is to be replaced; where it is now, None if there was none."""
    if path is None or not path.exists():
        return None
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
    return path.with_name(f"{path.name}.old-{stamp}")
