"""Campaigns over the APIs of Google and Microsoft with an OAuth login."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.model.wait_reason import WaitReason
from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import people
from tests.support.http_api_server import HttpApiServer
from tests.support.oauth_server import CANARY, OAuthServer

PROVIDERS = [("gmail", "google"), ("microsoft365", "microsoft")]


def campaign(folder: Path, server: HttpApiServer, oauth: OAuthServer, provider: str) -> ApiCampaign:
    """One whose account has a refresh token in place of a key."""
    oauth.user = "ana@gmail.com" if server.preset == "gmail" else "ana@example.org"
    server.is_valid = lambda token: oauth.is_valid(oauth.user, token)
    table = f'refresh_token = "{oauth.new_refresh_token()}"\n{oauth.table(provider)}'
    made = ApiCampaign(folder, server).write(
        csv=people(10), connections=2, account=f'login = "oauth"\n[accounts.relay.oauth]\n{table}'
    )
    file = folder / "mailrunner.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(line for line in lines if not line.startswith("key =")), encoding="utf-8")
    return made


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are kept in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.mark.parametrize(("preset", "provider"), PROVIDERS)
def test_a_token_is_got_for_the_api_and_anew_where_it_was_revoked(
    preset: str, provider: str, tmp_path: Path
) -> None:
    with OAuthServer() as oauth, HttpApiServer(preset) as server:
        made = campaign(tmp_path, server, oauth, provider)
        assert made.run(limit=4).sent_now == 4
        made.clock.turn(timedelta(minutes=10))
        oauth.access.clear()
        result = made.run_to_the_end()
    assert (result.counts.sent, result.counts.in_doubt) == (10, 0)
    assert set(made.copies().values()) == {1}
    assert server.problems == []
    if provider == "microsoft":
        asked = [form["scope"] for _, form in oauth.forms if "scope" in form]
        assert all("https://graph.microsoft.com/Mail.Send" in scope for scope in asked)


@pytest.mark.parametrize(("preset", "provider"), PROVIDERS)
def test_a_grant_that_is_withdrawn_stops_the_credentials_and_shows_no_token(
    preset: str, provider: str, tmp_path: Path
) -> None:
    with OAuthServer() as oauth, HttpApiServer(preset) as server:
        made = campaign(tmp_path, server, oauth, provider)
        assert made.run(limit=4).sent_now == 4
        made.clock.turn(timedelta(minutes=10))
        oauth.revoke_all()
        result = made.run()
        made.clock.turn(timedelta(hours=2))
        again = made.run()
    assert result.wait.reason is again.wait.reason is WaitReason.CREDENTIALS
    assert (result.counts.sent, result.counts.queued) == (4, 6)
    assert CANARY not in result.wait.detail
