"""Bars and sparklines in a terminal: in two encodings, and none where a program reads."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailrunner.cli.bars import Drawing, is_ascii
from mailrunner.cli.context import CommandContext
from mailrunner.cli.status_text import account_lines, campaign_lines
from mailrunner.clock import rfc3339
from tests.report.test_summary import in_terminal
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import START
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

BLOCKS, ASCII, LOG = Drawing(48, False), Drawing(48, True), Drawing(0, False)


@pytest.mark.parametrize(
    ("done", "other", "whole", "full", "partly"),
    [(0, 0, 10, 0, 0), (1, 0, 1_000_000, 1, 0), (5, 0, 10, 24, 0), (999_999, 0, 1_000_000, 47, 0),
     (10, 0, 10, 48, 0), (9, 1, 10, 43, 5), (999, 1, 1000, 47, 1), (998, 1, 1000, 46, 1), (0, 1, 1000, 0, 1),
     (1, 1, 1000, 1, 1)],
)  # fmt: skip
def test_a_bar_is_full_or_empty_only_where_that_is_true(
    done: int, other: int, whole: int, full: int, partly: int
) -> None:
    empty = 48 - full - partly
    assert BLOCKS.bar(done, other, whole).plain == "▓" * full + "▒" * partly + "░" * empty
    assert ASCII.bar(done, other, whole).plain == "#" * full + "x" * partly + "." * empty


def test_nothing_is_drawn_of_nothing_and_in_a_log() -> None:
    assert not BLOCKS.bar(0, 0, 0) and not LOG.bar(1, 0, 2)
    assert not BLOCKS.sparkline([0, 0]) and not LOG.sparkline([1])


def test_a_sparkline_is_as_high_as_its_numbers() -> None:
    assert BLOCKS.sparkline([0, 1, 4, 8]).plain == " ▁▄█"
    assert ASCII.sparkline([0, 1, 4, 8]).plain == " .=@"
    assert Drawing(2, False).sparkline([0, 1, 1, 1]).plain == "▄█"


@pytest.mark.parametrize(
    ("encoding", "environ", "expected"),
    [("utf-8", {"LANG": "en_GB.UTF-8"}, False), ("utf-8", {}, False), ("ascii", {}, True),
     ("latin-1", {}, True), (None, {}, True), ("utf-8", {"LANG": "C"}, True),
     ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True), ("utf-8", {"LC_ALL": "POSIX"}, True),
     ("utf-8", {"LANG": "C", "LC_ALL": "de_DE.UTF-8"}, False), ("utf-8", {"LC_CTYPE": "C.UTF-8"}, False),
     ("utf-8", {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False)],
)  # fmt: skip
def test_blocks_are_shown_where_the_terminal_has_them(
    encoding: str | None, environ: dict[str, str], expected: bool
) -> None:
    assert is_ascii(encoding, environ) is expected


def campaign(**counts: int) -> dict[str, Any]:
    names = ("queued", "in_flight", "sent", "failed", "in_doubt", "suppressed", "skipped")
    return {"campaign": "spring", "state": "running", "counts": {**dict.fromkeys(names, 0), **counts},
            "total": sum(counts.values()), "reason": "", "resume_at": None, "finish_at": None}  # fmt: skip


def test_a_campaigns_bar_is_full_when_nothing_is_left() -> None:
    found = campaign(sent=6, failed=2, queued=3, in_flight=1)
    begun = str(list(campaign_lines(found, ASCII))[1])
    assert begun == "   66 % " + "#" * 24 + "x" * 8 + "." * 16 + "  4 left"
    over = str(list(campaign_lines(campaign(sent=6, failed=1, skipped=1), ASCII))[1])
    assert over == "  100 % " + "#" * 36 + "x" * 12


def account(slots: list[int], **limit: Any) -> dict[str, Any]:
    returns = {"from": rfc3339(START), "every_seconds": 1800, "slots": slots}
    one = {"limit": "500/24h", "used": 480, "left": 20, "next_slot_at": None, "returns": returns, **limit}
    return {"name": "gmail", "paused_until": None, "reason": "", "reserve": 50, "limits": [one]}


def test_what_comes_back_is_told_in_words_and_then_drawn() -> None:
    found = account([0, 10, 430, *[0] * 45])
    lines = [str(line) for line in account_lines(found, ASCII, returns=True)]
    begin, tick = (f"{START.astimezone() + timedelta(hours=h):%H:%M}" for h in (1, 6))
    end = f"{START.astimezone() + timedelta(hours=1, minutes=30):%H:%M}"
    assert lines[3] == f"  440 slots come back in the next 24 hours, the most (430) from {begin} to {end}"
    assert lines[4] == f"{'':8} .@{'':45}"
    assert lines[5].index(tick) == 8 + 12
    assert max(map(len, lines)) < 80
    in_a_log = [str(line) for line in account_lines(found, LOG, returns=True)]
    assert lines[3] in in_a_log and len(in_a_log) == 4


def test_a_limit_of_which_nothing_comes_back_has_no_line_for_it() -> None:
    lines = [str(line) for line in account_lines(account([], returns=None), LOG, returns=True)]
    assert lines[1:] == ["  500/24h      480 used, 20 left",
                         "  50 messages a day reserved for what you send yourself"]  # fmt: skip


@pytest.fixture(scope="module")
def half_sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half")
    with SmtpServer() as server:
        CampaignInProcess(folder, server).write(csv=people(4), limits='"500/24h"').run(limit=1)
    return folder


def test_status_and_quota_draw_in_a_terminal_of_80_columns(half_sent: Path) -> None:
    told = in_terminal("status", "--project", str(half_sent), LANG="en_GB.UTF-8")
    assert f"25 % {'▓' * 12}{'░' * 36}  3 left" in told
    assert max(map(len, told.splitlines())) <= 80 and "\x1b" not in told


def test_the_locale_c_is_shown_ascii_alone(half_sent: Path) -> None:
    for command in ("status", "quota"):
        told = in_terminal(command, "--project", str(half_sent), LANG="C", LC_ALL="C")
        assert "###" in told or "..." in told
        assert told.isascii() and "\x1b" not in told


def test_a_pipe_gets_words_without_bars_and_control_characters(half_sent: Path) -> None:
    for command in ("status", "quota"):
        piped = Project(half_sent).mailrunner(command).stdout
        assert "spring" in piped or "account" in piped
        assert set(piped) & set("▓▒░█\x1b\r") == set()


def test_an_encoding_without_a_name_s_letters_is_no_error(half_sent: Path) -> None:
    project = Project(half_sent)
    kept = (half_sent / "mailrunner.toml").read_text("utf-8")
    project.put("mailrunner.toml", kept.replace("accounts.relay", 'accounts."grüße"'))
    try:
        told = in_terminal("quota", "--project", str(half_sent), PYTHONIOENCODING="ascii")
    finally:
        project.put("mailrunner.toml", kept)
    assert "account gr\\xfc\\xdfe" in told


def test_the_json_of_quota_tells_when_slots_come_back(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3), limits='"500/24h"')
        mailing.run()
    mailing.clock.turn(timedelta(hours=1))
    found = CommandContext(tmp_path, clock=mailing.clock).handle.accounts()[0].as_dict()
    returns = found["limits"][0]["returns"]
    assert returns["from"] == rfc3339(mailing.clock.now()) and returns["every_seconds"] == 1800
    assert len(returns["slots"]) == 48 and sum(returns["slots"]) == 3 == sum(returns["slots"][45:47])
