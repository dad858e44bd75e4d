"""`mailrunner dashboard` as a process of its own: its link, its end, what is refused before it listens."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.dashboards import PASSWORD
from tests.support.patience import PATIENCE
from tests.support.projects import Project, on_unix, process
from tests.support.web_clicks import ask


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).write(rows=["ana@example.org,Ana"])


@contextmanager
def dashboard(project: Project, *words: str) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """The process, its port, and the lines it has said so far."""
    given = [sys.executable, "-m", "mailrunner", "dashboard", "--port", "0", *words]
    running = subprocess.Popen(given, cwd=project.folder, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        lines = []
        for line in running.stderr:
            lines.append(line)
            if found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", "".join(lines)):
                break
        else:
            raise AssertionError("".join(lines))
        yield running, int(found[1]), lines
    finally:
        running.kill()
        running.wait()
        if running.stderr is not None:
            running.stderr.close()


def await_listening(project: Project) -> str:
    """A link into the dashboard that runs."""
    answer = process("dashboard", "--link", folder=project.folder)
    assert answer.code == 0, answer.stderr
    return answer.stdout.strip()


@on_unix
def test_a_link_is_made_by_another_process_and_no_list_or_log_shows_it(project: Project) -> None:
    with dashboard(project, "--log-json", "log.jsonl") as (running, port, _):
        link = await_listening(project)
        assert link.startswith(f"http://127.0.0.1:{port}/enter?t=")
        token = link.partition("t=")[2]
        form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        entered = ask(port, "POST", "/enter", f"t={token}".encode(), form)
        assert entered.status == 303
        assert ask(port, "POST", "/enter", f"t={token}".encode(), form).status == 403
        cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
        assert "No campaign was begun yet" in ask(port, "GET", "/", headers=cookie).text
        assert token not in Path(f"/proc/{running.pid}/cmdline").read_text()
        running.send_signal(signal.SIGTERM)
        said = running.communicate()[1]
        assert running.returncode == 0, said
        assert token not in said and token not in (project.folder / "log.jsonl").read_text()
    assert process("dashboard", "--link", folder=project.folder).code == 78


@on_unix
def test_it_ends_at_once_with_streams_open(project: Project) -> None:
    with dashboard(project) as (running, port, _):
        token = await_listening(project).partition("t=")[2]
        form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        cookie = ask(port, "POST", "/enter", f"t={token}".encode(), form).headers["set-cookie"]
        streams = [http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(5)]
        for stream in streams:
            stream.request("GET", "/stream?see=", headers={"Cookie": cookie.partition(";")[0]})
        answers = [stream.getresponse() for stream in streams]
        assert {answer.readline() for answer in answers} == {b"retry: 3000\n"}
        running.send_signal(signal.SIGINT)
        for answer in answers:
            answer.read()  # to its end in order: one that is cut off after 20 seconds is an IncompleteRead
        said = running.communicate()[1]
        assert running.returncode == 0 and "Stopped." in said and "Traceback" not in said
        for stream in streams:
            stream.close()


def test_an_open_address_needs_a_way_to_tell_users(project: Project) -> None:
    answer = project.mailrunner("dashboard", "--host", "192.0.2.1")
    assert answer.code == 78 and "nothing would keep them out" in answer.stderr
    with_header = project.mailrunner("dashboard", "--host", "192.0.2.1", "--forwarded-user", "X-User")
    assert with_header.code == 78


@on_unix
def test_the_password_of_the_project_lets_users_in(project: Project) -> None:
    project.write_account(project=f'[dashboard]\npassword = "{PASSWORD}"')
    with dashboard(project, "--host", "127.0.0.1") as (_, port, _lines):
        shown = {"Authorization": f"Bearer {PASSWORD}"}
        assert ask(port, "GET", "/metrics", headers=shown).status == 200
        assert ask(port, "GET", "/metrics").status == 401
