"""The identity of an account: SMTP and API of one are one, two of one provider are two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project_toml import account_of

SMTP_AND_API = [
    ('provider = "sendgrid"\npassword = "SG.a"', 'provider = "sendgrid"\nvia = "api"\nkey = "SG.a"'),
    (
        'provider = "mandrill"\nuser = "any"\npassword = "k1"',
        'provider = "mandrill"\nvia = "api"\nkey = "k1"',
    ),
    ('provider = "postmark"\nuser = "t1"\npassword = "t1"', 'provider = "postmark"\nvia = "api"\nkey = "t1"'),
    ('provider = "resend"\npassword = "re_1"', 'provider = "resend"\nvia = "api"\nkey = "re_1"'),
    (
        'provider = "mailgun"\nuser = "postmaster@mg.example.org"\npassword = "p"',
        'provider = "mailgun"\nvia = "api"\nkey = "k"\ndomain = "MG.example.org"',
    ),
    (
        'provider = "ses"\nhost = "email-smtp.eu-west-1.amazonaws.com"\nuser = "AKIA1"\npassword = "p"',
        'provider = "ses"\nvia = "api"\nkey = "AKIA1"\nsecret = "s"\nregion = "eu-west-1"',
    ),
    (
        'provider = "mailjet"\nuser = "K1"\npassword = "s"',
        'provider = "mailjet"\nvia = "api"\nkey = "K1"\nsecret = "s"',
    ),
    (
        'provider = "gmail"\nuser = "a.n.a+x@gmail.com"\npassword = "abcd"',
        'provider = "gmail"\nvia = "api"\nuser = "ana@gmail.com"\nkey = "t"',
    ),
    (
        'provider = "brevo"\nuser = "ana@example.org"\npassword = "xsmtpsib"',
        'provider = "brevo"\nvia = "api"\nuser = "ana@example.org"\nkey = "xkeysib"',
    ),
    (
        'provider = "smtp2go"\nuser = "u"\npassword = "p"\nidentity = "Club"',
        'provider = "smtp2go"\nvia = "api"\nkey = "k"\nidentity = "club"',
    ),
]


@pytest.mark.parametrize(("smtp", "api"), SMTP_AND_API)
def test_smtp_and_api_of_one_account_are_one(smtp: str, api: str, tmp_path: Path) -> None:
    one, other = account_of(tmp_path, smtp), account_of(tmp_path, api)
    assert one.identity == other.identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('provider = "sendgrid"\npassword = "SG.a"', 'provider = "sendgrid"\npassword = "SG.b"'),
        (
            'provider = "sendgrid"\nvia = "api"\nkey = "SG.a"',
            'provider = "sendgrid"\nvia = "api"\nkey = "SG.b"',
        ),
        (
            'provider = "ses"\nvia = "api"\nkey = "A"\nsecret = "s"\nregion = "eu-west-1"',
            'provider = "ses"\nvia = "api"\nkey = "A"\nsecret = "s"\nregion = "eu-west-2"',
        ),
        (
            'provider = "mailgun"\nvia = "api"\nkey = "k"\ndomain = "a.example.org"',
            'provider = "mailgun"\nvia = "api"\nkey = "k"\ndomain = "b.example.org"',
        ),
    ],
)
def test_two_accounts_of_one_provider_are_two(one: str, other: str, tmp_path: Path) -> None:
    assert account_of(tmp_path, one).identity != account_of(tmp_path, other).identity


@pytest.mark.parametrize("lines", [pair[way] for pair in SMTP_AND_API for way in (0, 1)])
def test_no_key_is_part_of_an_identity(lines: str, tmp_path: Path) -> None:
    account = account_of(tmp_path, lines)
    for secret in account.secrets():
        if len(secret) > 1:
            assert secret.casefold() not in account.identity


def test_the_former_identity_is_that_of_older_versions(tmp_path: Path) -> None:
    assert (
        account_of(tmp_path, 'provider = "sendgrid"\npassword = "SG.a"').former_identity == "sendgrid/apikey"
    )
    gmail = account_of(tmp_path, 'provider = "gmail"\nuser = "ana@gmail.com"\npassword = "abcd"')
    assert gmail.former_identity == gmail.identity == "google/ana@gmail.com"
