"""The queue in which processes wait to write one SQLite file: fair, and never blocking for long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import Connection

from mailrunner.clock import SystemClock
from mailrunner.config.project_template import IGNORED
from mailrunner.store import Ledger
from mailrunner.store.database import WriteQueue

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SQLite's own lock has to do there")

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from mailrunner.store.database import WriteQueue
with WriteQueue(Path(sys.argv[1])).hold():
    print("held", flush=True)
    sys.stdin.readline()
"""
WRITE = """
import sys
from pathlib import Path
from mailrunner.clock import SystemClock
from mailrunner.store import Ledger
folder = Path(sys.argv[1])
with Ledger.open(folder=folder, url=f"sqlite:///{folder}/ledger.db", clock=SystemClock()) as ledger:
    print("begun", flush=True)
    for number in range(1, 1_000_000):
        with ledger.database.write() as connection:
            for _ in range(100):
                connection.exec_driver_sql("SELECT count(*) FROM notes")
            connection.exec_driver_sql("UPDATE notes SET number = ?", (number,))
"""


@contextmanager
def child(script: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has printed its first line."""
    given = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(
        given, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger.db"
    made.touch(0o600)
    return made


def test_a_process_that_writes_without_a_pause_does_not_keep_another_waiting(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.open(folder=tmp_path, url=url, clock=SystemClock()) as ledger:

        def number(look: Callable[[], AbstractContextManager[Connection]]) -> int:
            """How often the child has written."""
            with look() as connection:
                return int(connection.exec_driver_sql("SELECT number FROM notes").scalar_one())

        with ledger.database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE notes (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO notes VALUES (0)")
        went_first = []
        with child(WRITE, tmp_path):
            for _ in range(30):
                before = number(ledger.database.read)
                while (asked := number(ledger.database.read)) == before:
                    pass  # until the child is at it
                went_first.append(number(ledger.database.write) - asked)
    assert median(went_first) <= 3


def test_the_lock_of_a_killed_process_is_free_at_once(path: Path) -> None:
    turn = WriteQueue(path, seconds=60)
    with child(HOLD, path) as process:
        process.kill()
        process.wait()
        with turn.hold(), pytest.raises(BlockingIOError):
            _try(path)
    turn.close()


def test_the_wait_for_a_suspended_process_is_limited(path: Path) -> None:
    turn = WriteQueue(path, seconds=0.05)
    with child(HOLD, path), turn.hold(), pytest.raises(BlockingIOError):
        _try(path)  # the child has it still
    turn.close()


def test_where_no_lock_can_be_had_writing_goes_on(tmp_path: Path) -> None:
    (tmp_path / "ledger.db-line").mkdir()
    url = f"sqlite:///{tmp_path}/ledger.db"
    with Ledger.open(folder=tmp_path, url=url, clock=SystemClock()) as ledger:
        ledger.count_run()
    assert not (tmp_path / "ledger.db-turn").exists()


def test_the_lock_is_released_when_a_transaction_fails(path: Path) -> None:
    turn = WriteQueue(path)
    with pytest.raises(ZeroDivisionError), turn.hold():
        raise ZeroDivisionError
    _try(path)
    turn.close()


def test_its_files_have_the_rights_of_the_ledger_and_stay_out_of_version_control(path: Path) -> None:
    path.chmod(0o640)
    WriteQueue(path).close()
    for beside in (path.with_name("ledger.db-line"), path.with_name("ledger.db-turn")):
        assert beside.stat().st_mode & 0o777 == 0o640
        assert any(fnmatch(f"data/{beside.name}", pattern) for pattern in IGNORED)


def _try(path: Path) -> None:
    """Raise BlockingIOError while another process holds it."""
    import fcntl

    with path.with_name(f"{path.name}-turn").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
