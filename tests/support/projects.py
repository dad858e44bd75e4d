"""Projects in a folder of their own, and the real command line on them.

project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
answer = project.mailrunner("suppress", "add", "ana@example.org")
assert answer.code == 0, answer.stderr
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.patience import PATIENCE

PROJECT = """
{project}
[accounts.relay]
{server}
limits = [{limits}]
connections = {connections}
{account}
"""
SERVER = """\
provider = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none\""""
CAMPAIGN = """
account = "relay"
list = "{list_name}"
{head}
[message]
from = "Ana Pop <ana@example.org>"
subject = "{{{{ name }}}}, spring is here"
html = "letter.html"
postal_address = "Club, 1 Park Street"
{message}
[recipients]
csv = "data/{csv}"
{recipients}
[send]
{send}
"""
LETTER = (
    "<html><body><p>Hello {{ name }}</p><p>{{ postal_address }}</p>"
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>\n'
)


on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix terminal")


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
        self.write_account(port=port)
        self.add_campaign("spring", rows=rows)
        return self

    def write_account(
        self, *, port: int = 2525, limits: str = '"10000/24h"', connections: int = 1, **parts: str
    ) -> None:
        """mailrunner.toml; `parts` are lines at its head (`project`), of the `account`, or for its `server`.

        The server is one without TLS on a port of loopback, unless `server` says which.
        """
        self.put(
            "mailrunner.toml",
            PROJECT.format(
                project=parts.get("project", ""),
                server=parts.get("server", SERVER.format(port=port)),
                limits=limits,
                connections=connections,
                account=parts.get("account", ""),
            ),
        )

    def add_campaign(self, name: str, *, rows: Iterable[str], list_name: str = "Club news") -> None:
        """A campaign to a list of its own."""
        self.write_campaign(name, csv=f"{name}.csv", list_name=list_name)
        self.put(f"data/{name}.csv", "\n".join(("email,name", *rows, "")))

    def write_campaign(self, name: str, *, csv: str, list_name: str = "Club news", **parts: str) -> None:
        """A campaign's file and its template; `parts` are lines of the tables of their names."""
        tables = {key: parts.get(key, "") for key in ("head", "message", "recipients", "send")}
        self.put(f"campaigns/{name}.toml", CAMPAIGN.format(list_name=list_name, csv=csv, **tables))
        self.put("templates/letter.html", parts.get("letter", LETTER))

    def put(self, path: str, content: str | bytes) -> Path:
        """Write one file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def put_all(self, files: Mapping[str, str | bytes]) -> Project:
        """Write files, each by its path."""
        for path, content in files.items():
            self.put(path, content)
        return self

    def texts(self) -> dict[str, bytes]:
        """Every file, by its path."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def mailrunner(self, *words: str) -> Answer:
        """Run a command on this project in this process, where no user can answer a question."""
        from mailrunner.cli import commands

        result = CliRunner().invoke(commands(), [*words, "--project", str(self.folder)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)


def process(*words: str, folder: Path) -> Answer:
    """Run a command in a process of its own, in `folder`."""
    given = [sys.executable, "-m", "mailrunner", *words]
    done = subprocess.run(
        given, cwd=folder, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


class Terminal:
    """A command that runs at a terminal, with all that it shows there."""

    def __init__(self, screen: int, process: subprocess.Popen[bytes]) -> None:
        self._screen, self._process, self.shown = screen, process, b""

    def wait_for(self, pattern: str) -> str:
        """Read until the pattern is on the screen; its first group."""
        while not (found := re.search(pattern.encode(), self.shown)):
            assert self._read(), self.shown.decode()
        return found[1].decode()

    def interrupt(self) -> int:
        """Press Ctrl-C and wait for the end; the exit code."""
        self._process.send_signal(signal.SIGINT)
        while self._read():
            pass
        return self._process.wait()

    def _read(self) -> bool:
        try:
            block = os.read(self._screen, 65536)
        except OSError:  # Linux says so when the other side is closed
            block = b""
        self.shown += block
        return bool(block)


@contextmanager
def at_a_terminal(*words: str, folder: Path) -> Iterator[Terminal]:
    """Run a command at a terminal; it is killed if it runs at the end of the block."""
    import pty

    ours, theirs = pty.openpty()
    given = [sys.executable, "-m", "mailrunner", *words]
    try:
        with subprocess.Popen(given, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as child:
            os.close(theirs)
            try:
                yield Terminal(ours, child)
            finally:
                child.kill()
    finally:
        os.close(ours)


def on_terminal(*words: str, folder: Path, typed: str) -> Answer:
    """Run a command at a terminal at which a user types; what it shows there is in `stderr`."""
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
