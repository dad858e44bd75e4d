"""Bars in a terminal: in two encodings, and none where a program reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from mailrunner.cli.bars import bar
from tests.report.test_summary import in_terminal
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer


@pytest.mark.parametrize(
    ("part", "whole", "full"), [(0, 10, 0), (1, 1_000_000, 1), (5, 10, 15), (999, 1000, 29), (10, 10, 30)]
)
def test_a_bar_is_full_or_empty_only_where_that_is_true(part: int, whole: int, full: int) -> None:
    assert bar(part, whole, encoding="utf-8") == "▓" * full + "░" * (30 - full)
    assert bar(part, whole, encoding="ascii") == "#" * full + "." * (30 - full)


def test_a_bar_of_nothing_is_empty() -> None:
    assert bar(0, 0, encoding="utf-8") == "░" * 30


def test_status_and_quota_draw_bars_in_a_terminal_alone(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(4)).run(limit=1)
    where = ("--project", str(tmp_path))
    told = in_terminal("status", *where)
    assert f"25 % {'▓' * 7}{'░' * 23}" in told
    assert max(map(len, told.splitlines())) <= 80
    for command in ("status", "quota"):
        piped = CliRunner().invoke(commands(), [command, *where]).stdout
        assert "spring" in piped or "account" in piped
        assert "▓" not in piped and "░" not in piped
