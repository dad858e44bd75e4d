"""IMAP by token: a real dovecot that asks the authorization server whose a token is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailrunner.clock import SystemClock
from mailrunner.config.account import Imap
from mailrunner.errors import UserError
from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
from mailrunner.transports.oauth.access import AccessTokens
from tests.support.clocks import WrongClock
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import TokenImapServer
from tests.support.oauth_server import CANARY, OAuthServer

TIMEOUT = 60.0  # seconds; no test waits for them


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[OAuthServer, TokenImapServer]]:
    """An authorization server, and an IMAP server that asks it."""
    with OAuthServer() as server:
        imap = TokenImapServer(f"{server.url}/introspect")
        with imap:
            yield server, imap


def settings_of(servers: tuple[OAuthServer, TokenImapServer]) -> Imap:
    server, imap = servers
    by_password = imap.settings(server.user)
    return replace(by_password, password=SecretStr(""), oauth=server.settings("microsoft"))


def test_a_mailbox_is_read_by_token(servers: tuple[OAuthServer, TokenImapServer], token_folder: Path) -> None:
    settings = settings_of(servers)
    assert settings.oauth
    AccessTokens.of(settings.oauth, SystemClock()).keep(
        {"access_token": "x", "expires_in": -1, "refresh_token": servers[0].new_refresh_token()}
    )
    tokens = AccessTokens.of(settings.oauth, SystemClock())
    tokens.renewed(None)
    with ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT) as mailbox:
        assert "INBOX" in {folder.name for folder in mailbox.folders()}
    assert list(token_folder.glob("*.json"))


def test_a_token_that_the_server_refuses_is_replaced_once(
    servers: tuple[OAuthServer, TokenImapServer], token_folder: Path
) -> None:
    server, settings = servers[0], settings_of(servers)
    assert settings.oauth
    before = server.refreshes
    AccessTokens.of(settings.oauth, WrongClock(timedelta(minutes=-30))).keep(
        {"access_token": f"old-{CANARY}", "refresh_token": server.new_refresh_token()}
    )
    with ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT) as mailbox:
        assert mailbox.folders()
    assert server.refreshes == before + 1


def test_a_new_token_that_is_refused_is_not_tried_twice_and_not_shown(
    servers: tuple[OAuthServer, TokenImapServer], token_folder: Path
) -> None:
    server, settings = servers[0], settings_of(servers)
    assert settings.oauth
    before = server.refreshes
    AccessTokens.of(settings.oauth, SystemClock()).keep(
        {"access_token": f"wrong-{CANARY}", "refresh_token": server.new_refresh_token()}
    )
    with (
        pytest.raises(ImapLoginRefusedError, match="refused the login") as caught,
        ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
    ):
        pass
    assert server.refreshes == before
    assert CANARY not in str(caught.value)


def test_a_revoked_login_and_a_missing_one_name_the_command(
    servers: tuple[OAuthServer, TokenImapServer], token_folder: Path
) -> None:
    server, settings = servers[0], settings_of(servers)
    assert settings.oauth
    with (
        pytest.raises(UserError, match="mailrunner login club"),
        ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
    ):
        pass
    AccessTokens.of(settings.oauth, WrongClock(timedelta(hours=-2))).keep(
        {"access_token": "old", "refresh_token": f"revoked-{CANARY}"}
    )
    with (
        pytest.raises(ImapLoginRefusedError, match="mailrunner login club") as caught,
        ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
    ):
        pass
    assert CANARY not in str(caught.value)
    server.faults["token"] = [(503, {})]
    with (
        pytest.raises(ImapUnavailableError, match="HTTP status 503"),
        ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
    ):
        pass


def test_a_server_without_a_mechanism_for_tokens_is_named(token_folder: Path) -> None:
    with OAuthServer() as server, ScriptedImap(capabilities="AUTH=PLAIN") as imap:
        settings = replace(imap.settings(), oauth=server.settings("microsoft"), password=SecretStr(""))
        assert settings.oauth
        AccessTokens.of(settings.oauth, SystemClock()).keep(
            {"access_token": "at", "refresh_token": server.new_refresh_token()}
        )
        with (
            pytest.raises(ImapLoginRefusedError, match="XOAUTH2"),
            ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
        ):
            pass


def test_a_server_that_repeats_the_token_does_not_get_it_shown(token_folder: Path) -> None:
    token = f"tokentoken-{CANARY}"
    answers = {"AUTHENTICATE": f"BAD what is {token}?"}
    with OAuthServer() as server, ScriptedImap(capabilities="AUTH=XOAUTH2", answers=answers) as imap:
        settings = replace(imap.settings(), oauth=server.settings("microsoft"), password=SecretStr(""))
        assert settings.oauth
        AccessTokens.of(settings.oauth, SystemClock()).keep(
            {"access_token": token, "refresh_token": server.new_refresh_token()}
        )
        with (
            pytest.raises(ImapLoginRefusedError) as caught,
            ImapMailbox.open(settings, ca_file=None, timeout=TIMEOUT),
        ):
            pass
    assert CANARY not in str(caught.value)
