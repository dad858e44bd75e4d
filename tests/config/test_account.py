"""Accounts: what follows from a preset, what contradicts what, and which of them are one mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.account import Account
from mailrunner.config.project import load_project
from mailrunner.config.providers import preset_names
from mailrunner.errors import UserError


def account(folder: Path, *lines: str) -> Account:
    (folder / "mailrunner.toml").write_text("\n".join(("[accounts.it]", *lines)), encoding="utf-8")
    return load_project(folder, {}).account("it")


def problems(folder: Path, *lines: str) -> dict[str, str]:
    """The sentences by the key of the account."""
    with pytest.raises(UserError) as caught:
        account(folder, *lines)
    return {p.key.removeprefix("accounts.it."): f"{p.message}: {p.hint}" for p in caught.value.problems}


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_makes_an_account_with_a_user_and_a_password(tmp_path: Path, name: str) -> None:
    lines = [f'provider = "{name}"', 'user = "ana@example.org"', 'password = "x"']
    if name == "smtp":
        lines += ['host = "mail.example.org"', "port = 465"]
    found = account(tmp_path, *lines)
    assert found.preset.name == found.provider == name
    assert found.host
    assert found.tls in ("implicit", "starttls")
    assert found.limits == found.preset.limits


@pytest.mark.parametrize(
    ("lines", "port", "tls"),
    [
        ((), 587, "starttls"),
        (("port = 465",), 465, "implicit"),
        (('tls = "implicit"',), 465, "implicit"),
        (("port = 2525", 'tls = "starttls"'), 2525, "starttls"),
    ],
)
def test_tls_and_port_follow_from_each_other(
    tmp_path: Path, lines: tuple[str, ...], port: int, tls: str
) -> None:
    found = account(tmp_path, 'provider = "gmail"', 'user = "a@gmail.com"', 'password = "x"', *lines)
    assert (found.port, found.tls) == (port, tls)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (("port = 587", 'tls = "implicit"'), "tls"),
        (("port = 465", 'tls = "starttls"'), "tls"),
        (("port = 465", 'tls = "none"'), "tls"),
        (("port = 25",), "tls"),
        (("port = 2525",), "tls"),
        (("port = 25", 'tls = "none"', 'user = "u"', 'password = "x"'), "tls"),
        (("port = 0",), "port"),
        (("port = 70000",), "port"),
        ((), "port"),
        (("port = 587", 'user = "u"'), "password"),
        (("port = 587", 'password = "x"'), "user"),
        (("port = 587", 'password = ""'), "password"),
        (("port = 587", 'ca_file = "none.pem"'), "ca_file"),
        (("port = 587", 'return_path = "bounce@example.org"'), "return_path"),
        (("port = 587", 'return_path = "bounce@{token}.org"'), "return_path"),
        (("port = 587", "imap = { port = 993 }"), "imap.host"),
        (("port = 587", 'imap = { host = "i.example", port = 5, user = "u", password = "x" }'), "imap.tls"),
        (("port = 587", 'limits = ["50/24h"]', "reserve = 50"), "reserve"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, lines: tuple[str, ...], key: str) -> None:
    found = problems(tmp_path, 'provider = "smtp"', 'host = "mail.example.org"', *lines)
    assert list(found) == [key]


@pytest.mark.parametrize("host", ["smtp://mail.example.org", "mail.example.org:587", "mail example", ""])
def test_a_host_is_a_bare_name(tmp_path: Path, host: str) -> None:
    found = problems(tmp_path, 'provider = "smtp"', f'host = "{host}"', "port = 587")
    assert "host" in found


def test_a_loopback_server_may_take_a_password_in_the_clear_or_none_at_all(tmp_path: Path) -> None:
    server = ('provider = "gmail"', 'host = "127.0.0.1"', "port = 2525", 'tls = "none"')
    assert account(tmp_path, *server, 'user = "a@gmail.com"', 'password = "x"').imap is None
    assert account(tmp_path, *server, 'user = "a@gmail.com"').password is None
    assert str(account(tmp_path, *server).limits[0]) == "500/24h"


def test_a_mailbox_provider_wants_a_login(tmp_path: Path) -> None:
    assert list(problems(tmp_path, 'provider = "gmail"')) == ["user"]
    assert list(problems(tmp_path, 'provider = "gmail"', 'user = "a@gmail.com"')) == ["password"]
    assert account(tmp_path, 'provider = "google-relay"').user == ""
    assert account(tmp_path, 'provider = "sendgrid"', 'password = "SG.x"').user == "apikey"


@pytest.mark.parametrize(
    ("user", "name", "limit"),
    [("ana@gmail.com", "gmail", "500/24h"), ("ana@club.example", "google-workspace", "2000/24h")],
)
def test_a_preset_is_recognised_by_its_host(tmp_path: Path, user: str, name: str, limit: str) -> None:
    found = account(
        tmp_path,
        'provider = "smtp"',
        'host = "SMTP.gmail.com"',
        "port = 465",
        f'user = "{user}"',
        'password = "x y"',
    )
    assert (found.provider, found.preset.name, str(found.limits[0])) == ("smtp", name, limit)
    assert found.password is not None
    assert found.password.get_secret_value() == "xy"


def test_a_host_of_another_provider_is_refused(tmp_path: Path) -> None:
    found = problems(
        tmp_path, 'provider = "yahoo"', 'host = "smtp.gmail.com"', 'user = "a@yahoo.com"', 'password = "x"'
    )
    assert 'provider = "gmail"' in found["host"]


def test_a_personal_mailbox_does_not_get_the_cap_of_a_workspace(tmp_path: Path) -> None:
    found = problems(tmp_path, 'provider = "google-workspace"', 'user = "ana@gmail.com"', 'password = "x"')
    assert 'write provider = "gmail"' in found["provider"]


def test_own_limits_replace_those_of_the_same_window(tmp_path: Path) -> None:
    found = account(
        tmp_path,
        *('provider = "gmail"', 'user = "a@gmail.com"', 'password = "x"', 'limits = ["450/24h", "1/s"]'),
    )
    assert [str(limit) for limit in found.limits] == ["450/24h", "1/s"]


def test_blanks_belong_to_passwords_except_where_they_only_group_letters(tmp_path: Path) -> None:
    found = account(
        tmp_path, *('provider = "smtp"', 'host = "m.example"', "port = 465", 'user = "u"', 'password = "a b"')
    )
    assert found.password is not None
    assert found.password.get_secret_value() == "a b"


# Identity


def test_every_spelling_of_one_mailbox_has_one_identity(tmp_path: Path) -> None:
    login = 'password = "x"'
    spellings = [
        account(tmp_path, 'provider = "gmail"', f'user = "{user}"', login)
        for user in ("ana.pop@gmail.com", "Ana.Pop@GMAIL.com", "anapop+x@googlemail.com", "anapop")
    ]
    host = ('provider = "smtp"', 'host = "smtp.GMAIL.com"', "port = 465")
    spellings.append(account(tmp_path, *host, 'user = "ana.pop@gmail.com"', login))
    assert {found.identity for found in spellings} == {"google/anapop@gmail.com"}


def test_gmail_and_workspace_share_their_mailboxes(tmp_path: Path) -> None:
    login = ('user = "A.na@club.example"', 'password = "x"')
    identities = {
        account(tmp_path, f'provider = "{name}"', *login).identity for name in ("gmail", "google-workspace")
    }
    assert identities == {"google/a.na@club.example"}


def test_a_user_of_another_server_is_one_on_all_its_ports(tmp_path: Path) -> None:
    login = ('provider = "smtp"', 'user = "Ana"', 'password = "x"')
    ports = {
        account(tmp_path, *login, 'host = "Mail.example.org"', f"port = {port}").identity
        for port in (465, 587)
    }
    assert ports == {"mail.example.org/ana"}


def test_a_relay_without_a_user_is_its_host_and_port(tmp_path: Path) -> None:
    found = account(tmp_path, 'provider = "smtp"', 'host = "Relay.example"', "port = 25", 'tls = "none"')
    assert found.identity == "relay.example:25"


def test_regions_of_one_mailing_service_count_apart(tmp_path: Path) -> None:
    login = ('provider = "ses"', 'user = "AKIA"', 'password = "x"')
    west, east = (
        account(tmp_path, *login, f'host = "email-smtp.{region}.amazonaws.com"')
        for region in ("eu-west-1", "us-east-1")
    )
    assert west.identity != east.identity
