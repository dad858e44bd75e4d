"""`mailrunner doctor` as a command: exit codes, JSON, and that it ends with name servers dead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailrunner.sending.doctor import dns_lookup, examination
from tests.support.dns_server import DnsServer
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

ZONE = {
    ("example.org", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"'],
    ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=none; rua=mailto:a@example.org"'],
    ("example.org", "MX"): ["10 mx.example.org."],
}


@pytest.fixture(autouse=True)
def _without_time_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a web server that is not ours."""
    monkeypatch.setattr(examination, "_TIME_SERVERS", ())
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
        assert "not met: unsubscribing with one click" in answer.stdout
        dns.zone["example.org", "MX"] = ["0 ."]
        assert written(tmp_path, smtp.port).mailrunner("doctor").code == 78


def test_programs_get_every_finding_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as smtp, DnsServer(ZONE) as dns:
        dns.use(monkeypatch)
        answer = written(tmp_path, smtp.port).mailrunner("doctor", "--json")
    [account] = json.loads(answer.stdout)["accounts"]
    assert (account["name"], account["worst"]) == ("relay", "warning")
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


def test_an_account_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert written(tmp_path, 2525).mailrunner("doctor", "relais").code == 78
