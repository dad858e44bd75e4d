"""A disk that is full, a ledger that is locked, lost, old or harmed: a sentence, 74, and none twice."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.sending.test_processes import ENVIRON, IMPATIENT, finish, start
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import CRASHED, said
from tests.support.faults import LEDGER, Gate, assert_none_twice, counts_of, running
from tests.support.smtp_server import SmtpServer


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB on which the ledger lives; needs the right to mount one."""
    place = tmp_path / "data"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("this user may not mount a disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Take all the room of a disk but `leaving` bytes."""
    status = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leaving)))
    return filler


@pytest.mark.usefixtures("impatient_visits")
def test_a_disk_that_is_full_while_the_list_is_read_is_74_and_the_list_is_read_again(
    tmp_path: Path, small_disk: Path
) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(4000))
        filler = fill(small_disk, leaving=500_000)
        code, err = said(tmp_path, "run", "spring", "--limit", "5")
        assert code == 74 and "disk is full" in err and "free some space" in err
        assert not server.accepted
        filler.unlink()
        mailing.list(people(5))
        assert said(tmp_path, "run", "spring")[0] == 0
        assert len(mailing.copies()) == 5
        assert_none_twice(mailing)


def test_a_disk_that_is_full_when_an_answer_comes_makes_no_doubt_if_room_is_made(
    tmp_path: Path, small_disk: Path
) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate) as (mailing, process):
        filler = fill(small_disk)
        room = threading.Timer(2, filler.unlink)
        room.start()
        gate.open()
        code, _, err = finish(process)
        room.join()
        assert code == 0, err
        assert counts_of(mailing) == {"sent": 6}
        assert_none_twice(mailing)


@pytest.mark.usefixtures("impatient_visits")
def test_a_disk_that_is_full_between_runs_is_74_and_nothing_is_sent(tmp_path: Path, small_disk: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(6))
        said(tmp_path, "run", "spring", "--limit", "2")
        filler = fill(small_disk)
        code, err = said(tmp_path, "run", "spring", "--json")
        assert code == 74 and CRASHED not in err and "disk" in err
        assert len(server.accepted) == 2
        filler.unlink()
        assert said(tmp_path, "run", "spring")[0] == 0
        assert len(mailing.copies()) == 6
        assert_none_twice(mailing)


def read_only(ledger: Path) -> Path:
    subprocess.run(["mount", "-o", "remount,ro", ledger.parent], check=True)
    return ledger.parent


def on_a_full_disk(ledger: Path) -> Path:
    return fill(ledger.parent)


def a_folder(ledger: Path) -> Path:
    ledger.mkdir()
    return ledger


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [(read_only, "cannot be "), (on_a_full_disk, "disk"), (a_folder, "is a folder")],
)
def test_a_ledger_that_a_user_must_see_to_is_told_at_once(
    tmp_path: Path, small_disk: Path, harm: Callable[[Path], Path], sentence: str, *, begun: bool
) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3))
        ledger = tmp_path / LEDGER
        if begun:
            said(tmp_path, "run", "spring", "--limit", "1")
        if harm is a_folder:
            for part in small_disk.glob("mailrunner.db*"):
                part.unlink()
        harm(ledger)
        for words in (("run", "spring"), ("run", "spring", "--wait"), ("resume",), ("status",)):
            code, err = said(tmp_path, *words)
            if words[0] in ("resume", "status") and not begun and harm is not a_folder:
                continue  # there is no ledger, and none is made
            if words[0] == "status" and harm is on_a_full_disk:
                continue  # what only reads needs no room
            assert code == 74 and sentence in err and "→" in err, (words, code, err)
            assert "trying again" not in err and CRASHED not in err
        assert len(server.accepted) == begun


def test_writes_that_fail_for_a_while_make_no_doubt_of_an_answer(tmp_path: Path) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate) as (mailing, process):
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, hard))  # every write fails with EFBIG

        def heal() -> None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))

        healing = threading.Timer(2, heal)
        healing.start()
        gate.open()
        code, _, err = finish(process)
        healing.join()
        assert code == 0, err
        assert counts_of(mailing) == {"sent": 6}
        assert_none_twice(mailing)


@pytest.mark.parametrize("words", [("--log-json", "/dev/full"), ("--json",)])
def test_a_log_or_an_output_that_cannot_be_written_is_74_and_loses_no_recipient(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with SmtpServer() as server, Path("/dev/full").open("w") as full:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))
        process = subprocess.run(
            [sys.executable, "-m", "mailrunner", "run", "spring", *words],
            cwd=tmp_path,
            env=ENVIRON,
            text=True,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert process.returncode == 74
        assert "Traceback" not in process.stderr and "No space left" in process.stderr
        assert said(tmp_path, "run", "spring")[0] == 0
        assert len(mailing.copies()) == 3
        assert_none_twice(mailing)


def test_a_ledger_locked_while_an_answer_is_recorded_makes_no_doubt(tmp_path: Path) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate, program=IMPATIENT) as (mailing, process):
        holder = sqlite3.connect(tmp_path / LEDGER, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        release = threading.Timer(2, holder.close)  # longer than SQLite itself waits there
        release.start()
        gate.open()
        code, _, err = finish(process)
        release.join()
        assert code == 0, err
        assert counts_of(mailing) == {"sent": 6}
        assert_none_twice(mailing)


def move_away(folder: Path) -> Path:
    """Move the ledger with what SQLite keeps beside it; return where to."""
    away = folder / "away"
    away.mkdir()
    for part in sorted((folder / "data").glob("mailrunner.db*")):
        if not part.name.endswith(".lock"):
            part.rename(away / part.name)
    return away


def put_back(folder: Path, away: Path) -> None:
    for part in away.iterdir():
        part.replace(folder / "data" / part.name)


def test_a_ledger_moved_away_while_running_is_74_until_it_is_put_back(tmp_path: Path) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate) as (mailing, process):
        away = move_away(tmp_path)
        gate.open()
        code, _, err = finish(process)
        assert code == 74 and "no longer the file that was opened" in err
        code, err = said(tmp_path, "run", "spring")
        assert code == 74 and "the ledger is missing" in err and "--new-ledger" in err
        put_back(tmp_path, away)
        assert said(tmp_path, "run", "spring")[0] == 1
        found = counts_of(mailing)
        assert found["in_doubt"] in (1, 2) and found["sent"] == 6 - found["in_doubt"]
        assert len(mailing.copies()) in (5, 6)  # of what rode behind, the envelope alone was on the wire
        assert_none_twice(mailing)


def test_a_ledger_replaced_by_an_older_copy_while_running_is_74_and_stays_so(tmp_path: Path) -> None:
    gate = Gate("eod", nth=5)
    with SmtpServer(rules=[gate.rule]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(8))
        said(tmp_path, "run", "spring", "--limit", "2")
        shutil.copy(tmp_path / LEDGER, tmp_path / "copy.db")
        process = start(mailing, "run", "spring")
        gate.await_arrival()
        (tmp_path / "copy.db").replace(tmp_path / LEDGER)
        gate.open()
        code, _, err = finish(process)
        assert code == 74 and "no longer the file that was opened" in err
        taken = len(server.accepted)
        code, err = said(tmp_path, "run", "spring")
        assert code == 74 and "older than the one used last" in err
        assert len(server.accepted) == taken
        assert_none_twice(mailing)


def test_an_older_copy_between_runs_is_74_until_the_right_one_is_back(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(6))
        said(tmp_path, "run", "spring", "--limit", "2")
        shutil.copy(tmp_path / LEDGER, tmp_path / "old.db")
        said(tmp_path, "run", "spring", "--limit", "2")
        shutil.copy(tmp_path / LEDGER, tmp_path / "right.db")
        shutil.copy(tmp_path / "old.db", tmp_path / LEDGER)
        for words in (("run", "spring"), ("resume",), ("run", "spring", "--again")):
            code, err = said(tmp_path, *words)
            assert code == 74 and "older than the one used last" in err
        assert len(server.accepted) == 4
        shutil.copy(tmp_path / "right.db", tmp_path / LEDGER)
        assert said(tmp_path, "run", "spring")[0] == 0
        assert len(mailing.copies()) == 6
        assert_none_twice(mailing)


def garbled(file: Path) -> None:
    octets = file.read_bytes()
    file.write_bytes(octets[:100] + Random(1).randbytes(len(octets) - 100))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("harm", [garbled, emptied, halved, Path.unlink])
def test_a_ledger_harmed_between_runs_is_74_and_nothing_is_sent(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(6))
        said(tmp_path, "run", "spring", "--limit", "2")
        shutil.copy(tmp_path / LEDGER, tmp_path / "right.db")
        harm(tmp_path / LEDGER)
        for words in (("run", "spring"), ("resume",)):
            code, err = said(tmp_path, *words)
            assert code == 74 and "→" in err and CRASHED not in err
        assert len(server.accepted) == 2
        for part in (tmp_path / "data").glob("mailrunner.db-*"):
            part.unlink()
        shutil.copy(tmp_path / "right.db", tmp_path / LEDGER)
        assert finish(start(mailing, "run", "spring"))[0] == 0
        assert len(mailing.copies()) == 6
        assert_none_twice(mailing)


def test_a_ledger_harmed_while_running_sends_none_twice(tmp_path: Path) -> None:
    gate = Gate("eod", nth=3)
    with running(tmp_path, gate, number=30) as (mailing, process):
        garbled(tmp_path / LEDGER)
        gate.open()
        code, _, _ = finish(process)
        assert code in (0, 1, 74)
        code, _ = said(tmp_path, "run", "spring")
        assert code in (0, 1, 74)
        assert_none_twice(mailing)


def test_a_witness_that_cannot_be_read_is_74_and_names_the_file(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3))
        said(tmp_path, "run", "spring", "--limit", "1")
        (tmp_path / ".mailrunner" / "ledger").write_bytes(b"\0garbage")
        code, err = said(tmp_path, "run", "spring")
        assert code == 74 and ".mailrunner/ledger" in err
        assert len(server.accepted) == 1
