"""New connections to PostgreSQL: the look-up of the server's name is bounded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from mailrunner.errors import LedgerError
from mailrunner.store import Ledger, postgresql
from tests.support.clocks import ManualClock
from tests.support.patience import PATIENCE

SILENT = "db.example.org"


@pytest.fixture(autouse=True)
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system's resolver waits for name servers that say nothing of one name."""
    over, real = threading.Event(), socket.getaddrinfo

    def wait(host: str, *more: Any, **options: Any) -> Any:
        if host == SILENT:
            over.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "?")
        return real(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    over.set()


def test_silent_name_servers_are_a_passing_fault_of_the_ledger(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOOK_UP", 0.01)
    with pytest.raises(LedgerError, match=r"db\.example\.org cannot be looked up: the name servers") as found:
        Ledger.open(folder=tmp_path, url=f"postgresql://ana@{SILENT}/mail", clock=clock)
    assert found.value.passing


@pytest.mark.parametrize("host", [f"{SILENT},127.0.0.1", "127.0.0.1", "/run/postgresql", None])
def test_a_server_whose_address_is_known_is_not_waited_for(host: str | None) -> None:
    dialect = create_engine("postgresql+psycopg://").dialect
    postgresql.await_names(dialect, None, (), {"host": host} if host else {})
