"""The identity of a ledger, the evidence that it was used, and the place it was moved to."""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, Connection, Table, exists, func, insert, inspect, or_, select, update

from mailrunner.errors import LedgerError
from mailrunner.model.delivery import State
from mailrunner.store.database import Database
from mailrunner.store.rollback_guard import LedgerMark
from mailrunner.store.schema import (
    consents,
    deliveries,
    imports,
    ledger,
    returns,
    runs,
    suppressions,
    usage,
)

_UNTRIED = (State.QUEUED, State.SUPPRESSED, State.SKIPPED)


def mark_of(connection: Connection) -> LedgerMark | None:
    """The ledger's mark; None where its tables are there and it was not used yet."""
    entries = select(func.count()).select_from(suppressions).scalar_subquery()
    row = connection.execute(select(ledger.c.id, ledger.c.run_counter, entries)).first()
    return LedgerMark(*row) if row else None


def ensure_mark(database: Database, connection: Connection) -> LedgerMark:
    """The ledger's mark; a new ledger gets its id."""
    known = mark_of(connection)
    if known is None:
        database.lock_ledger(connection)
        known = mark_of(connection)
    if known is None:
        known = LedgerMark(uuid.uuid4().hex, 0, 0)
        now = database.now(connection)
        connection.execute(insert(ledger).values(id=known.ledger_id, run_counter=0, created_at=now))
    return known


def count_up(connection: Connection) -> LedgerMark | None:
    """Count a run, or a minute of it, in the ledger; its mark afterwards."""
    connection.execute(update(ledger).values(run_counter=ledger.c.run_counter + 1))
    return mark_of(connection)


def is_unused(connection: Connection) -> bool:
    """True if nothing was ever sent or tried, and no recipient is known: no suppression, no event.

    A run whose end is not recorded may be about to send.
    """
    used: list[ColumnElement[bool]] = [
        _any(usage),
        _any(suppressions),
        _any(consents),
        _any(imports),
        _any(returns),
        exists(select(runs.c.no).where(runs.c.ended_at.is_(None))),
        exists(
            select(deliveries.c.id).where(deliveries.c.state.not_in(_UNTRIED) | (deliveries.c.attempts > 0))
        ),
    ]
    return not connection.execute(select(or_(*used))).scalar()


def require_unmoved(connection: Connection) -> None:
    """Raise LedgerError for a ledger that `ledger copy` moved to another database."""
    if place := moved_to(connection):
        raise LedgerError(
            f"this ledger was moved to {place}, which is the one to use now",
            "set database in mailrunner.toml to that, with its password if it needs one",
        )


def moved_to(connection: Connection) -> str:
    """Where the ledger was moved, "" if it was not; versions before 0.2.0 could not move one."""
    columns = {column["name"] for column in inspect(connection).get_columns("ledger")}
    if "moved_to" not in columns:
        return ""
    return connection.execute(select(ledger.c.moved_to)).scalar() or ""


def _any(table: Table) -> ColumnElement[bool]:
    return exists().select_from(table)
