"""Accounts: what follows from a preset, and the identity of a mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.providers import preset_names
from tests.support.project_toml import account_of, account_problems


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_makes_an_account_with_a_user_and_a_password(tmp_path: Path, name: str) -> None:
    lines = [f'provider = "{name}"', 'user = "ana@example.org"', 'password = "x"']
    if name == "smtp":
        lines += ['host = "mail.example.org"', "port = 465"]
    found = account_of(tmp_path, *lines)
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
    found = account_of(tmp_path, 'provider = "gmail"', 'user = "a@gmail.com"', 'password = "x"', *lines)
    assert (found.port, found.tls) == (port, tls)


def test_a_loopback_server_may_be_used_without_tls_and_without_a_password(tmp_path: Path) -> None:
    server = ('provider = "gmail"', 'host = "127.0.0.1"', "port = 2525", 'tls = "none"')
    assert account_of(tmp_path, *server, 'user = "a@gmail.com"', 'password = "x"').imap is None
    assert account_of(tmp_path, *server, 'user = "a@gmail.com"').password is None
    assert str(account_of(tmp_path, *server).limits[0]) == "500/24h"


def test_a_mailbox_provider_needs_a_login(tmp_path: Path) -> None:
    assert list(account_problems(tmp_path, 'provider = "gmail"')) == ["user"]
    assert list(account_problems(tmp_path, 'provider = "gmail"', 'user = "a@gmail.com"')) == ["password"]
    assert account_of(tmp_path, 'provider = "google-relay"').user == ""
    assert account_of(tmp_path, 'provider = "sendgrid"', 'password = "SG.x"').user == "apikey"


@pytest.mark.parametrize(
    ("user", "name", "limit"),
    [("ana@gmail.com", "gmail", "500/24h"), ("ana@club.example", "google-workspace", "2000/24h")],
)
def test_a_preset_is_recognised_by_its_host(tmp_path: Path, user: str, name: str, limit: str) -> None:
    found = account_of(
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


def test_own_limits_replace_those_of_the_same_window(tmp_path: Path) -> None:
    found = account_of(
        tmp_path,
        *('provider = "gmail"', 'user = "a@gmail.com"', 'password = "x"', 'limits = ["450/24h", "1/s"]'),
    )
    assert [str(limit) for limit in found.limits] == ["450/24h", "1/s"]


def test_blanks_belong_to_passwords_except_where_they_only_group_characters(tmp_path: Path) -> None:
    found = account_of(
        tmp_path, *('provider = "smtp"', 'host = "m.example"', "port = 465", 'user = "u"', 'password = "a b"')
    )
    assert found.password is not None
    assert found.password.get_secret_value() == "a b"


def test_every_spelling_of_one_mailbox_has_one_identity(tmp_path: Path) -> None:
    login = 'password = "x"'
    spellings = [
        account_of(tmp_path, 'provider = "gmail"', f'user = "{user}"', login)
        for user in ("ana.pop@gmail.com", "Ana.Pop@GMAIL.com", "anapop+x@googlemail.com", "anapop")
    ]
    host = ('provider = "smtp"', 'host = "smtp.GMAIL.com"', "port = 465")
    spellings.append(account_of(tmp_path, *host, 'user = "ana.pop@gmail.com"', login))
    assert {found.identity for found in spellings} == {"google/anapop@gmail.com"}


def test_gmail_and_workspace_share_their_mailboxes(tmp_path: Path) -> None:
    login = ('user = "A.na@club.example"', 'password = "x"')
    identities = {
        account_of(tmp_path, f'provider = "{name}"', *login).identity
        for name in ("gmail", "google-workspace")
    }
    assert identities == {"google/a.na@club.example"}


def test_a_user_of_another_server_has_one_identity_on_all_its_ports(tmp_path: Path) -> None:
    login = ('provider = "smtp"', 'user = "Ana"', 'password = "x"')
    ports = {
        account_of(tmp_path, *login, 'host = "Mail.example.org"', f"port = {port}").identity
        for port in (465, 587)
    }
    assert ports == {"mail.example.org/ana"}


def test_a_relay_without_a_user_is_its_host_and_port(tmp_path: Path) -> None:
    found = account_of(tmp_path, 'provider = "smtp"', 'host = "Relay.example"', "port = 25", 'tls = "none"')
    assert found.identity == "relay.example:25"


def test_regions_of_one_mailing_service_have_their_own_identities(tmp_path: Path) -> None:
    login = ('provider = "ses"', 'user = "AKIA"', 'password = "x"')
    west, east = (
        account_of(tmp_path, *login, f'host = "email-smtp.{region}.amazonaws.com"')
        for region in ("eu-west-1", "us-east-1")
    )
    assert west.identity != east.identity
