"""Moving a ledger to another database: everything is copied and compared, then the old one is closed.

The old ledger refuses every write from then on, by triggers of the database itself: processes that had it
open (`serve`, `inbox --watch`) and older versions of mailrunner can record nothing there that the new
one would not know.

Writers wait while it is copied.  The old one is closed before the new one becomes visible: a process that
is killed in between leaves a ledger that sends nothing, and the same command finishes the move.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Table, delete, text, update

from mailrunner.clock import Clock
from mailrunner.errors import LedgerError
from mailrunner.store.database import Database
from mailrunner.store.driver_errors import MOVED
from mailrunner.store.ledger_identity import count_up, is_unused, mark_of, moved_to
from mailrunner.store.lineage import lineage_of
from mailrunner.store.machines import tell_all
from mailrunner.store.opening import find_database, migrate, open_database
from mailrunner.store.recovery import open_runs
from mailrunner.store.rollback_guard import LedgerMark, RollbackGuard, shown
from mailrunner.store.run_lock import is_alive
from mailrunner.store.schema import ledger, metadata
from mailrunner.store.table_copy import copy_table, raise_counters, table_sum

_CHANGES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class CopiedLedger:
    """The result of a move: the number of rows of each table, and the new place without a password."""

    rows: dict[str, int]
    place: str


def copy_ledger(*, folder: Path, url: str, to: str, clock: Clock) -> CopiedLedger:
    """Move the project's ledger from `url` to the empty database `to`; the rollback guard follows.

    Raises LedgerError, with nothing changed, where there is no ledger or not the right one, where a run is
    alive, where `to` holds a ledger that was used, and where the copy differs.
    """
    guard = RollbackGuard(folder, url)
    if shown(url) == shown(to):
        raise LedgerError(f"{shown(to)} is the place of the ledger already", "name another database")
    old = find_database(url, clock=clock)
    if old is None:
        raise LedgerError(
            f"{shown(url)} holds no ledger, so there is nothing to move", "set database and run"
        )
    with closing(old):
        _prepare(old, guard, to)
        _refuse_used(to, clock)
        with closing(open_database(to, clock=clock)) as new:
            mark, rows = _move(old, new, shown(to))
    RollbackGuard(folder, to).write(mark)
    return CopiedLedger(rows, shown(to))


def _nothing_there(url: str) -> LedgerError:
    hint = "set database in mailrunner.toml to the place that you want; a run makes a ledger there"
    return LedgerError(f"{shown(url)} holds no ledger, so there is nothing to move", hint)


def _prepare(old: Database, guard: RollbackGuard, to: str) -> None:
    """See that it is the right ledger, and bring it to the newest schema."""
    with old.read() as connection:
        found, place = mark_of(connection), moved_to(connection)
    if place and place != shown(to):
        raise LedgerError(f"{shown(guard.url)} was moved to {place} already", "set database to that first")
    if found is None:
        raise _nothing_there(guard.url)
    seen = guard.read()
    if seen is not None and seen.ledger_id != found.ledger_id:
        raise guard.other()
    if seen is not None and found.run_counter < seen.run_counter:
        raise guard.older(seen, found)
    if not place:  # one that is closed was brought there before
        migrate(old)


def _refuse_used(to: str, clock: Clock) -> None:
    database = find_database(to, clock=clock)
    if database is None:
        return
    with closing(database), database.read() as connection:
        if mark_of(connection) is not None and not is_unused(connection):
            raise LedgerError(f"{shown(to)} holds a ledger already", "name an empty database")


def _move(old: Database, new: Database, place: str) -> tuple[LedgerMark, dict[str, int]]:
    tables = metadata.sorted_tables
    with new.write() as target, old.write() as source:  # the inner one is committed first
        old.lock_ledger(source)
        _hold_back_writers(source, tables)
        _refuse_while_running(old, source)
        for table in reversed(tables):  # what a refused command of an older version left there
            target.execute(delete(table))
        rows = {table.name: _copied(source, target, table) for table in tables}
        mark = count_up(target)
        assert mark is not None  # noqa: S101 - it was copied just now
        if not moved_to(source):
            source.execute(update(ledger).values(moved_to=place))
            _close(source, tables)
        found = lineage_of(target)
        target.execute(update(ledger).values(moved_to="", lineage=found))
        tell_all(target, found)
        mark = replace(mark, lineage=found)
    return mark, rows


def _copied(source: Connection, target: Connection, table: Table) -> int:
    """Copy and compare one table; the number of its rows."""
    read = copy_table(source, target, table)
    if table_sum(target, table) != read:
        raise LedgerError(f"the copy of the table {table.name} differs", "nothing was changed; copy it again")
    raise_counters(source, target, table)
    return read.rows


def _hold_back_writers(source: Connection, tables: Sequence[Table]) -> None:
    """SQLite has one writer, and this is it."""
    if source.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in tables)
        source.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


def _refuse_while_running(old: Database, source: Connection) -> None:
    if any(is_alive(old, run.no) for run in open_runs(source)):
        raise LedgerError(
            "a run is going on with this ledger; nothing was moved",
            "let it end, or end it with Ctrl-C; see: mailrunner status",
        )


def _close(source: Connection, tables: Sequence[Table]) -> None:
    """Refuse every change from now on."""
    if source.dialect.name == "postgresql":
        source.execute(
            text(
                "CREATE FUNCTION refuse_moved_ledger() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$BEGIN RAISE EXCEPTION '{MOVED}'; END$$"
            )
        )
    for table in tables:
        for statement in _triggers(table.name, source.dialect.name):
            source.execute(text(statement))


def _triggers(table: str, dialect: str) -> list[str]:
    if dialect == "postgresql":
        when = f'BEFORE {" OR ".join(_CHANGES)} ON "{table}" FOR EACH STATEMENT'
        return [f"CREATE TRIGGER moved_{table} {when} EXECUTE FUNCTION refuse_moved_ledger()"]
    return [
        f'CREATE TRIGGER moved_{table}_{change.lower()} BEFORE {change} ON "{table}" '
        f"BEGIN SELECT RAISE(ABORT, '{MOVED}'); END"
        for change in _CHANGES
    ]
