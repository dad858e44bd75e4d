"""SQL text straight to the driver's cursor, for the statements of every batch and for bulk inserts.

SQLAlchemy takes some 90 µs to bring one of its expressions to the database and the rows back, the
driver two; a batch has a dozen statements.  Statements are written once for both databases:

    ?           a value
    IN (*)      a list of values, after all others
    FOR UPDATE  left out where there is one writer anyway (SQLite)

All of it happens inside the transaction of the SQLAlchemy connection that is handed in; driver errors
are raised as SQLAlchemy would raise them.  Instants are whole microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

_LONGEST_LIST = 1024  # values in one list, a power of two
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def run(connection: Connection, statement: str, values: Sequence[Any] = (), *, listed: int = 0) -> Any:
    """Run a statement and return the driver's cursor; its list has `listed` of the values, the last ones."""
    text = _spelled(statement, listed, connection.dialect.name)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, text, error) from error
    return cursor


def run_with_list(
    connection: Connection, statement: str, values: Sequence[Any], members: Sequence[Any]
) -> list[Any]:
    """Run a statement on a list of any length; all rows it returns, as plain tuples.

    It runs once for each thousand members, and each time with a power of two of them (the last one
    repeated): so there are few texts to prepare.
    """
    found: list[Any] = []
    for start in range(0, len(members), _LONGEST_LIST):
        part = members[start : start + _LONGEST_LIST]
        listed = 1 << (len(part) - 1).bit_length()
        filled = (*values, *part, *[part[-1]] * (listed - len(part)))
        cursor = run(connection, statement, filled, listed=listed)
        if cursor.description:
            found += cursor.fetchall()
    return found


def run_many(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
    """Run a statement with each of many sets of values, which is the quickest way; the rows changed."""
    if not rows:
        return 0
    text = _spelled(statement, 0, connection.dialect.name)
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(text, rows)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, text, error) from error
    changed: int = cursor.rowcount
    return changed


def insert_many(
    connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, columns: Sequence[str] = ()
) -> int:
    """Insert plain tuples, in the order of `columns` (all of the table's by default); a million are quick.

    Rows that break a unique key are left out.  Returns how many were inserted.
    """
    chosen = columns or [column.name for column in table.columns]
    names = ", ".join(f'"{name}"' for name in chosen)
    places = ", ".join("?" * len(chosen))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({places}) ON CONFLICT DO NOTHING'  # noqa: S608
    return run_many(connection, statement, rows)


def to_micros(moment: datetime) -> int:
    """An aware instant as whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """An instant in UTC from whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


@lru_cache(maxsize=256)
def _spelled(statement: str, listed: int, dialect: str) -> str:
    """A statement as the driver of `dialect` wants it, with `listed` values in its list."""
    text = statement.replace("IN (*)", f"IN ({', '.join('?' * listed)})")
    return text.replace(" FOR UPDATE", "") if dialect == "sqlite" else text.replace("?", "%s")


def _translated(connection: Connection, text: str, error: Exception) -> BaseException:
    base = connection.dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, None, error, base, dialect=connection.dialect)
