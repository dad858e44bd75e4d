"""Accounts with login = "oauth": what their tables must hold, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.account_checks import refuse_without_login
from mailrunner.errors import UserError
from tests.support.project_toml import CANARY, account_of, account_problems

MICROSOFT = ('provider = "microsoft365"', 'user = "ana@club.org"', 'login = "oauth"')
GOOGLE = ('provider = "google-workspace"', 'user = "ana@club.org"', 'login = "oauth"')
APP = ("[accounts.it.oauth]", 'client_id = "abc"')
SECRET = f'client_secret = "{CANARY}"'


def test_a_complete_account_has_tokens_instead_of_passwords_for_both_servers(tmp_path: Path) -> None:
    account = account_of(tmp_path, *MICROSOFT, *APP)
    assert account.oauth
    assert (account.password, account.oauth.tenant, account.oauth.flow) == (None, "organizations", "browser")
    assert account.imap
    assert (account.imap.host, account.imap.oauth) == ("outlook.office365.com", account.oauth)
    assert account.logs_in


def test_the_secrets_of_the_table_are_among_those_that_no_output_shows(tmp_path: Path) -> None:
    account = account_of(tmp_path, *GOOGLE, *APP, SECRET, f'refresh_token = "rt-{CANARY}"')
    assert set(account.secrets()) >= {CANARY, f"rt-{CANARY}"}
    assert CANARY not in repr(account)


def test_personal_accounts_of_microsoft_have_a_tenant_of_their_own(tmp_path: Path) -> None:
    account = account_of(tmp_path, 'provider = "outlook"', 'user = "ana@outlook.com"', *APP)
    assert account.oauth
    assert account.oauth.tenant == "consumers"


def test_an_imap_password_goes_before_the_token(tmp_path: Path) -> None:
    elsewhere = 'imap = { host = "imap.example.org", user = "b", password = "x" }'
    account = account_of(tmp_path, *MICROSOFT, elsewhere, *APP)
    assert account.imap
    assert account.imap.oauth is None


def test_a_mailbox_that_takes_tokens_alone_is_none_for_a_password(tmp_path: Path) -> None:
    account = account_of(tmp_path, *MICROSOFT[:2], 'password = "x"')
    assert (account.imap, account.oauth) == (None, None)


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ((*MICROSOFT,), "oauth", "table is missing"),
        ((*MICROSOFT, "[accounts.it.oauth]"), "oauth.client_id", "missing"),
        ((*GOOGLE, *APP), "oauth.client_secret", "missing"),
        ((*MICROSOFT[::2], *APP), "user", "missing"),
        ((*MICROSOFT, 'password = "x"', *APP), "password", "uses no password"),
        ((*MICROSOFT[:2], 'password = "x"', *APP), "oauth", 'write login = "oauth"'),
        (('provider = "yahoo"', *MICROSOFT[1:], *APP), "login", "no OAuth of Yahoo"),
        (('provider = "outlook"', 'user = "a@outlook.com"', 'login = "password"'), "login", "takes none"),
        ((*GOOGLE, *APP, SECRET, 'flow = "device"'), "oauth.flow", "Microsoft's"),
        ((*MICROSOFT, *APP, 'flow = "service-account"'), "oauth.flow", "Google's"),
        ((*GOOGLE, *APP, SECRET, 'flow = "service-account"'), "oauth.key_file", "missing"),
        ((*GOOGLE, *APP, 'key_file = "k.json"', 'flow = "service-account"'), "oauth.key_file", "no file"),
        ((*GOOGLE, *APP, SECRET, 'key_file = "k.json"'), "oauth.key_file", "uses no key_file"),
        ((*GOOGLE, *APP, SECRET, 'tenant = "x"'), "oauth.tenant", "only Microsoft"),
        ((*MICROSOFT, *APP, 'flow = "client-credentials"'), "oauth.client_secret", "missing"),
        (
            (*MICROSOFT, *APP, SECRET, 'flow = "client-credentials"', 'tenant = "common"'),
            "oauth.tenant",
            "none in particular",
        ),
        (
            (*MICROSOFT, *APP, SECRET, 'flow = "client-credentials"', 'tenant = "t"', 'refresh_token = "r"'),
            "oauth.refresh_token",
            "uses no refresh_token",
        ),
        ((*MICROSOFT, *APP, 'tenant = "a/../b"'), "oauth.tenant", "is no tenant"),
        ((*MICROSOFT, *APP, 'tenant = "x?y"'), "oauth.tenant", "is no tenant"),
        ((*MICROSOFT, *APP, 'url = "http://login.example.org"'), "oauth.url", "unencrypted"),
        ((*MICROSOFT, *APP, 'url = "http://localhost:1"'), "oauth.url", "unencrypted"),
        ((*MICROSOFT, *APP, 'url = "ftp://x"'), "oauth.url", "no address"),
        ((*MICROSOFT, *APP, 'url = "https://u@x"'), "oauth.url", "no address"),
        ((*MICROSOFT, *APP, 'url = "https://[::1"'), "oauth.url", ""),
        ((*MICROSOFT, *APP, 'client_secret = ""'), "oauth.client_secret", "empty"),
        ((*MICROSOFT, "[accounts.it.oauth]", 'client_id = "a b"'), "oauth.client_id", "no client id"),
        ((*MICROSOFT, 'host = "mail.example.org"', 'tls = "none"', "port = 26", *APP), "tls", "unencrypted"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(lines: tuple[str, ...], key: str, words: str, tmp_path: Path) -> None:
    found = account_problems(tmp_path, *lines)
    assert words in found[key], found


def test_an_account_of_earlier_versions_is_refused_only_where_it_is_used(tmp_path: Path) -> None:
    account = account_of(tmp_path, 'provider = "outlook"', 'user = "ana@outlook.com"', 'password = "x"')
    with pytest.raises(UserError, match="takes no password"):
        refuse_without_login(account)
