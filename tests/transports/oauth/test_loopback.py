"""The listener of a login: what it takes, what it answers, and what it never says."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from mailrunner.transports.oauth.errors import GrantRefusedError
from mailrunner.transports.oauth.loopback import Listener, pasted_code
from tests.support.oauth_server import OAuthServer

STATE = "state-1"


@pytest.fixture
def server() -> OAuthServer:
    server = OAuthServer()
    server.url = "http://127.0.0.1:1"
    return server


def test_only_the_redirect_of_this_login_is_taken(
    server: OAuthServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with Listener.open(server.settings("google")) as listener:
        uri = listener.redirect_uri
        assert httpx.get(f"{uri}/?code=early&state=").status_code == 400  # nothing is expected yet
        listener.expect(STATE)
        for path, status in {
            "/?code=forged&state=other": 400,
            "/?code=forged": 400,
            "/?code=forged&state=%C3%A4": 400,
            "/favicon.ico": 404,
            "/": 404,
            "/elsewhere?code=x&state=state-1": 404,
        }.items():
            assert httpx.get(uri + path).status_code == status, path
        assert httpx.post(uri, data={"code": "x", "state": STATE}).status_code == 501
        assert listener.code(threading.Event(), 0.1) is None
        assert httpx.get(f"{uri}/?code=right&state={STATE}").status_code == 200
        assert listener.code(threading.Event(), 5) == "right"
    assert capfd.readouterr() == ("", "")


def test_a_client_that_says_nothing_or_nonsense_holds_up_no_other(server: OAuthServer) -> None:
    with Listener.open(server.settings("microsoft")) as listener:
        listener.expect(STATE)
        assert listener.redirect_uri.startswith("http://localhost:")
        port = urlsplit(listener.redirect_uri).port
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.create_connection(("127.0.0.1", port)) as other,
        ):
            other.sendall(b"\x00\xff\r\n\r\n")
            assert httpx.get(f"http://127.0.0.1:{port}/?code=right&state={STATE}").status_code == 200
            assert listener.code(threading.Event(), 5) == "right"


def test_an_error_of_the_server_is_a_refusal(server: OAuthServer) -> None:
    grant = server.settings("microsoft")
    address = f"http://localhost:1/?error=server_error&error_description=AADSTS90094%0aX&state={STATE}"
    with pytest.raises(GrantRefusedError, match="admin consent"):
        pasted_code(grant, STATE, address)


@pytest.mark.parametrize(
    "pasted",
    ["", "code", "http://localhost/?state=state-1", "http://[::1/?code=1", "http://x/?code=1&state=2"],
)
def test_what_is_pasted_by_mistake_is_a_value_error(pasted: str, server: OAuthServer) -> None:
    with pytest.raises(ValueError, match="address"):
        pasted_code(server.settings("google"), STATE, pasted)
