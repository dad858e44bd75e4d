"""`mailrunner preview --serve`, as a process of its own: where it listens, how it is entered, how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO

import pytest

from tests.support.commands import said
from tests.support.patience import PATIENCE
from tests.support.projects import Project
from tests.support.web_clicks import ask


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = Project(tmp_path)
    made.write_account()
    made.write_campaign("spring", csv="list.csv")
    made.put("data/list.csv", "email,name\nana@example.org,Ana\n")
    return made.folder


def preview(project: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "mailrunner", "preview", "spring", *words, "--project", str(project)]


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def test_it_serves_until_ctrl_c_and_its_link_stands_in_a_private_file_alone(project: Path) -> None:
    with subprocess.Popen(
        preview(project, "--serve"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        file = Path(first_line(running.stdout))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found = re.search(r'url=(http://127\.0\.0\.1:\d+/enter\?t=([\w-]+))"', file.read_text("utf-8"))
        assert found is not None
        with urllib.request.urlopen(found[1]) as page:  # noqa: S310 - of loopback
            assert page.status == 200
        running.send_signal(signal.SIGINT)
        rest, err = running.communicate()
    assert running.returncode == 0
    assert found[2] not in rest + err and "Stopped." in err
    assert not file.exists()


def test_it_ends_at_once_with_streams_open(project: Path) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    with subprocess.Popen(
        preview(project, "--serve"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        link = Path(first_line(running.stdout)).read_text("utf-8").partition("url=http://127.0.0.1:")[2]
        port, token = int(link.partition("/")[0]), link.partition("t=")[2].partition('"')[0]
        cookie = ask(port, "POST", "/enter", f"t={token}".encode(), form).headers["set-cookie"]
        streams = [http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(5)]
        for stream in streams:
            stream.request("GET", "/stream?seen=1", headers={"Cookie": cookie.partition(";")[0]})
        answers = [stream.getresponse() for stream in streams]
        assert {answer.readline() for answer in answers} == {b"retry: 1000\n"}
        running.send_signal(signal.SIGINT)
        for answer in answers:
            answer.read()  # to its end in order: one that is cut off after 20 seconds is an IncompleteRead
        told = running.communicate()[1]
    assert running.returncode == 0 and "Stopped." in told and "Traceback" not in told
    for stream in streams:
        stream.close()


def test_without_a_terminal_open_writes_the_page_and_serves_nothing(project: Path) -> None:
    done = subprocess.run(
        preview(project, "--open"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "BROWSER": "true"},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{project / 'previews/spring/index.html'}\n")


@pytest.mark.parametrize("words", [("--count", "2"), ("--to", "ana@example.org"), ("--out", "x")])
def test_options_of_the_written_page_are_refused_when_served(project: Path, words: tuple[str, str]) -> None:
    code, text = said(project, "preview", "spring", "--serve", *words)
    assert code == 78
    assert "--serve shows the whole list" in text and "leave out --count" in text
