"""The schema of the job queue: procrastinate's own tables, and ours for the files of campaigns.

It stands beside the ledger in the same database and is made by the first command that needs it.  What is
in it can be lost: `run C --workers` makes it again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from mailrunner.store.database import Database
from mailrunner.store.postgresql import connect_arguments, set_up

_ENTER = "SELECT set_config('search_path', quote_ident("
_OURS = """
    CREATE TABLE IF NOT EXISTS bundles (digest text PRIMARY KEY, octets bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS campaign_files (
        campaign_no bigint NOT NULL, path text NOT NULL, digest text NOT NULL REFERENCES bundles (digest),
        PRIMARY KEY (campaign_no, path));
"""


def enter(connection: Connection, schema: str) -> None:
    """Let the names of tables mean those of the job queue until the transaction ends."""
    connection.execute(text(f"{_ENTER}:schema), true)"), {"schema": schema})


def exists(connection: Connection, schema: str) -> bool:
    """True if the job queue was made."""
    found = connection.execute(
        text("SELECT to_regclass(quote_ident(:schema) || '.campaign_files')"), {"schema": schema}
    )
    return found.scalar() is not None


def create(database: Database, schema: str) -> None:
    """Make the schema and its tables, unless another machine has."""
    from procrastinate.schema import SchemaManager

    with database.write() as connection:
        database.lock_ledger(connection)
        if exists(connection, schema):
            return
        quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        enter(connection, schema)
        plain = connection.execution_options(no_parameters=True)  # a % in it is no placeholder
        plain.exec_driver_sql(SchemaManager.get_schema())
        plain.exec_driver_sql(_OURS)


def pool_arguments(database: Database) -> dict[str, Any]:
    """How procrastinate opens its connections: as the ledger does."""
    _, given = database.engine.dialect.create_connect_args(database.url)
    return {
        "kwargs": {**given, **connect_arguments(database.url)},
        "min_size": 1,
        "max_size": 6,
        "timeout": 15.0,
    }


def configure(connection: Any, schema: str) -> None:
    """Set up a new connection of the driver for the job queue."""
    set_up(connection, None)
    connection.execute(f"{_ENTER}%s), false)", (schema,))
    connection.commit()


async def configure_async(connection: Any, schema: str) -> None:
    """The same without blocking, and without the ledger's bounds but those of `pool_arguments`."""
    await connection.execute(f"{_ENTER}%s), false)", (schema,))
    await connection.commit()
