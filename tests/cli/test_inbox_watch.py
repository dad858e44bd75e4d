"""`mailrunner inbox --watch`: in a process of its own, with a real mailbox whose lines are cut."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from mailrunner.inbound import imap as mailbox_module
from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.imap import ImapMailbox
from mailrunner.inbound.poll import MailboxPoll, PollTally
from mailrunner.model.tokens import TokenSigner
from mailrunner.store import Ledger
from tests.data.bounces import Tokens, sample
from tests.support.clocks import ManualClock
from tests.support.club_inbox import Club, lies
from tests.support.imap_server import ImapServer, LimitedImapServer
from tests.support.in_doubt import clear, implicit
from tests.support.inbound_events import sent_campaign
from tests.support.patience import PATIENCE
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends a process by SIGTERM")


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


class Watch:
    """The command in a process, and what it has said so far."""

    def __init__(self, folder: Path) -> None:
        given = [sys.executable, "-u", "-m", "mailrunner", "inbox", "--watch", "--project", str(folder)]
        self.process = subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until(self, words: str) -> str:
        """Read on until a line has these words; the end of the process ends the test."""
        said = []
        for line in self.process.stdout or ():
            said.append(line)
            if words in line:
                return "".join(said)
        pytest.fail(f"it ended before it said {words!r}: {''.join(said)}")


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    watch = Watch(folder)
    limit = threading.Timer(PATIENCE, watch.process.kill)  # a hang becomes a failure
    limit.start()
    try:
        yield watch
    finally:
        limit.cancel()
        watch.process.kill()
        watch.process.communicate()


@pytest.mark.parametrize(("ending", "tls"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_what_arrives_is_read_at_once_and_it_ends_cleanly(
    tmp_path: Path, smtp: SmtpServer, imap_server: ImapServer, ending: signal.Signals, tls: bool
) -> None:
    box = imap_server.mailbox(uuid4().hex)
    club = Club(tmp_path, smtp, implicit(box, imap_server) if tls else clear(box))
    settings = tmp_path / "mailrunner.toml"
    script = "import pathlib, sys; pathlib.Path('told').write_text(sys.stdin.read())"
    hook = Project(tmp_path).put("hook.py", script)
    settings.write_text(
        f'on_event = \'"{sys.executable}" "{hook}"\'\n{settings.read_text()}'
        f'ca_file = "{imap_server.ca_file}"\n'
    )
    club.came_back(box, "gmail_no_such_user", 0)
    with watching(tmp_path) as watch:
        watch.until("1  bounced")
        club.came_back(box, "arf_yahoo", 1)
        watch.until("1  complained")
        watch.process.send_signal(ending)
        watch.until("everything that was read is recorded")
        assert watch.process.wait() == 0
    assert json.loads((tmp_path / "told").read_text())["event"] == "complaint_rate"
    assert club.suppressed().keys() == {"person0@example.org", "person1@example.org"}
    assert len(lies(box, "Mailrunner")) == 2


def test_a_line_that_is_cut_is_made_anew(tmp_path: Path, smtp: SmtpServer) -> None:
    import psutil  # type: ignore[import-untyped]

    with ImapServer() as server:
        box = server.mailbox("ana")
        club = Club(tmp_path, smtp, clear(box))
        club.came_back(box, "gmail_no_such_user", 0)
        with watching(tmp_path) as watch:
            watch.until("1  bounced")
            for child in psutil.Process(server._process.pid).children(recursive=True):
                if child.name() == "imap":
                    os.kill(child.pid, signal.SIGKILL)
            watch.until("tried again in")
            club.came_back(box, "arf_yahoo", 1)
            watch.until("1  complained")


def test_a_wrong_password_is_tried_once_and_ends_it(
    tmp_path: Path, smtp: SmtpServer, imap_server: ImapServer
) -> None:
    box = imap_server.mailbox(uuid4().hex)
    Club(tmp_path, smtp, clear(box), password="mistyped")
    with watching(tmp_path) as watch:
        watch.until("refused the login")
        assert watch.process.wait() == 77


def test_without_idle_the_mailbox_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_module, "_POLL", 0.05)
    clock = ManualClock(datetime.now(UTC))
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    with LimitedImapServer("MOVE") as server, Ledger.open(folder=tmp_path, url=url, clock=clock) as ledger:
        box = server.mailbox("ana")
        _, (ana,) = sent_campaign(ledger, ["ana@example.org"])
        tokens = Tokens(TokenSigner(ledger.signing_keys(None)), ana)
        poll = MailboxPoll(
            ledger=ledger,
            classifier=MessageClassifier(signer=tokens.signer, identity=""),
            since=timedelta(days=3),
        )
        stop, looks = threading.Event(), 0

        def tell(tally: PollTally) -> None:
            nonlocal looks
            looks += 1
            if looks == 2:
                box.append("INBOX", sample("gmail_no_such_user", tokens, "ana@example.org"))
            if tally.understood or looks > 200:
                stop.set()

        with ImapMailbox.open(server.settings(box.user), ca_file=None, timeout=PATIENCE) as opened:
            poll.watch(opened, stop, tell)
        assert ledger.suppressions.entries("ana@example.org")
