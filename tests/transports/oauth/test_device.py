"""The code for another device: pending, slower, expired, denied, and a server that is away meanwhile."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from mailrunner.transports.oauth import token_flows
from mailrunner.transports.oauth.device import wait_for_consent
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError
from tests.support.clocks import START, ManualClock
from tests.support.oauth_server import OAuthServer


def waits_of(clock: ManualClock) -> list[float]:
    return [wait.total_seconds() for wait in clock.waits]


def test_the_server_is_asked_as_often_as_it_wants(clock: ManualClock) -> None:
    with OAuthServer(device=["authorization_pending", "slow_down", "authorization_pending"]) as server:
        grant = server.settings("microsoft", flow="device")
        begun = token_flows.begin_device(grant)
        assert (begun.user_code, begun.page) == ("ABCD-EFGH", "https://microsoft.com/devicelogin")
        answer = wait_for_consent(grant, begun, clock=clock, stop=threading.Event())
        assert answer
        assert server.is_valid(server.user, answer["access_token"])
        assert waits_of(clock) == [5, 5, 10, 10]


@pytest.mark.parametrize(
    ("told", "words"), [("access_denied", "not allowed"), ("expired_token", "the code has expired")]
)
def test_a_refusal_ends_the_wait(told: str, words: str, clock: ManualClock) -> None:
    with OAuthServer(device=[told]) as server:
        grant = server.settings("microsoft", flow="device")
        with pytest.raises(GrantRefusedError, match=words):
            wait_for_consent(grant, token_flows.begin_device(grant), clock=clock, stop=threading.Event())


def test_a_code_that_is_never_typed_expires(clock: ManualClock) -> None:
    with OAuthServer(device=["authorization_pending"] * 1000, interval=60) as server:
        grant = server.settings("microsoft", flow="device")
        with pytest.raises(GrantRefusedError, match="the code has expired"):
            wait_for_consent(grant, token_flows.begin_device(grant), clock=clock, stop=threading.Event())
    assert clock.now() == START + timedelta(seconds=900)


def test_a_server_that_is_away_is_asked_less_often(clock: ManualClock) -> None:
    with OAuthServer(faults={"token": [(503, {}), (200, b"?")]}) as server:
        grant = server.settings("microsoft", flow="device")
        assert wait_for_consent(grant, token_flows.begin_device(grant), clock=clock, stop=threading.Event())
    assert waits_of(clock) == [5, 10, 20]


def test_an_interrupt_ends_the_wait(clock: ManualClock) -> None:
    stop = threading.Event()
    stop.set()
    with OAuthServer() as server:
        grant = server.settings("microsoft", flow="device")
        assert wait_for_consent(grant, token_flows.begin_device(grant), clock=clock, stop=stop) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        {},
        {"user_code": "A\u001b[31m", "verification_uri": "https://x", "device_code": "d", "expires_in": 9},
        [],
        7,
    ],
)
def test_an_answer_that_could_not_be_shown_is_none(spoilt: object) -> None:
    with OAuthServer(faults={"devicecode": [(200, spoilt)]}) as server, pytest.raises(TokenUnavailableError):
        token_flows.begin_device(server.settings("microsoft", flow="device"))
