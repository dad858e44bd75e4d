"""The README's walk-through is typed as it stands; only Gmail's server is one of our own here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE
from tests.support.smtp_server import SmtpServer

ROOT = Path(__file__).parents[2]


def walk_through() -> list[list[str]]:
    """The mailrunner commands of the first block after "Your first campaign"."""
    block = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## Your first campaign")[1].split("```")[1]
    )
    lines = [line.split("#")[0] for line in block.splitlines()]
    typed = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part) for part in typed if part.startswith("mailrunner ")]


def answers(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailrunner", *[word for word in words if word != "--open"]],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )


def test_the_first_campaign_of_the_readme_works_as_it_is_typed(tmp_path: Path) -> None:
    begin, *then = [words[1:] for words in walk_through()]
    assert begin == ["init", "club"]
    assert [words[0] for words in then] == ["check", "preview", "send-test", "run"]
    assert answers(begin, tmp_path).returncode == 0
    club = tmp_path / "club"
    with SmtpServer(auth=("you@gmail.com", "abcdefghijklmnop")) as server:
        settings = (club / "mailrunner.toml").read_text(encoding="utf-8")
        own = (
            f'provider = "smtp"\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\nlimits = ["70/24h"]'
        )
        (club / "mailrunner.toml").write_text(settings.replace('provider = "gmail"', own), encoding="utf-8")
        (club / ".env").write_text("GMAIL_APP_PASSWORD=abcdefghijklmnop\n", encoding="utf-8")
        done = [answers(words, club) for words in then]
        codes = [one.returncode for one in done]
        assert codes == [0, 0, 0, 75], [one.stderr for one in done]
        assert len(server.accepted) == 20  # 70 less the reserve of 50: the test and nineteen people


def test_the_command_for_cron_systemd_and_windows_prints_an_entry(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "`mailrunner schedule --install`" in readme
    answers(["init", "club"], tmp_path)
    for option in ("--for cron", *re.findall(r"`(--for \w+)`", readme)):
        done = answers(["schedule", *option.split()], tmp_path / "club")
        assert done.returncode == 0, done.stderr
        assert "resume --quiet --project" in done.stdout
