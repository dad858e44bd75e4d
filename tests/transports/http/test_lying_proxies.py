"""Proxies that lie about a tunnel: each ends, in a sentence without a secret, and no message was offered."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

import pytest

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.sending.doctor import questions
from mailrunner.transports import network
from mailrunner.transports.http.proxy import HttpProxy, proxy_for
from mailrunner.transports.oauth import requests
from mailrunner.transports.oauth.errors import TokenUnavailableError
from mailrunner.transports.oauth.requests import TokenSession
from tests.support.patience import PATIENCE
from tests.support.project_toml import account_of, account_problems
from tests.transports.http.test_transport import KEY, Script, message, transport

LOGIN = "ana:proxy-canary-93e1"
ECHO = base64.b64encode(LOGIN.encode())
BODY = b"Content-Length: 9\r\n\r\n<h1>no</h1>"
DEFERRED, REFUSED = OutcomeKind.DEFERRED, OutcomeKind.REFUSED


def saying(*pieces: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(pieces)


def endless(piece: bytes, *before: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: chain(before, repeat(piece * 1000))


LIES = [
    pytest.param(saying(), DEFERRED, "closed the connection", id="closes at once"),
    pytest.param(saying(b"HTTP/1.1 200"), DEFERRED, "closed the connection", id="half a line"),
    pytest.param(saying(b"SSH-2.0-x\r\n\r\n"), DEFERRED, "does not speak HTTP", id="another protocol"),
    pytest.param(saying(b"HTTP/1.1 407 No\r\n" + BODY), REFUSED, "wants a login", id="407 with a body"),
    pytest.param(
        saying(b"HTTP/1.1 407 Basic " + ECHO + b" of " + LOGIN.encode() + b"\r\n\r\n"),
        REFUSED,
        "wants a login",
        id="credentials refused, and repeated",
    ),
    pytest.param(
        saying(b"HTTP/1.1 403 \x1b[2J" + b"x" * 30_000 + b"\r\n\r\n"), REFUSED, "list of allowed", id="long"
    ),
    pytest.param(
        saying(b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), REFUSED, "no such", id="redirect"
    ),
    pytest.param(saying(b"HTTP/1.1 502 Bad\r\n" + BODY), DEFERRED, "come back", id="502"),
    pytest.param(saying(b"HTTP/1.1 200 OK\r\n\r\n"), DEFERRED, "the connection broke", id="200, then closes"),
    pytest.param(
        saying(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>\r\n\r\n"),
        DEFERRED,
        "want a login in a browser",
        id="200 and a page",
    ),
    pytest.param(
        endless(b"HTTP/1.1 200 OK\r\n\r\n"), DEFERRED, "want a login in a browser", id="200 without end"
    ),
    pytest.param(
        endless(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"), DEFERRED, "does not end", id="1xx without end"
    ),
    pytest.param(endless(b"X-A: b\r\n", b"HTTP/1.1 200 OK\r\n"), DEFERRED, "", id="a head without end"),
    pytest.param(endless(b"x", b"HTTP/1.1 200 "), DEFERRED, "", id="a reason without end"),
]


def lying(octets: Callable[[], Iterator[bytes]], *, stays: bool = False) -> Script:
    """A proxy that reads CONNECT, says this and ends, or `stays`; `read` holds all that it was given."""
    script = Script([])

    def act(sock: socket.socket, _: bytes) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(65536)
        script.read.append(head)
        with suppress(OSError):
            for piece in octets():
                sock.sendall(piece)
        if not stays:
            sock.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while more := sock.recv(65536):
                script.read.append(more)

    script.acts.append(act)
    return script


def sent(
    octets: Callable[[], Iterator[bytes]], timeout: float = PATIENCE, *, stays: bool = False
) -> tuple[Outcome, bytes]:
    """What came of a message, and what the proxy was given."""
    script = lying(octets, stays=stays)
    with script.served() as port:
        made = transport(
            1,
            scheme="https",
            timeout=timeout,
            context=network.tls_context(None),
            proxy=f"http://{LOGIN}@127.0.0.1:{port}",
        )
        outcome = made.send(message())
        made.close()
    return outcome, b"".join(script.read)


@pytest.mark.parametrize(("octets", "kind", "words"), LIES)
def test_a_proxy_that_lies_is_given_no_message_and_named_in_a_sentence(
    octets: Callable[[], Iterator[bytes]], kind: OutcomeKind, words: str
) -> None:
    outcome, given = sent(octets)
    assert (outcome.kind, outcome.offered) == (kind, False), outcome
    assert outcome.reason.startswith("the proxy 127.0.0.1") and words in outcome.reason, outcome
    assert len(outcome.reason) < 2000 and outcome.reason.isprintable()
    said = f"{outcome.reason} {outcome.reply}"
    assert not any(secret in said for secret in (KEY, LOGIN.partition(":")[2], ECHO.decode()[4:]))
    assert given.startswith(b"CONNECT localhost:1 HTTP/1.1\r\n")
    assert KEY.encode() not in given and b"X-Mailrunner-Delivery" not in given


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (saying(b"H"), "did not answer"),
        (saying(b"HTTP/1.1 200 OK\r\n\r\n"), "nothing answers there"),
    ],
)
def test_a_proxy_that_falls_silent_is_given_up(octets: Callable[[], Iterator[bytes]], words: str) -> None:
    outcome, _ = sent(octets, timeout=0.2, stays=True)
    assert (outcome.kind, outcome.scope, outcome.offered) == (DEFERRED, Scope.CONNECTION, False)
    assert outcome.reason.startswith("the proxy 127.0.0.1") and words in outcome.reason


@pytest.mark.parametrize(("octets", "kind", "words"), LIES)
def test_the_doctor_calls_a_port_open_where_the_proxy_says_so_alone(
    octets: Callable[[], Iterator[bytes]],
    kind: OutcomeKind,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    account = account_of(tmp_path, 'provider = "gmail"', 'user = "ana@gmail.com"', 'password = "x"')
    with lying(octets).served() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@127.0.0.1:{port}")
        state = questions.by_proxy(account, 587)
    says_so = "broke" in words or "browser" in words
    assert state == ("open" if says_so else "forbidden" if kind is REFUSED else "failed")


@pytest.mark.parametrize(("octets", "kind", "words"), LIES)
def test_a_token_is_not_asked_for_through_a_proxy_that_lies(
    octets: Callable[[], Iterator[bytes]], kind: OutcomeKind, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_IN_ALL", 1.0)
    script = lying(octets)
    with script.served() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@127.0.0.1:{port}")
        with pytest.raises(TokenUnavailableError) as caught:
            TokenSession().post("https://login.example.test/token", {"client_secret": KEY}, {})
    assert "login.example.test" in str(caught.value) and "canary" not in str(caught.value)
    assert KEY.encode() not in b"".join(script.read)


def test_a_socks_proxy_is_a_sentence_where_a_token_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://{LOGIN}@127.0.0.1:1")
    with pytest.raises(TokenUnavailableError) as caught:
        TokenSession().post("https://login.example.test/token", {}, {})
    assert "canary" not in str(caught.value)


def test_a_server_with_an_ipv6_address_stands_in_brackets() -> None:
    assert HttpProxy("p", 1).request("2001:db8::1", 443).startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://ana:secret-canary/7@proxy:3128",
        "http://ana:canary#7@proxy:3128",
        "http://ana:canary?7@proxy:3128",
        "http://ana:1234/canary@proxy:3128",  # "ana" port 1234, if one took it as it stands
        "http://ana:canary@[proxy:3128",
        "http://ana:canary\u2100@proxy:3128",
        "http://ana:x@proxy:canary",
    ],
)
def test_a_password_that_is_not_escaped_is_quoted_nowhere(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        proxy_for("api.example.org", 443, url)
    lines = 'provider = "mailgun"', 'via = "api"', 'key = "k"', 'domain = "example.org"', f'proxy = "{url}"'
    [(key, sentence)] = account_problems(tmp_path, *lines).items()
    assert key == "proxy" and "%2F" in sentence and "%2F" in str(caught.value)
    assert not any(part in f"{sentence} {caught.value}" for part in ("canary", "1234", "secret"))
