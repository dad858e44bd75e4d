"""Plain SQL for the statements of every exchange, straight to the driver's cursor.

SQLAlchemy takes some 90 µs to bring one of its expressions to the database and the rows back, the
driver two; an exchange has a dozen statements.  Statements are written for both databases at once:

    ?           a value
    IN (*)      as many values as there are; they stand behind all others
    FOR UPDATE  left out where there is one writer anyway (SQLite)

All of it happens inside the transaction of the SQLAlchemy connection that is handed in; what the
driver throws is thrown as SQLAlchemy would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_MOST = 1024  # values in one list, a power of two


def rows(
    connection: Connection, statement: str, values: Sequence[Any] = (), among: Sequence[Any] | None = None
) -> list[Any]:
    """The rows of a statement as plain tuples; `among` are the values of its list."""
    found: list[Any] = []
    for text, chosen in _parts(connection, statement, values, among):
        found += _run(connection, text, chosen).fetchall()
    return found


def row(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
    """The first row, None without one."""
    return _run(connection, _spelled(statement, 0, _is_sqlite(connection)), values).fetchone()


def change(
    connection: Connection, statement: str, values: Sequence[Any] = (), among: Sequence[Any] | None = None
) -> None:
    """Run a statement that has no rows to show."""
    for text, chosen in _parts(connection, statement, values, among):
        _run(connection, text, chosen)


def change_each(connection: Connection, statement: str, values: Sequence[Sequence[Any]]) -> None:
    """Run a statement with each of many sets of values: the quickest way there is."""
    if values:
        _run(connection, _spelled(statement, 0, _is_sqlite(connection)), values, many=True)


def _parts(
    connection: Connection, statement: str, values: Sequence[Any], among: Sequence[Any] | None
) -> Iterator[tuple[str, Sequence[Any]]]:
    """What is to be run: once, or once for each thousand of a list."""
    sqlite = _is_sqlite(connection)
    if among is None:
        yield _spelled(statement, 0, sqlite), values
        return
    for start in range(0, len(among), _MOST):
        chosen = _rounded(among[start : start + _MOST])
        yield _spelled(statement, len(chosen), sqlite), (*values, *chosen)


def _run(connection: Connection, text: str, values: Sequence[Any], *, many: bool = False) -> Any:
    cursor = connection.connection.cursor()
    try:
        if many:
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values)
    except connection.dialect.loaded_dbapi.Error as error:
        base = connection.dialect.loaded_dbapi.Error
        raise DBAPIError.instance(text, None, error, base, dialect=connection.dialect) from error
    return cursor


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _rounded(values: Sequence[Any]) -> Sequence[Any]:
    """The last value again until their number is a power of two: few statements, each prepared once."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


@lru_cache(maxsize=256)
def _spelled(statement: str, listed: int, sqlite: bool) -> str:
    """A statement as the driver wants it, with `listed` values in its list."""
    text = statement.replace("IN (*)", f"IN ({', '.join('?' * listed)})")
    return text.replace(" FOR UPDATE", "") if sqlite else text.replace("?", "%s")
