"""What `check` says of an account's login."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.sending.login_warnings import MICROSOFT_PASSWORDS_OFF, login_warnings
from mailrunner.transports.oauth.access import AccessTokens
from tests.support.clocks import START, ManualClock
from tests.support.oauth_server import OAuthServer
from tests.support.project_toml import account_of

PASSWORD = ('user = "ana@club.org"', 'password = "x"')
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "From the end of December 2026"), (1, "Since the end of 2026")]
)
def test_microsofts_passwords_have_an_end(days: int, words: str, tmp_path: Path) -> None:
    account = account_of(tmp_path, 'provider = "microsoft365"', *PASSWORD)
    [sentence] = login_warnings(account, MICROSOFT_PASSWORDS_OFF + days * DAY)
    assert sentence.startswith(words)
    assert "mailrunner login it" in sentence


@pytest.mark.parametrize("provider", ["gmail", "google-workspace", "fastmail"])
def test_other_passwords_have_none(provider: str, tmp_path: Path) -> None:
    user = 'user = "ana@gmail.com"' if provider == "gmail" else PASSWORD[0]
    account = account_of(tmp_path, f'provider = "{provider}"', user, PASSWORD[1])
    assert list(login_warnings(account, START)) == []


def test_a_login_by_token_is_told_while_it_is_missing_and_before_it_ends(
    tmp_path: Path, token_folder: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        account = account_of(
            tmp_path,
            'provider = "google-workspace"',
            'user = "ana@club.org"\nlogin = "oauth"',
            f"[accounts.it.oauth]\n{server.table('google')}",
        )
    assert account.oauth
    [missing] = login_warnings(account, START)
    assert "mailrunner login it" in missing
    tokens = AccessTokens.of(account.oauth, clock)
    answer = {"access_token": "at", "refresh_token": "rt"}
    tokens.keep(answer)
    assert list(login_warnings(account, START)) == []
    tokens.keep({**answer, "refresh_token_expires_in": 604_800})
    [ends] = login_warnings(account, START)
    assert "will end on 2026-11-27 08:00 UTC" in ends
    [ended] = login_warnings(account, START + 8 * DAY)
    assert "has ended" in ended
