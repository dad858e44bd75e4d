"""The sender of a new project from Django's names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.env_sender import env_sender
from mailrunner.config.project import load_project
from mailrunner.config.project_template import hidden_files, project_files, write
from mailrunner.errors import UserError

CANARY = "canary-77"
LOGIN = {"EMAIL_HOST_USER": "ana@club.org", "EMAIL_HOST_PASSWORD": CANARY}


@pytest.mark.parametrize(
    ("variables", "provider", "host", "port", "tls"),
    [
        ({"EMAIL_HOST": "smtp.gmail.com", "EMAIL_PORT": "587"}, "google-workspace", "smtp.gmail.com", 587,
         "starttls"),
        ({"EMAIL_HOST": "smtp.gmail.com", "EMAIL_PORT": "465", "EMAIL_USE_SSL": "True"}, "google-workspace",
         "smtp.gmail.com", 465, "implicit"),
        ({"EMAIL_HOST": "SMTP.EU.Mailgun.org", "EMAIL_PORT": "2525", "EMAIL_USE_TLS": "1"}, "mailgun",
         "smtp.eu.mailgun.org", 2525, "starttls"),
        ({"EMAIL_HOST": "mail.club.org", "EMAIL_USE_TLS": "true"}, "smtp", "mail.club.org", 587, "starttls"),
        ({"EMAIL_HOST": "mail.club.org", "EMAIL_USE_SSL": "on"}, "smtp", "mail.club.org", 465, "implicit"),
        ({"EMAIL_HOST": "mail.club.org"}, "smtp", "mail.club.org", 25, "starttls"),
        ({"EMAIL_HOST": "mail.club.org", "EMAIL_PORT": "8465", "EMAIL_USE_SSL": "1"}, "smtp", "mail.club.org",
         8465, "implicit"),
        ({"EMAIL_HOST": "localhost", "EMAIL_PORT": "1025"}, "smtp", "localhost", 1025, "none"),
        ({"EMAIL_HOST": "smtp.sendgrid.net"}, "sendgrid", "smtp.sendgrid.net", 587, "starttls"),
    ],
)  # fmt: skip
def test_an_account_is_made_that_has_no_fault_and_no_secret(
    variables: dict[str, str], provider: str, host: str, port: int, tls: str, tmp_path: Path
) -> None:
    sender = env_sender({**variables, **LOGIN})
    files = {**project_files(sender), **hidden_files(sender)}
    assert all(CANARY.encode() not in content for content in files.values())
    write(tmp_path, files)
    account = load_project(tmp_path, {**variables, **LOGIN}).account(provider)
    assert (account.provider, account.host, account.port, account.tls) == (provider, host, port, tls)
    assert account.user == "ana@club.org"
    assert account.password
    assert account.password.get_secret_value() == CANARY


def test_the_sender_is_djangos_default_or_the_user() -> None:
    base = {"EMAIL_HOST": "mail.club.org", **LOGIN}
    named = env_sender({**base, "DEFAULT_FROM_EMAIL": "Ana Pop <news@club.org>"})
    assert (named.name, named.address) == ("Ana Pop", "news@club.org")
    assert env_sender(base).address == "ana@club.org"


def test_a_personal_google_account_is_one() -> None:
    sender = env_sender({"EMAIL_HOST": "smtp.gmail.com", "EMAIL_HOST_USER": "ana@gmail.com"})
    assert (sender.provider, sender.host) == ("gmail", "")


@pytest.mark.parametrize(
    ("variables", "key", "words"),
    [
        ({}, "EMAIL_HOST", "neither in the environment"),
        ({"EMAIL_HOST": " "}, "EMAIL_HOST", "neither"),
        ({"EMAIL_HOST": "smtp://x"}, "EMAIL_HOST", "not the name"),
        ({"EMAIL_HOST": "smtp-mail.outlook.com"}, "EMAIL_HOST", "OAuth only"),
        ({"EMAIL_HOST": "x", "EMAIL_PORT": "mail"}, "EMAIL_PORT", "no port"),
        ({"EMAIL_HOST": "x", "EMAIL_PORT": "99999999999"}, "EMAIL_PORT", "no port"),
        ({"EMAIL_HOST": "x", "EMAIL_USE_TLS": "1", "EMAIL_USE_SSL": "1"}, "EMAIL_USE_SSL", "excludes"),
        ({"EMAIL_HOST": "x", "DEFAULT_FROM_EMAIL": "no address"}, "DEFAULT_FROM_EMAIL", ""),
        ({"EMAIL_HOST": "x", "DEFAULT_FROM_EMAIL": "A\nBcc: b@x.org <a@x.org>"}, "DEFAULT_FROM_EMAIL", ""),
    ],
)
def test_what_is_wrong_is_named_by_its_variable(variables: dict[str, str], key: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        env_sender(variables)
    [problem] = caught.value.problems
    assert (problem.key, words in problem.message) == (key, True)
