"""PostgreSQL: a process that is suspended or cut off within a transaction keeps no other waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from mailrunner.clock import SystemClock
from mailrunner.config.project import load_project
from mailrunner.errors import LedgerError
from mailrunner.store import Batch, Ledger
from mailrunner.store.postgresql import connect_arguments
from tests.support.ledger_builder import claim_terms, load_campaign
from tests.support.patience import PATIENCE
from tests.support.projects import Project

ROOT = Path(__file__).parents[2]
IDENTITY = "gmail/ana@gmail.com"
HOLD = """
import sys
from pathlib import Path
from mailrunner.clock import SystemClock
from mailrunner.store import Ledger
with Ledger.open(folder=Path(sys.argv[2]), url=sys.argv[1], clock=SystemClock()) as ledger:
    account = ledger.accounts.ensure("gmail/ana@gmail.com")
    with ledger.database.write() as connection:
        ledger.database.lock_account(connection, account.no)
        if sys.argv[3]:  # only now, as this process may be slow
            connection.exec_driver_sql(f"SET idle_in_transaction_session_timeout = '{sys.argv[3]}'")
        print("held", flush=True)
        sys.stdin.readline()
"""


def with_settings(url: str, **settings: str) -> str:
    """The URL of a user who sets these."""
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return make_url(url).update_query_dict({"options": options}).render_as_string(hide_password=False)


@contextmanager
def suspended_holder(url: str, folder: Path, *, may_idle: str) -> Iterator[None]:
    """A process that holds the account's row and is suspended then."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url, str(folder), may_idle],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            os.kill(process.pid, signal.SIGSTOP)
            yield
        finally:
            process.kill()


def opened(url: str, folder: Path) -> Ledger:
    return Ledger.open(folder=folder, url=url, clock=SystemClock())


def shown(ledger: Ledger, name: str) -> str:
    with ledger.database.write() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_every_connection_is_bounded_at_the_server(postgresql_ledger: str, tmp_path: Path) -> None:
    with opened(postgresql_ledger, tmp_path) as ledger:
        assert shown(ledger, "idle_in_transaction_session_timeout") == "10s"
        assert shown(ledger, "lock_timeout") == "12s"


def test_every_connection_is_bounded_at_this_end(postgresql_ledger: str, tmp_path: Path) -> None:
    with opened(postgresql_ledger, tmp_path) as ledger, ledger.database.write() as connection:
        used = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    expected = {
        "connect_timeout": "5",
        "keepalives": "1",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": "10000",
    }
    assert {name: used.get(name, "1") for name in expected} == expected


def test_what_the_users_url_says_stays(postgresql_ledger: str, tmp_path: Path) -> None:
    own = with_settings(postgresql_ledger, lock_timeout="7s", idle_in_transaction_session_timeout="8min")
    url = make_url(own).update_query_dict({"connect_timeout": "31", "keepalives_idle": "90"})
    assert connect_arguments(url).keys() & {"connect_timeout", "keepalives_idle"} == set()
    with opened(url.render_as_string(hide_password=False), tmp_path) as ledger:
        assert shown(ledger, "lock_timeout") == "7s"
        assert shown(ledger, "idle_in_transaction_session_timeout") == "8min"
        with ledger.database.write() as connection:
            used = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
        assert (used["connect_timeout"], used["keepalives_idle"]) == ("31", "90")


def test_all_bounds_follow_the_timeout_that_the_project_has(postgresql_ledger: str, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write_account(project=f'database = "{postgresql_ledger}"\n[ledger]\ntimeout = "30s"')
    url = load_project(tmp_path, {}).database_url
    with opened(url, tmp_path) as ledger:
        assert shown(ledger, "idle_in_transaction_session_timeout") == "30s"
        assert shown(ledger, "lock_timeout") == "32s"
        with ledger.database.write() as connection:
            used = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    assert (used["connect_timeout"], used["keepalives_idle"]) == ("15", "15")
    assert (used["keepalives_interval"], used["tcp_user_timeout"]) == ("6", "30000")


def test_what_is_set_for_the_database_stays(postgresql_ledger: str, tmp_path: Path) -> None:
    with opened(postgresql_ledger, tmp_path) as ledger:
        with ledger.database.write() as connection:
            name = make_url(postgresql_ledger).database
            connection.execute(text(f'ALTER DATABASE "{name}" SET lock_timeout = "9s"'))
        ledger.database.engine.dispose()
        assert shown(ledger, "lock_timeout") == "9s"


def test_a_driver_that_is_not_libpqs_gets_no_parameters_of_libpq() -> None:
    assert connect_arguments(make_url("postgresql+pg8000://ana@db/mail")) == {}


def test_a_report_may_be_read_slowly(postgresql_ledger: str, tmp_path: Path) -> None:
    with opened(postgresql_ledger, tmp_path) as ledger, ledger.database.read() as connection:
        name = "idle_in_transaction_session_timeout"
        assert connection.execute(text(f"SHOW {name}")).scalar_one() == "0"


def test_the_server_ends_the_transaction_of_a_suspended_process(
    postgresql_ledger: str, tmp_path: Path
) -> None:
    with (
        opened(postgresql_ledger, tmp_path) as ledger,
        suspended_holder(postgresql_ledger, tmp_path / "other", may_idle="300ms"),
        ledger.database.write() as connection,
    ):
        ledger.database.lock_account(connection, ledger.accounts.find(IDENTITY).no)  # type: ignore[union-attr]


def test_a_wait_for_a_lock_that_is_too_long_is_a_passing_fault(
    postgresql_ledger: str, tmp_path: Path
) -> None:
    waiter = with_settings(postgresql_ledger, lock_timeout="50ms")
    with opened(waiter, tmp_path) as ledger:
        terms = claim_terms(load_campaign(ledger, ["a@example.org"]), "9/24h")
        with suspended_holder(postgresql_ledger, tmp_path / "other", may_idle="0"):
            with pytest.raises(LedgerError, match="lock timeout") as found:
                ledger.batches.commit(terms, Batch(wanted=1, token=1 << 32))
            assert found.value.passing
        # The server frees the row once it notices that the holder is gone.
        with opened(postgresql_ledger, tmp_path) as other, other.database.write() as connection:
            other.database.lock_account(connection, terms.account_no)
        assert ledger.batches.commit(terms, Batch(wanted=1, token=1 << 32)).claimed


def test_a_transaction_that_the_server_ended_is_a_passing_fault(
    postgresql_ledger: str, tmp_path: Path
) -> None:
    with opened(postgresql_ledger, tmp_path) as ledger:
        with pytest.raises(LedgerError) as found, ledger.database.write() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
            _until_the_server_hangs_up(connection.connection.driver_connection)
            connection.execute(text("SELECT 1"))
        assert found.value.passing
        assert ledger.accounts.ensure(IDENTITY).no  # with a new connection


def _until_the_server_hangs_up(connection: Any) -> None:
    select([connection], [], [], PATIENCE)


def test_a_wait_for_an_account_can_be_ended_from_another_thread(
    postgresql_ledger: str, tmp_path: Path
) -> None:
    waiter = with_settings(postgresql_ledger, lock_timeout="0")
    ended: list[LedgerError] = []
    with (
        opened(waiter, tmp_path) as ledger,
        suspended_holder(postgresql_ledger, tmp_path / "other", may_idle="0"),
    ):
        number = ledger.accounts.ensure(IDENTITY).no

        def wait() -> None:
            try:
                ledger.accounts.lift_stop(number, digest="")
            except LedgerError as error:
                ended.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while waiting.is_alive():
            ledger.database.interrupt()
        assert [error.passing for error in ended] == [True]
