"""Hooks tell a user of what needs one; they are never in the way of sending."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mailrunner import Project
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.sending.hooks import delivery
from mailrunner.sending.hooks.channels import HookError, name_of
from mailrunner.sending.hooks.complaint_watch import ComplaintWatch
from mailrunner.sending.hooks.delivery import Hooks
from mailrunner.sending.hooks.events import HookEvent, HookKind, ToldEvents
from mailrunner.store import Ledger
from tests.support.campaigns import CampaignInProcess, people
from tests.support.clocks import ManualClock
from tests.support.commands import answered, said
from tests.support.patience import PATIENCE
from tests.support.projects import Project as ProjectFiles
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut, reply

SCRIPT = """
import pathlib, sys
with open(pathlib.Path(__file__).with_name("told"), "a") as out:
    out.write(repr(sys.argv[1:]) + chr(9) + sys.stdin.read() + chr(10))
"""


def command(folder: Path, script: str = SCRIPT) -> str:
    file = ProjectFiles(folder).put("tell me.py", script)
    return f'on_event = \'"{sys.executable}" "{file}" "two words; $HOME"\''


def told(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "told").read_text().splitlines() if (folder / "told").exists() else []
    assert {line.partition("\t")[0] for line in lines} <= {"['two words; $HOME']"}
    return [json.loads(line.partition("\t")[2]) for line in lines]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_PAUSES", (0.0, 0.0))


def test_the_end_of_a_campaign_is_told_once(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3), project=command(tmp_path))
        assert answered(tmp_path, "run", "spring", "--limit", "1")[0] == 75
        assert told(tmp_path) == []
        for _ in range(2):
            assert answered(tmp_path, "run", "spring")[0] == 0
    (event,) = told(tmp_path)
    assert (event["event"], event["campaign"], event["text"]) == ("finished", "spring", "spring: finished")
    assert event["status"]["counts"]["sent"] == 3 and event["time"].endswith("Z")


def test_a_stop_is_told_and_not_again_by_every_cron(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("mail", reply(550, "5.7.1 sender blocked"))]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3), project=command(tmp_path))
        assert answered(tmp_path, "run", "spring")[0] == 76
        for _ in range(2):
            assert answered(tmp_path, "run", "spring")[0] == 76
    (event,) = told(tmp_path)
    assert event["event"] == "stopped" and "sender blocked" in event["reason"]


def test_doubt_is_told_while_the_run_goes_on(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("eod", accept_then_cut(), nth=1)]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(4), project=command(tmp_path))
        answered(tmp_path, "run", "spring")
    assert [event["event"] for event in told(tmp_path)][:1] == ["in_doubt"]


def complaint(ledger: Ledger, place: int) -> None:
    """The recipient of this row says that it was spam."""
    record = ledger.campaigns.find("spring")
    assert record is not None
    number = list(ledger.reports.rows(record.no))[place].id
    event = InboundEvent(kind=EventKind.COMPLAINED, source="inbox", delivery=number, fingerprint=str(place))
    ledger.inbound_events.ingest([event])


def test_complaints_are_told_when_providers_would_notice(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3), project=command(tmp_path))
        mailing.run()
        with mailing.ledger() as ledger:
            complaint(ledger, 0)
        for _ in range(2):
            answered(tmp_path, "run", "spring")
    assert [event["event"] for event in told(tmp_path)] == ["complaint_rate"]
    assert "above 0.3 %, 1 recipient complained" in told(tmp_path)[0]["reason"]


def test_a_hook_that_fails_is_said_once_and_changes_nothing(tmp_path: Path) -> None:
    script = "import sys; sys.stdin.read(); print(chr(27) + '[2Jno network', file=sys.stderr); sys.exit(3)"
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2), project=command(tmp_path, script))
        code, printed = said(tmp_path, "run", "spring")
    assert code == 0
    assert printed.count("failed: it ended with 3: ") == 1 and "no network" in printed
    assert chr(27) not in printed and "tell me.py" not in printed.partition("failed")[0].rpartition("hook")[2]


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2), project='on_event = "no-such-command"')
        status = Project(tmp_path).campaign("spring").run()
    assert status.state == "finished"
    assert any("the hook no-such-command failed: No such file" in notice for notice in status.notices)


class _Endpoint(BaseHTTPRequestHandler):
    """Answers 503 at first, then 200; notes what was posted."""

    posted: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append(json.loads(body))
        self.send_response(503 if len(self.posted) == 1 else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    posted: list[dict[str, Any]] = []
    handler = type("Endpoint", (_Endpoint,), {"posted": posted})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret-path", posted
        server.shutdown()
        thread.join()


def test_an_address_is_posted_to_until_it_answers(tmp_path: Path) -> None:
    with SmtpServer() as server, endpoint() as (url, posted):
        CampaignInProcess(tmp_path, server).write(csv=people(2), project=f'on_event = ["{url}"]')
        code, printed = said(tmp_path, "run", "spring")
    assert code == 0 and "secret-path" not in printed
    assert [event["event"] for event in posted] == ["finished", "finished"]
    assert name_of(url) == "127.0.0.1"


def test_a_message_to_oneself_takes_a_slot_of_the_account(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(
            csv=people(2), limits='"100/24h"', project='on_event = "mailto:me@example.org"'
        )
        assert answered(tmp_path, "run", "spring")[0] == 0
        (own,) = [message for message in server.accepted if message.recipient == "me@example.org"]
    assert b"Subject: [mailrunner] spring: finished" in own.data
    assert answered(tmp_path, "quota")[1]["accounts"][0]["limits"][0]["used"] == 3


def test_sending_never_waits_for_a_hook(tmp_path: Path, clock: ManualClock) -> None:
    held, seen = threading.Event(), list[HookKind]()

    def slow(event: HookEvent, _: str) -> None:
        held.wait()
        seen.append(event.kind)
        raise HookError("away")

    sentences: list[str] = []
    hooks = Hooks({"slow": slow}, told=ToldEvents(tmp_path), clock=clock, say=sentences.append)
    for _ in range(200):  # returns at once, and keeps no more than a hundred
        hooks.tell(HookEvent(HookKind.IN_DOUBT, "spring", "1"), again=True)
    held.set()
    hooks.close()
    assert 100 * delivery.TRIES <= len(seen) <= 102 * delivery.TRIES
    assert sorted(sentences) == [
        "the hook on_event failed: too many events wait; some were dropped",
        "the hook slow failed: away",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("http://hooks.example.org", "must begin with https://"),
        ("https://", "is not a web address"),
        ("mailto:me", "me"),
        ("notify 'me", "is no command"),
        (" ", "is empty"),
    ],
)
def test_what_is_no_hook_is_said(tmp_path: Path, value: str, words: str) -> None:
    project = ProjectFiles(tmp_path).write(rows=["ana@example.org,Ana"])
    project.write_account(project=f'on_event = "{value}"')
    code, answer = answered(tmp_path, "status")
    assert code == 78 and answer["problems"][0]["key"].startswith("on_event")
    assert words in json.dumps(answer["problems"])


class _NotedHooks(Hooks):
    looked = threading.Semaphore(0)

    def close(self) -> None:
        super().close()
        self.looked.release()


def test_a_command_that_stays_tells_of_complaints_and_looks_once_more_at_its_end(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(400), project=command(tmp_path))
        mailing.run()

    def hooks() -> Hooks:
        made = Project(tmp_path).hooks(pytest.fail)
        made.__class__ = _NotedHooks
        return made

    with mailing.ledger() as ledger, ComplaintWatch(ledger, hooks, pytest.fail) as watch:
        complaint(ledger, 0)
        watch.complained()
        assert _NotedHooks.looked.acquire(timeout=PATIENCE)
        assert [event["reason"][:9] for event in told(tmp_path)] == ["above 0.1"]
        complaint(ledger, 1)
        watch.complained()  # while it rests
    assert [event["reason"][:9] for event in told(tmp_path)] == ["above 0.1", "above 0.3"]
