"""Accounts with `via = "api"`: what is completed, what is wrong, what is secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.api_presets import api_preset, api_preset_names
from mailrunner.config.providers import preset_names
from mailrunner.transports.apis.registry import api_names
from tests.support.project_toml import account_of, account_problems

CANARY = "canary-9f2c"


def test_every_api_has_a_preset_and_a_module() -> None:
    assert set(api_preset_names()) == set(api_names())
    assert set(api_preset_names()) <= set(preset_names())
    for name in api_preset_names():
        known = api_preset(name)
        assert known is not None and known.url.startswith("https://") and known.sources


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        (('provider = "sendgrid"', 'key = "k"', 'region = "eu"'), "https://api.eu.sendgrid.com"),
        (('provider = "mailgun"', 'key = "k"', 'domain = "mg.example.org"'), "https://api.mailgun.net"),
        (
            ('provider = "ses"', 'key = "k"', 'secret = "s"', 'region = "eu-west-1"'),
            "https://email.eu-west-1.amazonaws.com",
        ),
        (('provider = "mailtrap"', 'key = "k"'), "https://bulk.api.mailtrap.io"),
        (('provider = "mailtrap"', 'key = "k"', 'stream = "transactional"'), "https://send.api.mailtrap.io"),
        (('provider = "resend"', 'key = "k"', 'url = "http://127.0.0.1:8025/"'), "http://127.0.0.1:8025"),
    ],
)
def test_the_endpoint_is_the_providers_own(lines: tuple[str, ...], url: str, tmp_path: Path) -> None:
    account = account_of(tmp_path, 'via = "api"', *lines)
    assert account.api is not None
    assert (account.api.url, account.host) == (url, url.partition("//")[2].partition(":")[0])


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        (('provider = "smtp"', 'host = "h.example"', 'via = "api"'), "via", "knows no HTTP API"),
        (('provider = "fastmail"', 'via = "api"'), "via", "knows no HTTP API"),
        (('provider = "sendgrid"', 'via = "api"'), "key", "this key is missing"),
        (('provider = "ses"', 'via = "api"', 'key = "k"', 'region = "eu-west-1"'), "secret", "missing"),
        (('provider = "ses"', 'via = "api"', 'key = "k"', 'secret = "s"'), "region", "missing"),
        (('provider = "mailgun"', 'via = "api"', 'key = "k"'), "domain", "missing"),
        (('provider = "gmail"', 'via = "api"', 'user = "a@gmail.com"'), "key", 'login = "oauth"'),
        (('provider = "resend"', 'via = "api"', 'key = "k"', 'region = "eu"'), "region", "means nothing"),
        (('provider = "sendgrid"', 'via = "api"', 'key = "k"', 'region = "mars"'), "region", "us, eu"),
        (('provider = "resend"', 'via = "api"', 'key = "k"', "port = 587"), "port", "means nothing"),
        (
            ('provider = "resend"', 'via = "api"', 'key = "k"', 'url = "http://h.example"'),
            "url",
            "unencrypted",
        ),
        (('provider = "resend"', 'via = "api"', 'key = "k"', 'url = "ftp://h"'), "url", "must be an address"),
        (
            ('provider = "resend"', 'via = "api"', 'key = "k"', 'url = "https://h/x"'),
            "url",
            "scheme and host",
        ),
        (('provider = "resend"', 'via = "api"', 'key = "k"', 'proxy = "socks5://h"'), "proxy", "http://"),
        (('provider = "resend"', 'via = "api"', 'key = "a b"'), "key", "blanks"),
        (('provider = "resend"', 'via = "api"', 'key = "a\\nb"'), "key", "blanks"),
        (('provider = "sendgrid"', 'password = "p"', 'key = "k"'), "key", 'via = "api"'),
    ],
)
def test_what_is_wrong_is_named_with_its_key(
    lines: tuple[str, ...], key: str, words: str, tmp_path: Path
) -> None:
    assert words in account_problems(tmp_path, *lines)[key]


def test_no_key_is_shown(tmp_path: Path) -> None:
    account = account_of(
        tmp_path,
        'provider = "mailjet"',
        'via = "api"',
        f'key = "{CANARY}-key"',
        f'secret = "{CANARY}-secret"',
        f'proxy = "http://ana:{CANARY}-proxy@proxy.example:3128"',
    )
    assert {f"{CANARY}-{each}" for each in ("key", "secret", "proxy")} <= set(account.secrets())
    assert CANARY not in repr(account)
