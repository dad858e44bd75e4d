"""One login first: what is wrong for one connection is not tried by each of the others."""

from __future__ import annotations

from concurrent.futures import wait
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.connection import Connection
from mailrunner.sending.connection_opener import ConnectionOpener
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.smtp_client import Clients
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Cut
from tests.support.smtp_server import Rule, SmtpServer, cut, reply

ACCOUNT = 'user = "ana"\npassword = "secret"'


def mailing(folder: Path, server: SmtpServer, number: int = 200, **changes: Any) -> CampaignInProcess:
    parts: dict[str, Any] = {"connections": 16, "account": ACCOUNT} | changes
    return CampaignInProcess(folder, server).write(csv=people(number), **parts)


def test_a_wrong_password_is_tried_once_however_many_connections_there_may_be(tmp_path: Path) -> None:
    with SmtpServer(auth=("ana", "another")) as server:
        made = mailing(tmp_path, server)
        assert made.run().wait.reason is WaitReason.CREDENTIALS
        assert (len(server.logins), server.connections) == (1, 1)
        assert made.run().wait.reason is WaitReason.CREDENTIALS
        assert len(server.logins) == 1


def test_a_right_password_opens_them_all(tmp_path: Path) -> None:
    with SmtpServer(auth=("ana", "secret")) as server:
        assert mailing(tmp_path, server, 600).run().counts == Counts(sent=600)
        assert server.connections > 4


def test_a_password_that_is_changed_while_all_connections_are_lost_is_tried_once(tmp_path: Path) -> None:
    """The server ends every connection, and from then on wants another password."""
    changed: list[bool] = []

    def revoke(dialogue: Dialogue) -> Answer | None:
        if changed or len(dialogue.server.accepted) >= 100:
            changed.append(True)
            dialogue.server.auth = ("ana", "another")
            raise Cut
        return None

    with SmtpServer(rules=[Rule("rcpt", revoke)], auth=("ana", "secret")) as server:
        assert mailing(tmp_path, server, 400).run().wait.reason is WaitReason.CREDENTIALS
        assert len([login for login in server.logins if not login.succeeded]) == 1


def test_what_is_wrong_with_the_set_up_is_met_once(tmp_path: Path) -> None:
    with SmtpServer() as server:
        made = mailing(tmp_path, server, account="")
        project = tmp_path / "mailrunner.toml"
        project.write_text(project.read_text().replace('tls = "none"', 'tls = "starttls"'))
        assert made.run().wait.reason is WaitReason.SETUP
        assert server.connections == 1


@pytest.mark.parametrize(
    ("stage", "do"),
    [
        ("ehlo", reply(550, "5.7.1 go away")),
        ("ehlo", cut()),
        ("connect", cut()),
        ("connect", reply(421, "busy")),
    ],
)
def test_a_server_that_takes_no_connection_is_tried_as_often_as_by_one(
    tmp_path: Path, stage: str, do: Any
) -> None:
    tried = []
    for connections in (1, 16):
        with SmtpServer(rules=[Rule(stage, do)]) as server:
            folder = tmp_path / str(connections)
            folder.mkdir()
            made = mailing(folder, server, connections=connections, account="")
            result = made.run()
            assert result.sent_now == 0
            tried.append((server.connections, result.wait.reason))
    assert tried[0] == tried[1]


def test_connections_that_a_server_does_not_take_leave_the_others_alone(tmp_path: Path) -> None:
    """It takes four at a time; the run goes on with those it has."""
    full = Rule("connect", reply(421, "4.7.0 too many connections"), connection=range(5, 1000))
    with SmtpServer(rules=[full]) as server:
        made = mailing(tmp_path, server, account="")
        assert made.run().counts == Counts(sent=200)


def test_others_follow_a_login_that_succeeded_a_moment_ago_and_no_loss(tmp_path: Path) -> None:
    clock = ManualClock()
    with SmtpServer(auth=("ana", "secret")) as server, Clients() as client:
        lines = [Connection(client(server), random=Random(1), patient=False) for _ in range(4)]
        opener = ConnectionOpener(lines)

        def opened() -> int:
            """Open all that may be opened; close them again."""
            begun = opener.open(lines, 4, clock.now())
            wait([line.opening for line in begun if line.opening])
            assert [problem for _, problem in opener.finished(clock.now())] == [None] * len(begun)
            for line in begun:
                line.close()
            return len(begun)

        assert [opened(), opened(), opened()] == [1, 4, 4]
        opener.note_loss()
        assert [opened(), opened()] == [1, 4]
        clock.turn(timedelta(minutes=1))
        assert [opened(), opened()] == [1, 4]
        opener.shutdown()
