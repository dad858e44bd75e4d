"""SMTP logins by token: XOAUTH2 and OAUTHBEARER, refusals with their challenge, tokens that end."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mailrunner.model.outcome import OutcomeKind, Scope
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.smtp.client import SmtpTransport
from tests.support.clocks import ManualClock
from tests.support.oauth_server import CANARY, OAuthServer
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.smtp_client import Clients, Letter
from tests.support.smtp_server import Rule, SmtpServer, reply

HOUR = timedelta(hours=1)


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


def tokens_of(oauth: OAuthServer, folder: Path, clock: ManualClock) -> AccessTokens:
    """Tokens of a user whose access token is due."""
    tokens = AccessTokens.of(oauth.settings("microsoft"), clock, folder)
    tokens.keep({"access_token": "at-0", "expires_in": 60, "refresh_token": oauth.new_refresh_token()})
    clock.turn(HOUR)
    return tokens


@pytest.mark.parametrize("mechanisms", ["XOAUTH2", "OAUTHBEARER", "PLAIN LOGIN OAUTHBEARER XOAUTH2"])
def test_a_token_logs_in_by_the_mechanism_that_the_server_has(
    mechanisms: str, client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid, mechanisms=mechanisms) as server:
        transport = client(server, user=oauth.user, tokens=tokens_of(oauth, tmp_path, clock))
        assert transport.send(Letter()).kind is OutcomeKind.SENT
        assert server.logins[0].mechanism in mechanisms
        assert server.logins[0].mechanism == ("OAUTHBEARER" if mechanisms == "OAUTHBEARER" else "XOAUTH2")


def test_a_refusal_is_answered_and_judged_with_the_reason_of_the_challenge(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=lambda *_: False) as server:
        transport = client(server, user=oauth.user, tokens=tokens_of(oauth, tmp_path, clock))
        outcome = transport.open()
        assert outcome
        assert (outcome.kind, outcome.scope, outcome.offered) == (
            OutcomeKind.REFUSED,
            Scope.CREDENTIALS,
            False,
        )
        assert "535" in outcome.reason
        assert "scope https://mail.google.com/" in outcome.reason
        assert (len(server.logins), oauth.refreshes) == (1, 1)  # the token was new: one try


def test_an_old_token_that_is_refused_is_replaced_once(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as server:
        tokens = tokens_of(oauth, tmp_path, clock)
        tokens.current()
        clock.turn(timedelta(minutes=10))
        oauth.access.clear()
        transport = client(server, user=oauth.user, tokens=tokens)
        assert transport.send(Letter()).kind is OutcomeKind.SENT
        assert [login.succeeded for login in server.logins] == [False, True]


@pytest.mark.parametrize(("code", "text", "kind"), [
    (454, "4.7.0 Temporary authentication failure", OutcomeKind.DEFERRED),
    (421, "4.3.2 try later", OutcomeKind.DEFERRED),
    (535, "5.7.3 Authentication unsuccessful", OutcomeKind.REFUSED),
])  # fmt: skip
def test_the_last_reply_decides_and_not_the_challenge(
    code: int, text: str, kind: OutcomeKind, client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    rules = [Rule("auth", reply(code, text))]
    with OAuthServer() as oauth, SmtpServer(bearer=lambda *_: False, rules=rules) as server:
        transport = client(server, user=oauth.user, tokens=tokens_of(oauth, tmp_path, clock))
        outcome = transport.open()
        assert outcome
        assert outcome.kind is kind


def test_a_token_that_ended_while_the_connection_was_away_is_renewed_before_it_is_made_again(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as server:
        transport = client(
            server, user=oauth.user, tokens=tokens_of(oauth, tmp_path, clock), messages_per_connection=1
        )
        assert transport.send(Letter()).kind is OutcomeKind.SENT
        clock.turn(HOUR)
        assert transport.send(Letter()).kind is OutcomeKind.SENT
        assert [login.succeeded for login in server.logins] == [True, True]
        assert oauth.refreshes == 2


def test_a_revoked_login_is_a_refusal_of_credentials_and_no_connection_is_made(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as server:
        tokens = tokens_of(oauth, tmp_path, clock)
        oauth.revoke_all()
        outcome = client(server, user=oauth.user, tokens=tokens).open()
        assert outcome
        assert outcome.scope is Scope.CREDENTIALS
        assert "mailrunner login club" in outcome.reason
        assert CANARY not in outcome.reason
        assert server.connections == 0


def test_an_authorization_server_that_is_away_is_waited_for(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as server:
        tokens = tokens_of(oauth, tmp_path, clock)
        oauth.faults["token"] = [(503, {})]
        outcome = client(server, user=oauth.user, tokens=tokens).open()
        assert outcome
        assert (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.CONNECTION)
        tokens.forget()
        outcome = client(server, user=oauth.user, tokens=tokens).open()
        assert outcome
        assert (outcome.kind, outcome.scope) == (OutcomeKind.REFUSED, Scope.CAMPAIGN)


def test_a_server_without_tokens_is_named_and_none_is_shown_to_it(
    client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(auth=("ana", "x")) as server:
        outcome = client(server, user=oauth.user, tokens=tokens_of(oauth, tmp_path, clock)).open()
        assert outcome
        assert outcome.scope is Scope.CREDENTIALS
        assert "PLAIN, LOGIN" in outcome.reason
        assert not server.said("AUTH")


@pytest.mark.parametrize("stage", ["auth", "mail", "rcpt"])
def test_a_server_that_repeats_the_token_does_not_get_it_into_an_outcome(
    stage: str, client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    with OAuthServer() as oauth, SmtpServer(bearer=oauth.is_valid) as server:
        tokens = tokens_of(oauth, tmp_path, clock)
        token = tokens.current().value
        encoded = base64.b64encode(f"user={oauth.user}\1auth=Bearer {token}\1\1".encode()).decode()
        server.rules = (Rule(stage, reply(550, f"5.7.1 what is {token} or {encoded}?")),)
        outcome = client(server, user=oauth.user, tokens=tokens).send(Letter())
        assert outcome.kind is not OutcomeKind.SENT
        assert CANARY not in f"{outcome} {outcome.reply}"
        assert encoded[40:80] not in f"{outcome} {outcome.reply}"


class _Keeper:
    """A handler of aiosmtpd's that counts messages."""

    def __init__(self) -> None:
        self.taken = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken += 1
        return "250 2.0.0 Ok"


class _TokenSmtp(SMTP):
    """aiosmtpd's server with XOAUTH2, which it leaves to those who need it."""

    oauth: OAuthServer

    async def auth_XOAUTH2(self, _: Any, args: list[str]) -> AuthResult:  # noqa: N802
        user, token = base64.b64decode(args[1]).decode().split("\1")[:2]
        right = self.oauth.is_valid(user.removeprefix("user="), token.removeprefix("auth=Bearer "))
        if not right:
            await self.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=right, handled=False)


class _Controller(Controller):
    oauth: OAuthServer

    def factory(self) -> SMTP:
        server = _TokenSmtp(
            self.handler,
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
        )
        server.oauth = self.oauth
        return server


@pytest.mark.parametrize("is_valid", [True, False])
def test_aiosmtpd_takes_a_token_and_its_refusal_is_understood(
    is_valid: bool, client: Clients, tmp_path: Path, clock: ManualClock
) -> None:
    keeper = _Keeper()
    with OAuthServer() as oauth:
        tokens = tokens_of(oauth, tmp_path, clock)
        tokens.current()
        if not is_valid:
            oauth.access.clear()
        controller = _Controller(keeper, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)
        controller.oauth = oauth
        controller.start()
        try:
            transport = SmtpTransport(
                host="127.0.0.1",
                port=controller.port,
                tls="none",
                user=oauth.user,
                password=None,
                provider="smtp",
                timeout=PATIENCE,
                tokens=tokens,
            )
            outcome = transport.send(Letter())
            transport.close()
        finally:
            controller.stop()
    assert (outcome.kind is OutcomeKind.SENT, keeper.taken) == (is_valid, int(is_valid))
    if not is_valid:
        assert outcome.scope is Scope.CREDENTIALS
        assert "status 401" in outcome.reason
