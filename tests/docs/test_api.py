"""The examples of docs/api.md run, one after the other, as one program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from mailrunner import Campaign, Project
from tests.support.projects import LETTER
from tests.support.projects import Project as ProjectFiles
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut, reply

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path) -> None:
    program = "\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    files = ProjectFiles(tmp_path)
    with SmtpServer() as server:
        files.write(
            rows=["ana@example.org,Ana", "bob@example.org,Bob", "eva@example.org,Eva"], port=server.port
        )
        files.write_campaign(
            "summer",
            csv="spring.csv",
            letter="<p>Summer, {{ name }} {{ unsubscribe_url }}</p>",
            recipients='defaults = { name = "friend" }',
        )
        own = (tmp_path / "campaigns/summer.toml").read_text().replace("letter.html", "summer.html")
        files.put("campaigns/summer.toml", own)
        (tmp_path / "templates/letter.html").rename(tmp_path / "templates/summer.html")
        files.put("templates/letter.html", LETTER)
        files.put("left.csv", "email\nleft@example.org\n")
        one_in_doubt_and_one_refused(tmp_path / "other")
        file = files.put("program.py", program)
        done = subprocess.run(
            [sys.executable, file], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert len(server.accepted) == 5
    assert "Ana, spring is here" in done.stdout and "eva@example.org sent" in done.stdout


def one_in_doubt_and_one_refused(folder: Path) -> None:
    unknown = Rule("rcpt", reply(550, "5.1.1 no such user"), recipient="bob@")
    with SmtpServer(rules=[unknown, Rule("eod", accept_then_cut(), nth=2)]) as server:
        rows = ["ana@example.org,Ana", "bob@example.org,Bob", "eva@example.org,Eva", "ion@example.org,Ion"]
        ProjectFiles(folder).write(rows=rows, port=server.port)
        assert Project(folder).campaign("spring").run(limit=2).counts.in_doubt == 1


def test_every_public_method_stands_on_the_page() -> None:
    own = {"open_ledger", "existing_ledger", "signer", "hooks", "prepare", "reading", "begun", "doubts"}
    for handle in (Project, Campaign):
        methods = {
            name for name in dir(handle) if not name.startswith("_") and callable(getattr(handle, name))
        }
        missing = [name for name in methods - own if f".{name}(" not in PAGE]
        assert missing == [], handle
