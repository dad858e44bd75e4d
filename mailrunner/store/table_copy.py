"""Tables copied from one ledger to another, SQLite or PostgreSQL, and compared afterwards.

Values are read as the database has them (whole numbers, texts, NULL), which is the same in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, text

from mailrunner.store.raw_sql import insert_many

_CHUNK = 5_000


class TableSum(NamedTuple):
    """The number of a table's rows, and a digest of them that does not depend on their order."""

    rows: int
    digest: int


def copy_table(source: Connection, target: Connection, table: Table) -> TableSum:
    """Insert all rows of `source` into the empty table of `target`; the sum of what was read."""
    total = TableSum(0, 0)
    for rows in _chunks(source, table):
        insert_many(target, table, rows)
        total = _added(total, rows)
    return total


def table_sum(connection: Connection, table: Table) -> TableSum:
    """The sum of a table's rows as they are stored."""
    total = TableSum(0, 0)
    for rows in _chunks(connection, table):
        total = _added(total, rows)
    return total


def raise_counters(source: Connection, target: Connection, table: Table) -> None:
    """Let numbers that the database itself gives go on where they were: none is given a second time."""
    if "no" not in table.columns:
        return
    if target.dialect.name == "postgresql":
        last = max(_last_number(source, table), 1)
        sequence = f"pg_get_serial_sequence('\"{table.name}\"', 'no')"
        target.execute(text(f"SELECT setval({sequence}, {last}, {_is_numbered(source, table)})"))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        target.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        values = {"name": table.name, "last": _last_number(source, table)}
        target.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)


def _is_numbered(source: Connection, table: Table) -> str:
    """Whether any number was ever given, as PostgreSQL writes it."""
    return "true" if _last_number(source, table) else "false"


def _last_number(connection: Connection, table: Table) -> int:
    """The highest number that the database ever gave for `no`; 0 for none."""
    highest = connection.execute(text(f'SELECT max(no) FROM "{table.name}"')).scalar() or 0  # noqa: S608
    if connection.dialect.name == "postgresql":
        name = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, 'no')"), {"table": f'"{table.name}"'}
        ).scalar()
        given = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}"  # noqa: S608
        return max(highest, connection.execute(text(given)).scalar() or 0)
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return int(highest)
    given = "SELECT seq FROM sqlite_sequence WHERE name = :name"
    return max(highest, connection.execute(text(given), {"name": table.name}).scalar() or 0)


def _chunks(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    statement = text(f'SELECT {names} FROM "{table.name}"')  # noqa: S608 - names of our own tables
    rows = connection.execute(statement, execution_options={"yield_per": _CHUNK})
    for part in rows.partitions():
        yield [tuple(row) for row in part]


def _added(total: TableSum, rows: list[tuple[Any, ...]]) -> TableSum:
    digest = total.digest
    for row in rows:
        digest += int.from_bytes(
            hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        )
    return TableSum(total.rows + len(rows), digest % 2**128)
