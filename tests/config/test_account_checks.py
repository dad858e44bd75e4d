"""Accounts: contradictions between keys, and with the preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project_toml import account_problems


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
def test_contradictions_are_refused(tmp_path: Path, lines: tuple[str, ...], key: str) -> None:
    found = account_problems(tmp_path, 'provider = "smtp"', 'host = "mail.example.org"', *lines)
    assert list(found) == [key]


@pytest.mark.parametrize("host", ["smtp://mail.example.org", "mail.example.org:587", "mail example", ""])
def test_a_host_is_a_bare_name(tmp_path: Path, host: str) -> None:
    found = account_problems(tmp_path, 'provider = "smtp"', f'host = "{host}"', "port = 587")
    assert "host" in found


def test_a_host_of_another_provider_is_refused(tmp_path: Path) -> None:
    found = account_problems(
        tmp_path, 'provider = "yahoo"', 'host = "smtp.gmail.com"', 'user = "a@yahoo.com"', 'password = "x"'
    )
    assert 'provider = "gmail"' in found["host"]


def test_a_personal_mailbox_does_not_get_the_limit_of_a_workspace(tmp_path: Path) -> None:
    found = account_problems(
        tmp_path, 'provider = "google-workspace"', 'user = "ana@gmail.com"', 'password = "x"'
    )
    assert 'write provider = "gmail"' in found["provider"]
