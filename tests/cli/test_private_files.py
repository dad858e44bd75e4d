"""Every file that names recipients is its owner's alone, whatever the umask, new or not."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from mailrunner.clock import SystemClock
from mailrunner.event_log import EventLog
from mailrunner.store import private_file
from mailrunner.web.catcher.mailbox import Mailbox
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """What a careless system has."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The rights of others and of the group, of all files and folders below, by name; 0 ones left out."""
    found = {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    return {name: mode & 0o077 for name, mode in found.items() if mode & 0o077}


def invoke(folder: Path, *words: str) -> None:
    result = CliRunner().invoke(commands(), [*words, "--project", str(folder)])
    assert result.exit_code == 0, result.output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))
        mailing.run()
    return tmp_path


@pytest.mark.parametrize("was_there", [False, True])
def test_what_commands_write_is_private(project: Path, was_there: bool) -> None:
    out = project / "out"
    out.mkdir(mode=0o700)
    names = ("r.csv", "r.json", "r.html", "r.xlsx", "again.csv", "suppressed.csv", "log.jsonl")
    if was_there:
        for name in names:
            (out / name).touch(mode=0o666)
        preview = project / "previews" / "spring"
        invoke(project, "preview", "spring")
        for path in preview.iterdir():
            path.chmod(0o666)
    for name in names[:4]:
        invoke(project, "report", "spring", "--out", str(out / name))
    invoke(project, "report", "spring", "--failed", "--out", str(out / "again.csv"))
    invoke(project, "suppress", "export", "--out", str(out / names[5]))
    EventLog(out / "log.jsonl", clock=SystemClock()).close()
    invoke(project, "preview", "spring")
    assert {path.name for path in out.iterdir()} == set(names)
    assert modes(out) == {} and modes(project / "previews") == {}
    assert stat.S_IMODE((project / "previews").stat().st_mode) == 0o700


def test_the_ledger_its_companions_and_the_rollback_guard_are_private(project: Path) -> None:
    data = {name: mode for name, mode in modes(project / "data").items() if ".db" in name}
    assert data == {} and modes(project / ".mailrunner") == {}
    assert (project / ".mailrunner" / "ledger").is_file()
    assert stat.S_IMODE((project / ".mailrunner").stat().st_mode) == 0o700


def test_messages_that_were_caught_are_private(tmp_path: Path) -> None:
    Mailbox(tmp_path / "mailbox").keep(b"Subject: x\n\ny")
    assert len(list((tmp_path / "mailbox").iterdir())) == 1 and modes(tmp_path) == {}


def test_a_link_or_a_pipe_is_followed_and_keeps_its_rights(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o666)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    private_file.write(pipe, b"x")
    os.close(reader)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o666
