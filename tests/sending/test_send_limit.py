"""What `--limit` bounds: messages that reach DATA, and tries in all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.run import RunResult
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.smtp_server import Rule, SmtpServer, cut, reply

GREYLISTED = reply(451, "4.7.1 Greylisting in action, please come back later")
UNKNOWN = reply(550, "5.1.1 no such user")


def run(folder: Path, server: SmtpServer, limit: int, **parts: Any) -> RunResult:
    return CampaignInProcess(folder, server).write(csv=people(30), **parts).run(limit=limit)


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail"])
@pytest.mark.parametrize("connections", [1, 4])
def test_a_first_connection_that_fails_takes_nothing_from_the_limit(
    tmp_path: Path, stage: str, connections: int
) -> None:
    with SmtpServer(rules=[Rule(stage, cut(), nth=1)]) as server:
        result = run(tmp_path, server, 3, connections=connections)
        assert (result.sent_now, result.wait.reason) == (3, WaitReason.LIMIT)


def test_where_all_are_greylisted_twice_as_many_are_tried_and_not_the_list(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", GREYLISTED)]) as server:
        result = run(tmp_path, server, 2)
        assert (result.sent_now, result.wait.reason) == (0, WaitReason.LIMIT)
        assert len(server.said("RCPT")) == 4


def test_a_recipient_greylisted_after_the_message_counts(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("eod", GREYLISTED)]) as server:
        assert run(tmp_path, server, 2).wait.reason is WaitReason.LIMIT
        assert len(server.said("DATA")) == 2


@pytest.mark.parametrize("do", [GREYLISTED, UNKNOWN])
def test_a_recipient_refused_before_the_message_takes_no_place(tmp_path: Path, do: Any) -> None:
    with SmtpServer(rules=[Rule("rcpt", do, nth={1, 2})]) as server:
        assert run(tmp_path, server, 2).sent_now == 2


def test_a_row_that_cannot_become_a_message_takes_no_place(tmp_path: Path) -> None:
    letter = LETTER.replace("{{ name }}", "{% if name == 'Name 0' %}{{ nobody }}{% endif %}")
    with SmtpServer() as server:
        assert run(tmp_path, server, 2, letter=letter).sent_now == 2


def test_a_limit_that_is_reached_together_with_a_stop_says_that_it_was_stopped(tmp_path: Path) -> None:
    spam = reply(554, "5.7.1 This message was considered spam")
    with SmtpServer(rules=[Rule("eod", spam)]) as server:
        assert run(tmp_path, server, 3).wait.reason is WaitReason.STOPPED


def test_a_limit_as_large_as_the_list_ends_it(tmp_path: Path) -> None:
    with SmtpServer() as server:
        assert run(tmp_path, server, 30).wait.reason is WaitReason.DONE
