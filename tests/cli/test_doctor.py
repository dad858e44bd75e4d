"""`mailrunner doctor` as a command: exit codes, JSON, and that it ends with name servers dead."""

from __future__ import annotations

import json
import re
import threading
import uuid
from importlib import import_module
from pathlib import Path

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.errors import LedgerError
from mailrunner.sending.doctor import dns_lookup, examination
from tests.support.dns_server import DnsServer
from tests.support.imap_server import PASSWORD, ImapServer
from tests.support.patience import PATIENCE
from tests.support.projects import Project
from tests.support.smtp_server import Accepted, SmtpServer

ZONE = {
    ("example.org", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"'],
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=none; rua=mailto:a@example.org"'],
    ("example.org", "MX"): ["10 mx.example.org."],
}


@pytest.fixture(autouse=True)
def _without_time_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a web server that is not ours."""
    monkeypatch.setattr(examination, "_TIME_SERVERS", ())
    monkeypatch.setattr(examination, "_OTHER_SERVERS", ())
    monkeypatch.setattr(dns_lookup, "_PER_QUESTION", 0.2)


def written(folder: Path, port: int) -> Project:
    project = Project(folder)
    return project.write(rows=["bob@example.org,Bob"], port=port)


def test_warnings_are_1_and_faults_are_78(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        answer = written(tmp_path, smtp.port).mailrunner("doctor", "relay")
        assert answer.code == 1, answer.stdout  # no one-click address
        assert "base_url" in answer.stdout
        assert "✓ spf" in answer.stdout
        assert "✗ not met:         unsubscribing with one click (Google, Yahoo)" in answer.stdout
        dns.zone["example.org", "MX"] = ["0 ."]
        assert written(tmp_path, smtp.port).mailrunner("doctor").code == 78


def test_programs_get_every_finding_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        answer = written(tmp_path, smtp.port).mailrunner("doctor", "--json")
    [account] = json.loads(answer.stdout)["accounts"]
    assert (account["name"], account["worst"]) == ("relay", "warning")
    assert {"rule": "an SPF record", "of": ["Google", "Yahoo", "Microsoft"], "answer": "met"} in account[
        "rules"
    ]
    assert {"check", "level", "what", "evidence", "remedy"} == set(account["findings"][0])


@pytest.mark.parametrize("fault", ["dead", "failing"])
def test_dead_name_servers_are_no_fault_of_the_domain(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer() as smtp, DnsServer(dead=fault == "dead", failing=fault == "failing") as dns:
        dns.use(monkeypatch)
        answer = written(tmp_path, smtp.port).mailrunner("doctor")
    assert answer.code == 1
    for check in ("spf", "dmarc", "mx"):
        assert f"? {check}" in answer.stdout


def test_a_ledger_that_cannot_be_used_is_one_more_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        project = written(tmp_path, smtp.port)
        project.put("data/mailrunner.db", "this is no database, and never was one" * 200)
        answer = project.mailrunner("doctor")
    assert answer.code == 78
    assert "✗ ledger" in answer.stdout and "✓ spf" in answer.stdout


def test_a_ledger_that_does_not_answer_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is dead, what the command waits for has an end, which leaves time to print."""
    held = threading.Event()

    def never(*_: object, **__: object) -> None:
        held.wait(PATIENCE)
        raise LedgerError("the ledger is away")

    command = import_module("mailrunner.cli.doctor")  # the package has its function under that name
    assert command._ANSWERS_BY < command._ALL_BY < 10
    monkeypatch.setattr(command, "_ANSWERS_BY", 0.0)
    monkeypatch.setattr(command, "_ALL_BY", 0.0)
    monkeypatch.setattr(CommandContext, "existing_ledger", never)
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        project = written(tmp_path, smtp.port)
        file = project.folder / "mailrunner.toml"
        file.write_text(file.read_text() + '[unsubscribe]\nbase_url = "https://news.example.org"\n')
        answer = project.mailrunner("doctor")
        assert not held.is_set()
        held.set()
    assert "? ledger" in answer.stdout and "did not answer in time" in answer.stdout
    assert "? one-click" in answer.stdout


def test_an_account_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = written(tmp_path, 2525).mailrunner("doctor", "relais", "--json")
    said = json.loads(answer.stdout)
    assert (answer.code, said["accounts"], "relais" in said["reason"]) == (78, [], True)


def test_a_message_to_oneself_is_sent_counted_and_read_back_by_imap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imap_server: ImapServer
) -> None:
    user = f"ana-{uuid.uuid4().hex}@example.org"
    box = imap_server.mailbox(user)
    with SmtpServer(auth=(user, PASSWORD)) as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        project = written(tmp_path, smtp.port)
        imap = f'imap = {{ host = "127.0.0.1", port = {imap_server.port}, tls = "none" }}'
        project.write_account(port=smtp.port, account=f'user = "{user}"\npassword = "{PASSWORD}"\n{imap}')
        keep = smtp.keep

        def delivered(message: Accepted) -> int:
            box.append("INBOX", b"Authentication-Results: mx; dmarc=fail\r\n" + message.data)
            return keep(message)

        monkeypatch.setattr(smtp, "keep", delivered)
        answer = project.mailrunner("doctor", "relay", "--send", user)
        quota = json.loads(project.mailrunner("quota", "--json").stdout)
        again = project.mailrunner("doctor", "relay")
        checked = project.mailrunner("check", "spring")
    assert (answer.code, len(smtp.accepted)) == (78, 1), answer.stdout + answer.stderr
    learned = {fact["fact"]: fact["holds"] for fact in quota["accounts"][0]["learned"]}
    assert learned["message-id"] and not learned["dmarc-result"]
    assert re.search(r"! learned +on \d{4}-\d\d-\d\d: the receiving server says: DMARC fail", again.stdout)
    assert "mailrunner doctor relay --send YOUR_ADDRESS" in " ".join(again.stdout.split())
    assert "the receiving server says: DMARC fail (seen on " in " ".join(checked.stdout.split())
    assert "our Message-ID was kept" in answer.stdout
    assert "the receiving server says: DMARC fail" in answer.stdout
    assert quota["accounts"][0]["limits"][0]["used"] == 1


def test_a_message_elsewhere_is_looked_at_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        project = written(tmp_path, smtp.port)
        sent = project.mailrunner("doctor", "relay", "--send", "me@elsewhere.org")
        assert "--eml FILE" in sent.stdout
        file = project.put("arrived.eml", smtp.accepted[0].data)
        answer = project.mailrunner("doctor", "relay", "--eml", str(file))
        assert "our Message-ID was kept" in answer.stdout
        assert project.mailrunner("doctor", "relay", "--eml", str(tmp_path / "gone.eml")).code == 78
        assert project.mailrunner("doctor", "relay", "--send", "no address").code == 78
        assert len(smtp.accepted) == 1
