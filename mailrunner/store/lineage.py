"""The lineage of a ledger: the database it lies in, by which a promoted standby or a dump is known.

A lineage is a text of four parts: the server's system identifier, its timeline, and the object ids of the
database and of the table `ledger`.  A promotion begins a new timeline (PostgreSQL's manual, "Timelines"),
a restored dump makes its tables anew, and a copied server or another one has another identifier.  A
crash and a restart change none of them.  A SQLite file has no lineage (""): an older one is told by the
count of the rollback guard alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

from mailrunner.errors import LedgerError

_FULL = """
    SELECT (SELECT system_identifier FROM pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
        || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || '/' || to_regclass('ledger')::oid
    WHERE NOT pg_is_in_recovery()
"""
_WITHOUT_SERVER = """
    SELECT '?/?/' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || '/' || to_regclass('ledger')::oid
    WHERE NOT pg_is_in_recovery()
"""


def lineage_of(connection: Connection) -> str:
    """The lineage of the database that `connection` is open to; "" where it has none.

    A service that does not tell its identifier and timeline to an ordinary role is known by the two
    object ids alone.  A server that only follows another is "" as well: nothing can be written there.
    """
    if connection.dialect.name == "sqlite":
        return ""
    for statement in (_FULL, _WITHOUT_SERVER):
        with suppress(DBAPIError), connection.begin_nested():
            return connection.execute(text(statement)).scalar() or ""
    return ""


def differs(known: str, found: str) -> bool:
    """True if `found` is another database than `known`; False where either is not known."""
    if not known or not found:
        return False
    return any(
        one != other and "?" not in (one, other)
        for one, other in zip(known.split("/"), found.split("/"), strict=True)
    )


def is_failover(known: str, found: str) -> bool:
    """True if they differ in the timeline alone: a standby of the same server was promoted."""
    (server, _, *objects), (other, _, *others) = known.split("/"), found.split("/")
    return server == other != "?" and objects == others


def refuse_other_databases(engine: Engine, lineage: str) -> None:
    """From now on, let a new connection of `engine` fail with a LedgerError at another database."""

    def check(connection: Any, _record: Any) -> None:
        found = ""
        with (
            suppress(Exception),
            connection.cursor() as cursor,
        ):  # what it cannot tell, the heartbeat asks for
            found = cursor.execute(_FULL).fetchone()[0]
        connection.rollback()
        if differs(lineage, found):
            raise LedgerError(
                "the ledger's database was replaced while this run used it", "run the command again"
            )

    event.listen(engine, "connect", check)
