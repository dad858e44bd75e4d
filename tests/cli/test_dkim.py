"""`mailrunner dkim`, and a campaign that is signed."""

from __future__ import annotations

import stat
from pathlib import Path

import dkim
import pytest

from mailrunner.rendering.dkim import dns_strings, load_key
from mailrunner.sending.doctor import dns_lookup
from tests.support.dns_server import DnsServer
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

TABLE = '[accounts.relay.dkim]\ndomain = "example.org"\nselector = "one"\nkey_file = "dkim-one.pem"\n'
SECOND = 'second_selector = "two"\nsecond_key_file = "dkim-two.pem"\n'


def prepared(folder: Path, port: int = 2525, *, table: str = TABLE) -> Project:
    project = Project(folder).write(rows=["bob@example.org,Bob"], port=port)
    assert project.mailrunner("dkim", "new", "example.org", "--selector", "one").code == 0
    assert project.mailrunner("dkim", "new", "example.org", "--selector", "two", "--ed25519").code == 0
    project.write_account(port=port, account=table)
    return project


def test_a_new_key_is_private_printed_for_dns_and_never_overwritten(tmp_path: Path) -> None:
    project = Project(tmp_path).write()
    answer = project.mailrunner("dkim", "new", "Example.ORG.", "--selector", "one")
    file = tmp_path / "dkim-one.pem"
    record = load_key("example.org", "one", file).record()
    assert record in answer.stdout
    assert f'"{dns_strings(record)[1]}"' in answer.stdout
    assert 'selector = "one"' in answer.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in answer.stdout + answer.stderr
    before = file.read_bytes()
    assert project.mailrunner("dkim", "new", "example.org", "--selector", "one").code == 78
    assert file.read_bytes() == before


@pytest.mark.parametrize("words", [("example",), ("../x.org",), ("example.org", "--selector", "../../etc")])
def test_what_is_no_domain_or_selector_makes_no_file(words: tuple[str, ...], tmp_path: Path) -> None:
    project = Project(tmp_path).write()
    before = project.texts()
    assert project.mailrunner("dkim", "new", *words).code == 78
    assert project.texts() == before


def test_every_message_of_a_campaign_is_signed_with_each_key(tmp_path: Path) -> None:
    with SmtpServer() as server:
        project = prepared(tmp_path, server.port, table=TABLE + SECOND)
        assert project.mailrunner("run", "spring", "--yes").code == 0
        project.mailrunner("send-test", "spring", "--to", "ana@example.org")
        zone = {
            f"{name}._domainkey.example.org.".encode(): load_key(
                "example.org", name, tmp_path / f"dkim-{name}.pem"
            )
            .record()
            .encode()
            for name in ("one", "two")
        }
        assert len(server.accepted) == 2
        for message in server.accepted:
            judge = dkim.DKIM(message.data)
            assert [judge.verify(n, dnsfunc=lambda name, timeout=5: zone[name]) for n in (0, 1)] == [
                True,
                True,
            ]


def test_check_compares_with_dns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_lookup, "_PER_QUESTION", 0.2)
    project = prepared(tmp_path)
    record = load_key("example.org", "one", tmp_path / "dkim-one.pem").record()
    assert record in project.mailrunner("dkim", "show").stdout
    planted = " ".join(f'"{string}"' for string in dns_strings(record))
    name = ("one._domainkey.example.org", "TXT")
    for values, code, words in (
        ([planted], 0, "our key"),
        (['"v=DKIM1; p=AAAA"'], 78, "another key"),
        ([], 78, "no record"),
        ([planted, '"v=DKIM1; p=AAAA"'], 78, "more than one"),
    ):
        with DnsServer({name: values}) as server:
            server.use(monkeypatch)
            answer = project.mailrunner("dkim", "check")
            assert (answer.code, words in answer.stdout) == (code, True), answer.stdout
    with DnsServer(dead=True) as server:
        server.use(monkeypatch)
        assert project.mailrunner("dkim", "check").code == 75


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE.replace("dkim-one", "gone"), "there is no file"),
        (TABLE + 'second_selector = "two"\n', "second_key_file"),
        (TABLE + SECOND.replace('"two"', '"one"', 1), "first one's"),
        (TABLE.replace("example.org", "x/y"), "is no domain"),
    ],
)
def test_a_table_with_a_fault_is_refused(table: str, words: str, tmp_path: Path) -> None:
    answer = prepared(tmp_path, table=table).mailrunner("check", "spring")
    assert (answer.code, words in answer.stderr) == (78, True), answer.stderr


def test_a_provider_that_signs_itself_is_not_signed_for(tmp_path: Path) -> None:
    project = prepared(tmp_path)
    file = tmp_path / "mailrunner.toml"
    provider = 'provider = "gmail"\nuser = "a@gmail.com"\npassword = "x"'
    file.write_text(file.read_text().replace('provider = "smtp"', provider))
    answer = project.mailrunner("check", "spring")
    assert (answer.code, "signs messages itself" in answer.stderr) == (78, True)
