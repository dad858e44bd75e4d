"""The certificate of SNS is really fetched: over https from Amazon's name, which lies on loopback here."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from mailrunner.inbound.webhook_auth import fetch_certificate

HOST = "sns.eu-west-1.amazonaws.com"
URL = f"https://{HOST}/SimpleNotificationService-0123abcd.pem"
LONGEST = 65_536


class Amazon:
    """Answers every GET as `status`, `headers` and `body` say, and notes what was asked."""

    def __init__(self, certified: str, authority: trustme.CA) -> None:
        self.status, self.headers, self.body = 200, dict[str, str](), b"-----BEGIN CERTIFICATE-----"
        self.asked: list[tuple[str, str]] = []
        amazon = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                amazon.asked.append((self.headers["Host"], self.path))
                self.send_response(amazon.status)
                for name, value in {**amazon.headers, "Content-Length": str(len(amazon.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(amazon.body)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(certified).configure_cert(context)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one that this machine trusts."""
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return trusted


def on_loopback(amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Amazon's name lead to this server."""
    known = socket.getaddrinfo

    def resolve(host: str, port: int, *more: int) -> object:
        named = (host, port) == (HOST, 443)
        return known("127.0.0.1", amazon.server.server_port, *more) if named else known(host, port, *more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def amazon(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    running = Amazon(HOST, authority)
    on_loopback(running, monkeypatch)
    yield running
    running.stop()


def test_a_certificate_is_fetched_from_amazons_host(amazon: Amazon) -> None:
    assert fetch_certificate(URL) == amazon.body
    assert amazon.asked == [(HOST, "/SimpleNotificationService-0123abcd.pem")]


@pytest.mark.parametrize(("status", "headers"), [(404, {}), (302, {"Location": URL}), (500, {}), (204, {})])
def test_any_other_answer_is_none_and_a_redirect_is_not_followed(
    amazon: Amazon, status: int, headers: dict[str, str]
) -> None:
    amazon.status, amazon.headers = status, headers
    with pytest.raises(OSError, match=str(status)):
        fetch_certificate(URL)
    assert len(amazon.asked) == 1


def test_no_more_is_read_than_a_certificate_can_have(amazon: Amazon) -> None:
    amazon.body = b"x" * (LONGEST + 1_000)
    assert len(fetch_certificate(URL)) == LONGEST


@pytest.mark.parametrize("authentic", [True, False])
def test_a_server_that_cannot_prove_amazons_name_is_not_asked(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, authentic: bool
) -> None:
    other = Amazon("sns.example.org", authority) if authentic else Amazon(HOST, trustme.CA())
    on_loopback(other, monkeypatch)
    try:
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch_certificate(URL)
        assert other.asked == []
    finally:
        other.stop()
