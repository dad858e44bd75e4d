"""Fixtures of many tests: a clock, a ledger on each database, an IMAP server; CI skips no test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from mailrunner.sending import recorder
from mailrunner.store import Ledger
from mailrunner.store.opening import open_database
from tests.support.browsers import chromium
from tests.support.campaigns import CampaignInProcess
from tests.support.clocks import ManualClock
from tests.support.imap_server import ImapServer, Mailbox
from tests.support.postgresql_server import start_postgresql, url_of
from tests.support.smtp_server import SmtpServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A busy machine is no reason to fail: how long an example takes says nothing about what it does.
settings.register_profile("mailrunner", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mailrunner")

# A script that runs the tests in the background (`&`, nohup) has signals ignored, and what tests start would
# inherit that.
for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), signal.default_int_handler)

# SQLite waits for the disk at each commit, thousands of times in a run; a file system in memory does not.
_MEMORY, _ROOM = Path("/dev/shm"), 4_000_000_000
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """An SMTP server that accepts everything."""
    with SmtpServer() as running:
        yield running


@pytest.fixture
def mailing(tmp_path: Path, server: SmtpServer) -> CampaignInProcess:
    """A campaign of that server, still to be written."""
    return CampaignInProcess(tmp_path, server)


@pytest.fixture
def token_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's tokens, one of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "mailrunner" / "tokens"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without a database name."""
    # Not under the test's own folder: the server's user must be able to walk to it.
    folder = Path(tempfile.mkdtemp(prefix="mailrunner-pg-"))
    server = start_postgresql(folder)
    try:
        url = url_of(server)
        _do_not_wait_for_the_disk(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _do_not_wait_for_the_disk(server: str) -> None:
    """The server is not meant to survive anything; `tests.crash` has one of its own."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@contextlib.contextmanager
def new_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, a copy of `template`; dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgresql) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> Iterator[str]:
    """The name of a database with the ledger's tables: migrated once, copied for each test."""
    with new_database(postgresql) as url:
        open_database(url, clock=ManualClock()).close()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as an SQLite file."""
    path = tmp_path_factory.mktemp("template") / "mailrunner.db"
    open_database(f"sqlite:///{path}", clock=ManualClock()).close()
    return path


@pytest.fixture
def postgresql_ledger(postgresql: str, postgresql_template: str) -> Iterator[str]:
    """The URL of a database with the ledger's tables."""
    with new_database(postgresql, template=postgresql_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a ledger without its tables, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mailrunner.db"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that was never used, once on each database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mailrunner.db")
        return f"sqlite:///{tmp_path}/mailrunner.db"
    url: str = request.getfixturevalue("postgresql_ledger")
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
    """A mailbox whose special folders have German names; "Sent" and "Trash" are plain folders."""
    mailbox = imap_server.mailbox(uuid.uuid4().hex)
    mailbox.create("Gesendet", "Papierkorb", "Sent", "Trash")
    return mailbox


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; of a module, since Playwright leaves a running event loop in the thread of the tests."""
    with chromium() as running:
        yield running


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: tests wait for servers and processes half of their time."""
    return (os.cpu_count() or 1) * 3 // 2 or 1


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


@pytest.fixture
def impatient_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit to a ledger that is away is given up after a second instead of a minute."""
    monkeypatch.setattr(recorder, "_LONGEST", timedelta(seconds=1))
