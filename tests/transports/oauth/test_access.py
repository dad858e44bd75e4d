"""Tokens of fake Google and Microsoft servers: kept, refreshed early, rotated, asked for by one at a time."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError
from tests.support.clocks import ManualClock
from tests.support.oauth_server import CANARY, Answer, OAuthServer
from tests.support.patience import PATIENCE

HOUR = timedelta(hours=1)


def logged_in(
    server: OAuthServer, folder: Path, clock: ManualClock, provider: str = "microsoft"
) -> AccessTokens:
    """Tokens of a user who has just logged in."""
    tokens = AccessTokens.of(server.settings(provider), clock, folder)  # type: ignore[arg-type]
    tokens.keep({"access_token": "at-0", "expires_in": 3600, "refresh_token": server.new_refresh_token()})
    return tokens


def test_a_token_is_kept_until_it_is_due_and_then_refreshed(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        assert tokens.current().value == "at-0"
        clock.turn(timedelta(minutes=54))
        assert (tokens.current().value, server.refreshes) == ("at-0", 0)
        clock.turn(timedelta(minutes=1))
        assert server.is_valid(server.user, tokens.current().value)
        assert server.refreshes == 1


@pytest.mark.parametrize("provider", ["google", "microsoft"])
def test_whatever_the_server_does_with_the_refresh_token_the_next_refresh_has_the_right_one(
    provider: str, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock, provider)
        for _ in range(3):
            clock.turn(HOUR)
            assert server.is_valid(server.user, tokens.current().value)
        assert server.refreshes == 3


def test_a_refresh_token_of_the_file_is_used_and_what_follows_it_is_kept(
    tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        settings = server.settings("microsoft", refresh_token=server.new_refresh_token())
        for _ in range(3):
            assert server.is_valid(server.user, AccessTokens.of(settings, clock, tmp_path).current().value)
            clock.turn(HOUR)


def test_threads_at_once_ask_the_server_once(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        clock.turn(HOUR)
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(tokens.current().value)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(found), len(set(found)), server.refreshes) == (8, 1, 1)


_RACER = """
import json, sys
from datetime import datetime
from pathlib import Path
from pydantic import SecretStr
from mailrunner.config.oauth import OAuthSettings
from mailrunner.transports.oauth.access import AccessTokens
from tests.support.clocks import ManualClock
url, folder, now = sys.argv[1:]
settings = OAuthSettings(account="club", provider="microsoft", flow="browser", user="ana@club.org",
    client_id="client-1", client_secret=None, tenant="organizations", refresh_token=None, key_file=None,
    url=url, is_personal=False)
tokens = AccessTokens.of(settings, ManualClock(datetime.fromisoformat(now)), Path(folder))
print("ready", flush=True)
sys.stdin.readline()
print(tokens.current().value)
"""


def test_processes_at_once_ask_the_server_once(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        logged_in(server, tmp_path, clock)
        clock.turn(HOUR)
        command = [sys.executable, "-c", _RACER, server.url, str(tmp_path), clock.now().isoformat()]
        racers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
            racer.stdin.flush()
        found = {racer.communicate()[0].strip() for racer in racers}
        assert (len(found), server.refreshes) == (1, 1)
        assert server.is_valid(server.user, found.pop())


def test_the_file_is_for_its_owner_alone_and_a_failed_write_leaves_the_old_one(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.umask(0)
    try:
        with OAuthServer() as server:
            tokens = logged_in(server, tmp_path / "tokens", clock)
    finally:
        os.umask(old)
    assert stat.S_IMODE(tokens.store.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.store.folder.stat().st_mode) == 0o700
    kept = tokens.store.read()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        tokens.keep({"access_token": "at-9", "refresh_token": "rt-9"})
    assert tokens.store.read() == kept
    assert {path.suffix for path in tokens.store.folder.iterdir()} <= {".json", ".lock"}


def test_a_revoked_login_is_refused_with_the_command_to_type_and_no_secret(
    tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        server.revoke_all()
        clock.turn(HOUR)
        with pytest.raises(GrantRefusedError) as caught:
            tokens.current()
    assert caught.value.code == "invalid_grant"
    assert "not used for 90 days" in str(caught.value)
    assert "mailrunner login club" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        (500, {}),
        (503, b"<html>maintenance</html>"),
        (429, {}),
        (200, b"<html>a hotel's login page</html>"),
        (200, b"\xff\xfe"),
        (200, b"[1, 2]"),
        (200, b"[" * 200_000),
        (200, b"x" * 300_000),
        (200, {"access_token": "two words"}),
        (302, b""),
        (400, {"error": "temporarily_unavailable"}),
        (400, b"garbage"),
    ],
    ids=str,
)
def test_a_server_that_fails_or_talks_nonsense_is_asked_again_later(
    fault: Answer, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        server.faults["token"] = [fault]
        clock.turn(HOUR)
        with pytest.raises(TokenUnavailableError):
            tokens.current()
        assert server.is_valid(server.user, tokens.current().value)


def test_a_server_that_is_silent_or_gone_is_asked_again_later(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailrunner.transports.oauth.requests._SILENCE", 0.2)
    release = threading.Event()

    def silent(_: object) -> Answer:
        release.wait(PATIENCE)
        return 500, {}

    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        server.faults["token"] = [silent]
        clock.turn(HOUR)
        with pytest.raises(TokenUnavailableError, match="does not answer"):
            tokens.current()
        release.set()
    with pytest.raises(TokenUnavailableError, match="cannot be reached"):
        tokens.current()


def test_a_token_that_a_mail_server_refused_is_replaced_once(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        first = tokens.current()
        assert tokens.is_new(first)
        clock.turn(timedelta(minutes=10))
        assert not tokens.is_new(first)
        second = tokens.renewed(first)
        assert (second.value != first.value, tokens.is_new(second)) == (True, True)
        assert tokens.renewed(first) == second  # another connection with the old one: asked once


def test_the_digest_of_a_refusal_is_over_the_grant_and_not_over_tokens(
    tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        before = tokens.setup_text()
        clock.turn(HOUR)
        tokens.current()
        assert tokens.setup_text() == before
        assert CANARY not in before
        logged_in(server, tmp_path, clock)
        assert tokens.setup_text() != before


def test_without_a_login_the_command_is_named(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = AccessTokens.of(server.settings(), clock, tmp_path)
        for ask in (tokens.require_login, tokens.current):
            with pytest.raises(UserError, match="mailrunner login club"):
                ask()


def test_client_credentials_get_a_token_without_a_user(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = AccessTokens.of(server.settings("microsoft", flow="client-credentials"), clock, tmp_path)
        tokens.require_login()
        assert server.is_valid(server.user, tokens.current().value)
        assert tokens.current() == tokens.current()
        assert len(server.forms) == 1
        server.faults["token"] = [
            (401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {CANARY}"})
        ]
        clock.turn(HOUR)
        with pytest.raises(GrantRefusedError, match="copy the secret's value"):
            tokens.current()


def test_a_service_account_signs_for_the_mailbox(tmp_path: Path, clock: ManualClock) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "key.json"
    written = {"type": "service_account", "client_email": "bot@x.iam", "private_key": pem.decode()}
    file.write_text(json.dumps(written))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with OAuthServer(service_key=public) as server:
        settings = server.settings("google", flow="service-account", key_file=file)
        assert server.is_valid(server.user, AccessTokens.of(settings, clock, tmp_path).current().value)
        server.user = "bea@club.org"
        clock.turn(HOUR)
        with pytest.raises(GrantRefusedError, match="domain-wide delegation"):
            AccessTokens.of(settings, clock, tmp_path).current()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"type": "authorized_user"}', '{"type": "service_account"}',
     '{"type": "service_account", "client_email": "a", "private_key": "canary7f3a"}'],
)  # fmt: skip
def test_a_key_file_of_another_kind_is_named_and_not_shown(
    text: str, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    with OAuthServer() as server:
        settings = server.settings("google", flow="service-account", key_file=file)
        with pytest.raises(UserError, match=r"key\.json is of no use") as caught:
            AccessTokens.of(settings, clock, tmp_path).current()
    assert CANARY not in str(caught.value)


def test_a_file_that_is_no_login_is_named(tmp_path: Path, clock: ManualClock) -> None:
    with OAuthServer() as server:
        tokens = logged_in(server, tmp_path, clock)
        tokens.store.file.write_text("{}")
        with pytest.raises(UserError, match=r"delete it and log in again"):
            tokens.current()
