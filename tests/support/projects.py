"""Projects in a folder of their own, and the real command line on them.

project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
answer = project.mailrunner("suppress", "add", "ana@example.org")
assert answer.code == 0, answer.stderr
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

PROJECT = """
[accounts.relay]
provider = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none"
limits = ["10000/24h"]
"""
CAMPAIGN = """
account = "relay"
list = "{list_name}"
[message]
from = "Ana Pop <ana@example.org>"
subject = "Hello {{{{ name }}}}"
html = "letter.html"
postal_address = "Club, 1 Park Street"
[recipients]
csv = "data/{name}.csv"
"""
LETTER = '<p>Hello {{ name }}</p><p><a href="{{ unsubscribe_url }}">Leave</a> {{ postal_address }}</p>\n'


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """A project, perhaps not written yet."""

    folder: Path

    def write(self, *, rows: Iterable[str] = (), port: int = 2525) -> Project:
        """A project with an account, and the campaign "spring" to `rows` of address and name."""
        self.put("mailrunner.toml", PROJECT.format(port=port))
        self.put("templates/letter.html", LETTER)
        self.add_campaign("spring", rows=rows)
        return self

    def add_campaign(self, name: str, *, rows: Iterable[str], list_name: str = "Club news") -> None:
        self.put(f"campaigns/{name}.toml", CAMPAIGN.format(name=name, list_name=list_name))
        self.put(f"data/{name}.csv", "\n".join(("email,name", *rows, "")))

    def put(self, path: str, text: str) -> Path:
        """Write one file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def texts(self) -> dict[str, bytes]:
        """Every file, by its path."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def mailrunner(self, *words: str) -> Answer:
        """Run a command on this project in this process, where nobody can answer a question."""
        from mailrunner.cli import commands

        result = CliRunner().invoke(commands(), [*words, "--project", str(self.folder)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)


def process(*words: str, folder: Path) -> Answer:
    """Run a command in a process of its own, in `folder`."""
    given = [sys.executable, "-m", "mailrunner", *words]
    done = subprocess.run(given, cwd=folder, capture_output=True, encoding="utf-8", timeout=120, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def on_terminal(*words: str, folder: Path, typed: str) -> Answer:
    """Run a command at a terminal at which somebody types; what it shows there is in `stderr`."""
    import pty

    ours, theirs = pty.openpty()
    given = [sys.executable, "-m", "mailrunner", *words]
    shown = b""
    with subprocess.Popen(given, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, typed.encode())
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # Linux says so when the other side is closed
                block = b""
            if not block:
                break
            shown += block
        stdout = child.stdout.read() if child.stdout else b""
    os.close(ours)
    return Answer(child.returncode, stdout.decode(), shown.decode())
