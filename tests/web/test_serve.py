"""`mailrunner serve` as a process of its own: started, stopped, killed, with a campaign beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import SMTP
from http.client import HTTPException
from pathlib import Path

import pytest
from sqlalchemy import update

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.clock import SystemClock
from mailrunner.model.delivery import Counts
from mailrunner.model.outcome import OutcomeKind as Outcome
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.run import Callbacks
from mailrunner.sending.test_send import SendTest
from mailrunner.store import Ledger
from mailrunner.store.schema import deliveries as ledger_deliveries
from tests.data.provider_events import LOGIN, NOW, Poster
from tests.support.campaigns import CampaignInProcess, people
from tests.support.patience import PATIENCE
from tests.support.projects import Project, process
from tests.support.smtp_server import SmtpServer
from tests.support.web_clicks import ONE_CLICK, Served, ask, deliveries, mailed

ENVIRON = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
BASE = '[unsubscribe]\nbase_url = "https://news.example.org/list"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path).write()
    made.put("mailrunner.toml", BASE + (tmp_path / "mailrunner.toml").read_text())
    return made


@pytest.fixture
def ledger(project: Project) -> Iterator[Ledger]:
    """The project's own ledger."""
    url = f"sqlite:///{project.folder}/data/mailrunner.db"
    with Ledger.open(folder=project.folder, url=url, clock=SystemClock()) as opened:
        yield opened


@dataclass
class Serving:
    """A running `mailrunner serve`; `lines` is what it wrote to stderr."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read_until(self, sign: str) -> str:
        """Read what it says up to the line with `sign`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if sign in line:
                return line
        raise AssertionError("".join(self.lines))

    @property
    def port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", "".join(self.lines))
        assert found is not None
        return int(found[1])

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and what was said at the end."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@contextmanager
def serving(project: Project, *words: str) -> Iterator[Serving]:
    given = [sys.executable, "-m", "mailrunner", "serve", "--port", "0", *words]
    with subprocess.Popen(given, cwd=project.folder, env=ENVIRON, text=True, stderr=subprocess.PIPE) as child:
        running = Serving(child)
        try:
            running.read_until("Listening on")
            yield running
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_in_order(project: Project, number: int) -> None:
    with serving(project) as server:
        assert ask(server.port, "GET", "/health").status == 200
        code, said = server.end(number)
        assert code == 0
        assert "every click that was answered is recorded" in said
        assert "GET /health 200" in said


def test_a_complaint_that_a_provider_posts_is_told_to_the_hooks(project: Project, ledger: Ledger) -> None:
    (number,) = deliveries(ledger, mailed(ledger, ["ana@example.org"]))
    with ledger.database.write() as connection:
        known = {"provider_id": "883953f4-6105-42a2-a16a-77a8eac79483", "last_attempt_at": NOW}
        connection.execute(update(ledger_deliveries).values(state="sent", **known))  # as Postmark has it
    script = "import pathlib, sys; pathlib.Path('told').write_text(sys.stdin.read())"
    hook = f'on_event = \'"{sys.executable}" "{project.put("hook.py", script)}"\'\n'
    settings = (project.folder / "mailrunner.toml").read_text()
    project.put("mailrunner.toml", f'{hook}{settings}[events.postmark]\nsecret = "{LOGIN}"\n')
    signer = TokenSigner(ledger.signing_keys(None))
    with serving(project) as server:
        headers, body = Poster(signer=signer, number=number).request("postmark_complaint")
        assert ask(server.port, "POST", "/events/postmark", body, headers).status == 200
        code, said = server.end(signal.SIGTERM)
    assert code == 0, said
    told = json.loads((project.folder / "told").read_text())
    assert (told["event"], told["campaign"]) == ("complaint_rate", "spring")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_click_that_was_answered_is_lost_when_it_ends_under_load(
    project: Project, ledger: Ledger, number: int
) -> None:
    ids = deliveries(ledger, mailed(ledger, [f"p{n}@example.org" for n in range(1_000)]))
    signer = TokenSigner(ledger.signing_keys(None))
    answered: list[int] = []
    enough = threading.Event()

    def click(delivery: int) -> None:
        try:
            reply = ask(server.port, "POST", f"/u/{signer.token(UNSUBSCRIBE, delivery)}", ONE_CLICK)
        except (OSError, HTTPException):
            return
        if reply.status == 200:
            answered.append(delivery)
            if len(answered) > 150:
                enough.set()

    with serving(project) as server:
        assert server.process.stderr is not None
        threading.Thread(target=server.process.stderr.read, daemon=True).start()
        with ThreadPoolExecutor(16) as crowd:
            for delivery in ids:
                crowd.submit(click, delivery)
            assert enough.wait(PATIENCE)
            server.process.send_signal(number)
            crowd.shutdown(cancel_futures=True)
        server.process.wait(PATIENCE)
    keys = [f"p{ids.index(delivery)}@example.org" for delivery in answered]
    assert len(ledger.suppressions.matching(keys)) == len(keys) > 150


def test_a_ledger_that_is_replaced_is_noticed_and_no_click_is_answered_200(
    project: Project, ledger: Ledger
) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, ["ana@example.org"]))
    token = TokenSigner(ledger.signing_keys(None)).token(UNSUBSCRIBE, ana)
    with serving(project) as server:
        server.read_until("subscribers reach it at https://news.example.org/list/u/")
        file = project.folder / "data" / "mailrunner.db"
        file.rename(file.with_name("away.db"))
        click = ask(server.port, "POST", f"/u/{token}", ONE_CLICK)
        assert (click.status, click.headers["retry-after"]) == (503, "120")
        assert "try again" in click.text
        assert ask(server.port, "GET", "/health").status == 503
        assert ask(server.port, "GET", f"/u/{token}").status == 503  # nor is shown what stood in the other
        file.write_bytes(b"")
        assert ask(server.port, "POST", f"/u/{token}", ONE_CLICK).status == 503
        _, said = server.end(signal.SIGTERM)
        assert "is no longer the file that was opened" in said and token not in said


def test_the_event_log_has_groups_and_sums_and_no_subscriber(project: Project, ledger: Ledger) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, ["ana@example.org"]))
    token = TokenSigner(ledger.signing_keys(None)).token(UNSUBSCRIBE, ana)
    with serving(project, "--log-json", "events.jsonl") as server:
        for _ in range(2):
            assert ask(server.port, "POST", f"/u/{token}", ONE_CLICK).status == 200
        assert ask(server.port, "GET", "/u/forged").status == 404
        assert server.end(signal.SIGTERM)[0] == 0
    text = (project.folder / "events.jsonl").read_text("utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events] == [
        *("serving", "taken_in", "taken_in", "requests", "serving_ended"),
    ]
    assert [event["effects"] for event in events[1:3]] == [{"recorded": 1}, {"repeated": 1}]
    assert events[3]["answers"] == {"POST /u/… 200": 2, "GET /u/… 404": 1}
    assert token not in text and "ana@" not in text


def test_the_link_of_a_test_message_says_so_and_unsubscribes_no_address(tmp_path: Path) -> None:
    base = '[unsubscribe]\nbase_url = "http://127.0.0.1"'
    with SmtpServer() as smtp:
        mailing = CampaignInProcess(tmp_path, smtp).write(csv=people(1), project=base)
        job = PreparedCampaign.prepare(*load_campaign(tmp_path, "spring", {}))
        with mailing.ledger() as ledger, Served(ledger) as site:
            for _ in range(2):
                trial = SendTest(job, ledger, row=None)
                assert trial.send("ana@example.net").kind is Outcome.SENT
            first, second = (message_from_bytes(message.data, policy=SMTP) for message in smtp.accepted)
            assert first["Message-ID"] != second["Message-ID"]
            path = re.findall(r"<http://127.0.0.1(/u/\w+)>", first["List-Unsubscribe"])[0]
            page = site.get(path)
            assert page.status == 200 and "This was a test message" in page.text
            assert site.post(path, ONE_CLICK).status == 200
            assert ledger.suppressions.count() == 0


def test_a_click_stops_the_message_of_a_campaign_that_runs(tmp_path: Path) -> None:
    with SmtpServer() as smtp:
        mailing = CampaignInProcess(tmp_path, smtp).write(csv=people(12))
        mailing.run(limit=1)
        clicked: list[int] = []
        with mailing.ledger() as ledger, Served(ledger) as site:
            spring = ledger.campaigns.find("spring")
            assert spring is not None
            token = site.token(deliveries(ledger, spring)[-1])

            def leave(step: str) -> None:
                if step == "recorded" and not clicked:
                    clicked.append(site.click(token).status)

            result = mailing.run(callbacks=Callbacks(on_step=leave))
        assert result.counts == Counts(sent=11, suppressed=1)
        assert "person11@example.org" not in mailing.copies()
        assert clicked == [200]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_a_proxy_reaches_it_by_a_socket_file_also_after_a_kill(project: Project) -> None:
    place = project.folder / "s"
    with serving(project, "--unix", str(place), "--forwarded-allow", "*") as server:
        server.end(signal.SIGKILL)
    assert place.is_socket()
    with serving(project, "--unix", str(place), "--forwarded-allow", "*") as server:
        with socket.socket(socket.AF_UNIX) as proxy:
            proxy.connect(str(place))
            proxy.sendall(
                b"GET /health HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
            )
            with proxy.makefile("rb") as answer:
                assert b"strict-transport-security" in answer.read()
        second = process("serve", "--unix", str(place), folder=project.folder)
        assert (second.code, "--unix: cannot listen on" in second.stderr) == (78, True)
        assert server.end(signal.SIGTERM)[0] == 0
    assert not place.exists()


def test_what_keeps_clicks_from_arriving_is_said_at_the_start(project: Project) -> None:
    file = project.folder / "mailrunner.toml"
    file.write_text(file.read_text().replace(BASE, ""))
    with serving(project, "--host", "0.0.0.0") as server:  # noqa: S104
        server.read_until("set base_url under [unsubscribe]")
        server.read_until("put a proxy with https in front of it")
    file.write_text(BASE.replace("https://news.example.org", "http://localhost:8025") + file.read_text())
    with serving(project) as server:
        server.read_until("is not https")


def test_a_taken_port_and_a_misspelt_proxy_are_the_set_ups_fault(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = process("serve", "--port", port, folder=project.folder)
        assert answer.code == 78
        assert f"cannot listen on 127.0.0.1:{port}" in answer.stderr and "Traceback" not in answer.stderr
    answer = process("serve", "--forwarded-allow", "10.0.0.0/8,proxy", folder=project.folder)
    assert (answer.code, "--forwarded-allow: 'proxy'" in answer.stderr) == (78, True)


def test_without_the_extra_it_says_what_to_install(project: Project, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "uvicorn.py"
    absent.parent.mkdir()
    absent.write_text('raise ModuleNotFoundError("No module named \'uvicorn\'", name="uvicorn")\n')
    done = subprocess.run(
        [sys.executable, "-m", "mailrunner", "serve"],
        cwd=project.folder,
        env={**ENVIRON, "PYTHONPATH": str(absent.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 78
    assert 'pip install "mailrunner[web]"' in done.stderr and "Traceback" not in done.stderr
