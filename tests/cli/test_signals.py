"""Ctrl-C and its like at any moment of any command: 130, a sentence, one JSON object, all recorded."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mailrunner.clock import nap
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import answered
from tests.support.interrupts import ENVIRON, handles_signals, holding, started
from tests.support.patience import PATIENCE
from tests.support.projects import Project, on_unix
from tests.support.smtp_server import Rule, SmtpServer, delay

pytestmark = on_unix

EVERY_SIGNAL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
COUNTS = {"queued": 0, "in_flight": 0, "sent": 0, "failed": 0, "in_doubt": 0, "suppressed": 0, "skipped": 0}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A campaign to three recipients, one of which the ledger has as sent."""
    made = Project(tmp_path)
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3))
        assert answered(tmp_path, "run", "spring", "--limit", "1")[1]["sent_now"] == 1
    made.put("left.csv", "email\nleft@example.org\n")
    return made


# -- While modules are imported: before a command begins, and in it

WHERE = [
    (("run", "spring"), "typer"),
    (("run", "spring"), "mailrunner.cli.failures"),
    (("run", "spring"), "mailrunner.config.project"),
    (("run", "spring"), "jinja2"),
    (("run", "spring"), "sqlalchemy.engine"),
    (("run", "spring"), "mailrunner.sending.loop"),
    (("resume",), "mailrunner.store"),
    (("check", "spring"), "mailrunner.sending.preflight"),
    (("status", "spring"), "sqlalchemy"),
    (("quota",), "sqlalchemy"),
    (("inbox",), "mailrunner.config.project"),
    (("suppress", "list"), "sqlalchemy"),
]


@pytest.mark.parametrize(
    ("words", "module", "number"),
    [(*where, EVERY_SIGNAL[place % len(EVERY_SIGNAL)]) for place, where in enumerate(WHERE)],
    ids=[f"{w[0]} {m}" for w, m in WHERE],
)
def test_a_signal_in_an_import_is_130_with_one_json_object(
    project: Project, words: tuple[str, ...], module: str, number: int
) -> None:
    with holding(project.folder, *words, "--json", at=module) as held:
        held.send(number)
        held.go_on()
        code, out, err = held.end()
    assert code == 130, err
    assert "mailrunner: interrupted" in err
    answer = json.loads(out)
    if "campaign" in answer:
        assert answer["counts"] == {**COUNTS, "sent": 1, "queued": 2}
        assert (answer["total"], answer["sent_now"], answer["reason"]) == (3, 0, "interrupted")


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("report", "spring"), "sqlalchemy"),
        (("suppress", "import", "left.csv", "--yes"), "mailrunner.suppression.import_file"),
        (("serve", "--port", "0"), "uvicorn"),
        (("init", "new"), "mailrunner.cli.init"),
        (("preview", "spring"), "mailrunner.sending.message_factory"),
        (("pause", "spring"), "sqlalchemy"),
        (("demo", "play"), "mailrunner.web.catcher.smtp"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else words,
)
def test_a_signal_in_an_import_of_a_command_without_json_is_130_and_leaves_all_as_it_was(
    project: Project, words: tuple[str, ...], module: str
) -> None:
    before = suppressed(project)
    with holding(project.folder, *words, at=module) as held:
        held.send(signal.SIGINT)
        held.go_on()
        code, _, err = held.end()
    assert code == 130, err
    assert "mailrunner: interrupted" in err
    assert not (project.folder / "new").exists()
    assert suppressed(project) == before
    assert answered(project.folder, "status", "spring")[1]["campaigns"][0]["state"] == "waiting"


def suppressed(project: Project) -> list[dict[str, Any]]:
    return list(answered(project.folder, "suppress", "list")[1]["entries"])


# -- While a command waits


@pytest.mark.parametrize("words", [("run", "autumn", "--json"), ("check", "autumn", "--json")])
def test_a_signal_while_a_list_does_not_come_is_130(project: Project, words: tuple[str, ...]) -> None:
    """The database that holds the list takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://ana@127.0.0.1:{silent.getsockname()[1]}/people"
        project.write_campaign("autumn", csv="spring.csv")
        file = project.folder / "campaigns/autumn.toml"
        query = f'sql = "SELECT * FROM people"\ndatabase = "{url}"'
        file.write_text(file.read_text().replace('csv = "data/spring.csv"', query))
        with started(project.folder, *words) as process:
            client, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
            client.close()
    assert (process.returncode, "Traceback" in err) == (130, False), err
    answer = json.loads(out)
    assert (answer["campaign"], answer["state"], answer["counts"]) == ("autumn", "new", COUNTS)


def test_a_signal_while_connections_are_opened_waits_for_none_of_them(tmp_path: Path) -> None:
    """The server takes connections and sends no greeting; the log tells what was waited for."""
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("connect", delay(go_on, reached))]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(20), connections=4)
        with started(tmp_path, "run", "spring", "--json", "--log-json", "log") as process:
            assert reached.wait(PATIENCE)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        go_on.set()
    assert (process.returncode, "Traceback" in err) == (130, False), err
    answer = json.loads(out)
    assert answer["counts"] == {**COUNTS, "queued": 20}
    assert (answer["state"], answer["reason"], answer["sent_now"]) == ("waiting", "interrupted", 0)
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert "run_ended" in events and "no_connection" not in events


def test_a_signal_while_a_mailbox_does_not_answer_is_130(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        imap = f'imap = {{ host = "127.0.0.1", port = {port}, user = "a", password = "b", tls = "none" }}'
        project.write_account(port=25, limits="", account=imap)
        with started(project.folder, "inbox", "--json") as process:
            client, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
            client.close()
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert json.loads(out) == {"mailboxes": [], "reason": "interrupted", "problems": []}


def test_a_signal_at_the_question_is_130_and_nothing_was_sent(tmp_path: Path) -> None:
    import pty

    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3))
        ours, theirs = pty.openpty()
        given = [sys.executable, "-m", "mailrunner", "run", "spring"]
        with subprocess.Popen(given, cwd=tmp_path, env=ENVIRON, stdin=theirs, stderr=theirs) as process:
            shown = b""
            while b"Send it?" not in shown:
                shown += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
            shown = os.read(ours, 4096)
        os.close(theirs)
        os.close(ours)
        assert process.returncode == 130
        assert b"interrupted" in shown and b"Traceback" not in shown
        assert not server.accepted


# -- While messages are in flight


@pytest.mark.parametrize("number", EVERY_SIGNAL)
def test_the_second_signal_leaves_at_once_with_the_json_object(tmp_path: Path, number: int) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=3, do=delay(go_on, reached))]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(20))
        with started(tmp_path, "run", "spring", "--json") as process:
            assert reached.wait(PATIENCE)
            process.send_signal(number)
            assert process.stderr is not None
            assert any("finishing the messages in flight" in line for line in process.stderr)
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
        go_on.set()
    assert process.returncode == 130
    assert "stopped immediately; the messages in flight are now in doubt" in err
    answer = json.loads(out)
    assert (answer["sent_now"], answer["counts"]["sent"], answer["state"]) == (2, 2, "waiting")
    assert answer["counts"]["queued"] + answer["counts"]["in_flight"] == 18
    assert answer["counts"]["in_flight"] >= 1


def test_a_signal_that_the_parent_ignores_is_ignored(tmp_path: Path) -> None:
    """`nohup mailrunner run` goes on when its terminal is closed."""
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=2, do=delay(go_on, reached))]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(4))
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = started(tmp_path, "run", "spring", "--json")
        finally:
            signal.signal(signal.SIGHUP, before)
        with process:
            assert reached.wait(PATIENCE)
            process.send_signal(signal.SIGHUP)
            go_on.set()
            out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(out)["counts"] == {**COUNTS, "sent": 4}


# -- Where the exception is lost

LOST = {
    "dropped by a library": """
try:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()
except KeyboardInterrupt:
    print("lost", flush=True)
threading.Event().wait()
""",
    "dropped by Python": """
class Last:
    def __del__(self):
        print("lost")
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait()
Last()
threading.Event().wait()
""",
    "turned into another": """
try:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()
except KeyboardInterrupt:
    print("lost", flush=True)
    raise OSError("the library's own words") from None
""",
}


@pytest.mark.parametrize("how", LOST)
def test_a_signal_that_got_lost_ends_the_command_all_the_same(how: str) -> None:
    code = (
        "import os, signal, sys, threading\n"
        "from mailrunner.cli.signals import SIGNALS\n"
        "SIGNALS.take()\n"
        "from mailrunner.cli.context import CommandContext\n"
        "from mailrunner.cli.failures import run_command\n"
        "def command(context, as_json):\n"
        + "".join(f"    {line}\n" for line in LOST[how].splitlines())
        + 'sys.exit(run_command(CommandContext(), "quota", command, {"as_json": True}))\n'
    )
    given = [sys.executable, "-u", "-c", code]
    done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr
    lost, _, answer = done.stdout.partition("\n")
    assert lost == "lost"
    assert json.loads(answer) == {"accounts": [], "reason": "interrupted", "problems": []}


def test_a_further_signal_cuts_the_last_words_short() -> None:
    """They stand before a pipe that is never read."""
    code = (
        "import threading\n"
        "from mailrunner.cli import signals\n"
        f"signals._FAREWELL = {2 * PATIENCE}\n"
        "signals.SIGNALS.take()\n"
        "signals.SIGNALS.answer = lambda: (print('answering', flush=True), threading.Event().wait())\n"
        "with signals.SIGNALS.raising():\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        threading.Event().wait()\n"
        "    except KeyboardInterrupt:\n"
        "        threading.Event().wait()\n"
    )
    given = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(given, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "answering\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


# -- At any moment


@pytest.mark.slow
@pytest.mark.parametrize("words", [("run", "spring"), ("resume",), ("check", "spring"), ("status",)])
def test_a_signal_at_any_moment(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A hundred random moments; those before the signals are taken are Python's own and do not count."""
    random, codes = Random(9), Counter[int]()
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(2_000), connections=2)
        assert answered(tmp_path, "run", "spring", "--limit", "1")[0] == 75
        while codes.total() < 100:
            with started(tmp_path, *words, "--json") as process:
                while process.poll() is None and not handles_signals(process):
                    nap(0.001)
                threading.Event().wait(random.uniform(0, 1.5))
                process.send_signal(random.choice(EVERY_SIGNAL))
                out, err = process.communicate(timeout=PATIENCE)
            assert "Traceback" not in err, err
            assert isinstance(json.loads(out), dict)
            codes[process.returncode] += 1
        assert codes.keys() <= {0, 75, 130}, codes
        assert codes[130] >= 10, codes
        assert set(mailing.copies().values()) == {1}
        counts = answered(tmp_path, "status", "spring")[1]["campaigns"][0]["counts"]
        assert (counts["sent"], counts["in_doubt"]) == (len(server.accepted), 0)
