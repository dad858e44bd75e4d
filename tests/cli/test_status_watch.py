"""`status --watch`: what it shows while a campaign is being sent, and when it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.cli.status_watch import watch_status
from tests.report.test_summary import in_terminal
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer


class ClockWithEvents(ManualClock):
    """Each wait lets the next thing happen; when nothing is left to happen, the user presses Ctrl-C."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = list(happens)

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        if self._happens:
            self._happens.pop(0)()
        else:
            wake.set()
        return super().wait(wake, until)


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[CampaignInProcess]:
    with SmtpServer() as server:
        yield CampaignInProcess(tmp_path, server).write(csv=people(3))


def watched(
    mailing: CampaignInProcess, capsys: pytest.CaptureFixture[str], *happens: Callable[[], object]
) -> list[str]:
    clock = ClockWithEvents(*happens)
    watch_status(CommandContext(mailing.folder, clock=clock), "spring")
    assert all(wait >= timedelta(minutes=1) for wait in clock.waits)
    return capsys.readouterr().out.splitlines()


def test_a_log_gets_a_line_a_minute_until_the_campaign_has_ended(
    mailing: CampaignInProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = watched(mailing, capsys, lambda: mailing.run(limit=1), lambda: mailing.run(limit=1), mailing.run)
    assert [line.partition(" ")[2] for line in lines] == [
        "spring: new, 0 of 0 sent",
        "spring: waiting, 1 of 3 sent",
        "spring: waiting, 2 of 3 sent",
        "spring: finished, 3 of 3 sent",
    ]
    moments = [datetime.fromisoformat(line.partition(" ")[0]) for line in lines]
    assert all(later - before >= timedelta(minutes=1) for before, later in pairwise(moments))
    assert set("".join(lines)) & set("\x1b\r▓░") == set()


def test_a_signal_ends_it_while_there_is_more_to_send(
    mailing: CampaignInProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    mailing.run(limit=1)
    assert len(watched(mailing, capsys)) == 1


def test_a_terminal_is_drawn_anew_until_the_campaign_has_ended(mailing: CampaignInProcess) -> None:
    mailing.run()
    told = in_terminal("status", "--watch", "--project", str(mailing.folder), LANG="en_GB.UTF-8")
    assert f"100 % {'▓' * 48}" in told and "as of" in told


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(mailing: CampaignInProcess) -> None:
    mailing.run()
    told = in_terminal("status", "--watch", "--project", str(mailing.folder), TERM="dumb")
    assert "Z spring: finished, 3 of 3 sent" in told and "\x1b" not in told


def test_watch_and_json_exclude_each_other(tmp_path: Path) -> None:
    answer = Project(tmp_path).write().mailrunner("status", "--watch", "--json")
    assert answer.code == 2 and "exclude each other" in answer.stderr
    assert json.loads(Project(tmp_path).mailrunner("status", "--json").stdout)["campaigns"] == []
