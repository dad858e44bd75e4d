"""Authorization servers that lie: each ends with a sentence, in bounded memory."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import pytest

from mailrunner.transports.oauth import requests
from mailrunner.transports.oauth.errors import TokenUnavailableError
from mailrunner.transports.oauth.requests import TokenSession
from tests.transports.http.test_transport import Script, whole

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(bytes(200_000_000))
SECRET = "canary-secret-93f0"


def asked(pieces: Iterable[bytes]) -> requests.TokenAnswer:
    def act(sock: socket.socket, _: bytes) -> None:
        whole(sock)
        for piece in pieces:
            sock.sendall(piece)

    with Script([act]).served() as port:
        return TokenSession().post(f"http://127.0.0.1:{port}/token", {"client_secret": SECRET}, {})


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "*")
    yield


@pytest.mark.parametrize("piece", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_server_that_never_comes_to_its_answer_is_given_up(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_IN_ALL", 0.2)
    with pytest.raises(TokenUnavailableError, match="does not end its answer"):
        asked(repeat(piece))


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}"),
        (HEAD, b"Content-Length: 99\r\n\r\n{}"),
        (HEAD, b"X-A: ", b"b" * 2_000_000, b"\r\n\r\n"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",),
        (b"\x16\x03\x01hello",),
        chain((HEAD, b"\r\n"), repeat(b"x" * 10_000)),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(pieces: Iterable[bytes]) -> None:
    with pytest.raises(TokenUnavailableError) as told:
        asked(pieces)
    assert "127.0.0.1" in str(told.value) and SECRET not in str(told.value)


def test_a_compressed_answer_is_not_unpacked() -> None:
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    assert len(BOMB) < 250_000
    answer = asked((head, BOMB))
    assert answer.content == BOMB
    with pytest.raises(ValueError):
        answer.json()


def test_a_proxy_that_is_no_address_is_a_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", f"nonsense://ana:{SECRET}@[::1:99999")
    with pytest.raises(TokenUnavailableError) as told:
        TokenSession().post("https://token.example/token", {}, {})
    assert "token.example" in str(told.value) and SECRET not in str(told.value)
