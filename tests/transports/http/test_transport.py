"""The HTTP transport against a real server on loopback: what each end of a request proves."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.rendering.mime import Message
from mailrunner.rendering.segments import SegmentedText
from mailrunner.transports.apis import ApiSettings
from mailrunner.transports.apis.bearer import FixedBearer
from mailrunner.transports.apis.registry import api
from mailrunner.transports.http import transport as transport_module
from mailrunner.transports.http.server_route import HttpReach
from mailrunner.transports.http.transport import HttpTransport
from mailrunner.transports.smtp.poller import wait_for
from tests.support.connect_proxy import ConnectProxy
from tests.support.patience import PATIENCE

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
KEY = "canary-key-41d7"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"id": "7"}'


def message(size: int = 100) -> Message:
    head = b"From: a@example.org\r\nTo: b@example.org\r\nX-Mailrunner-Delivery: tok"
    return Message(
        sender="a@example.org",
        recipient="b@example.org",
        data=head + b"\r\n\r\n" + b"x" * size + b"\r\n",
        smtputf8=False,
        has_leading_dots=False,
        subject="hello",
        html_segments=None,
        text_segments=SegmentedText(("x" * size,)),
        head=head,
        mailboxes=(MailboxAddress("", "a@example.org"), MailboxAddress("", "b@example.org"), None),
        delivery_token="tok",
    )


@dataclass
class Script:
    """A server that does this for each connection in turn; `read` is what it got of each."""

    acts: list[Callable[[socket.socket, bytes], None]]
    read: list[bytes] = field(default_factory=list)
    context: ssl.SSLContext | None = None

    @contextmanager
    def served(self) -> Iterator[int]:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # a large message does not fit in
        thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(PATIENCE)

    def _serve(self, listener: socket.socket) -> None:
        for act in self.acts:
            try:
                sock, _ = listener.accept()
                if self.context:
                    sock = self.context.wrap_socket(sock, server_side=True)
            except OSError:
                return
            with sock, suppress(OSError):  # the client may hang up first
                act(sock, b"")


def received(sock: socket.socket) -> bytes:
    """What comes next; raises OSError at the end."""
    octets = sock.recv(65536)
    if not octets:
        raise ConnectionResetError
    return octets


def whole(sock: socket.socket) -> bytes:
    """Read one request to its end."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        octets += received(sock)
    head, _, body = octets.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += received(sock)
    return head + b"\r\n\r\n" + body


def after(octets: bytes) -> Callable[[socket.socket, bytes], None]:
    """Read the whole request, answer this, hang up."""

    def act(sock: socket.socket, _: bytes) -> None:
        whole(sock)
        sock.sendall(octets)

    return act


def transport(
    port: int, preset: str = "mailgun", *, timeout: float = PATIENCE, scheme: str = "http", **how: object
) -> HttpTransport:
    host = "localhost" if scheme == "https" else "127.0.0.1"
    url, bearer = f"{scheme}://{host}:{port}", FixedBearer(KEY)
    context = how.get("context")
    assert context is None or isinstance(context, ssl.SSLContext)
    return HttpTransport(
        api=api(preset, ApiSettings(url=url, bearer=bearer, domain="mg.example.org")),
        bearer=bearer,
        reach=HttpReach(url=url, context=context, own_proxy=str(how.get("proxy", "")), timeout=timeout),
        timeout=timeout,
        secrets=lambda: (KEY,),
        view=MessagePieces,  # type: ignore[arg-type]
    )


def sent(act: Callable[[socket.socket, bytes], None], *, size: int = 100, preset: str = "mailgun") -> Outcome:
    with Script([act]).served() as port:
        made = transport(port, preset)
        outcome = made.send(message(size))
        made.close()
    return outcome


def test_a_yes_is_sent_with_the_providers_id() -> None:
    outcome = sent(after(OK))
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.SENT, "7")


def test_all_written_and_no_answer_is_in_doubt() -> None:
    assert sent(after(b"")).kind is OutcomeKind.IN_DOUBT


def test_not_wholly_written_was_not_taken() -> None:
    def act(sock: socket.socket, _: bytes) -> None:
        sock.recv(1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    outcome = sent(act, size=20_000_000)
    assert (outcome.kind, outcome.scope) == (OutcomeKind.DEFERRED, Scope.CONNECTION)
    assert outcome.offered and outcome.implicated


def test_a_refusal_before_all_was_written_is_read() -> None:
    def act(sock: socket.socket, _: bytes) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")
        while sock.recv(65536):
            pass

    outcome = sent(act, size=20_000_000)
    assert (outcome.kind, outcome.scope) == (OutcomeKind.REFUSED, Scope.RECIPIENT)


def test_a_fault_before_all_was_written_is_no_doubt() -> None:
    def act(sock: socket.socket, _: bytes) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        while sock.recv(65536):
            pass

    assert sent(act, size=20_000_000).kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507, 599])
def test_a_fault_after_the_body_is_in_doubt(status: int) -> None:
    answer = f"HTTP/1.1 {status} Fault\r\nContent-Length: 4\r\n\r\nOops".encode()
    assert sent(after(answer)).kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()
    outcome = sent(after(answer))
    assert (outcome.kind, outcome.scope, outcome.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, True)


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"garbage\r\n\r\n", OutcomeKind.IN_DOUBT),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, OutcomeKind.IN_DOUBT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", OutcomeKind.SENT),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 50\r\n\r\n{", OutcomeKind.REFUSED),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<html",
            OutcomeKind.IN_DOUBT,
        ),
        (b"HTTP/1.1 102 Wait\r\n\r\n" * 9 + OK, OutcomeKind.SENT),
        (
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"id": "7"}\r\n0\r\n\r\n',
            OutcomeKind.SENT,
        ),
        (b'HTTP/1.0 200 OK\r\n\r\n{"id": "7"}', OutcomeKind.SENT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 3_000_000, OutcomeKind.SENT),
    ],
)
def test_an_answer_in_any_form_is_understood_as_far_as_it_goes(octets: bytes, kind: OutcomeKind) -> None:
    assert sent(after(octets)).kind is kind


@pytest.mark.parametrize("preset", ["mandrill", "smtp2go", "mailtrap"])
def test_a_yes_that_stands_in_the_body_must_be_read(preset: str) -> None:
    assert sent(after(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n["), preset=preset).kind is (
        OutcomeKind.IN_DOUBT
    )


Act = Callable[[socket.socket, bytes], None]


def secured(authority: trustme.CA) -> Callable[[bytes], Act]:
    """Makes what reads a request by TLS and answers it with some octets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def answering(octets: bytes) -> Act:
        def act(sock: socket.socket, _: bytes) -> None:
            with context.wrap_socket(sock, server_side=True) as secure:
                whole(secure)
                secure.sendall(octets)

        return act

    return answering


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_a_repeat_that_has_to_connect_again_holds_up_no_other_connection() -> None:
    authority, may_shake_hands = trustme.CA(), threading.Event()
    answering = secured(authority)

    def late(sock: socket.socket, octets: bytes) -> None:
        may_shake_hands.wait(PATIENCE)
        answering(OK)(sock, octets)

    with Script([answering(b""), late]).served() as port:
        made = transport(port, "resend", scheme="https", context=trusting(authority))
        assert made.open() is None
        made.offer(message())
        first = made.stream
        while made.stream is first:
            assert made.pump() == []  # it waits for nothing: the second handshake has not been allowed yet
            wait_for([made], 0.1)
        assert made.pump() == []
        may_shake_hands.set()
        while not (outcomes := made.pump()):
            wait_for([made], 1)
        made.close()
    assert [each.kind for each in outcomes] == [OutcomeKind.SENT]


def test_a_repeat_is_tried_again_while_the_server_takes_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport_module, "_FIRST_REPEAT", 0.001)
    authority = trustme.CA()
    answering = secured(authority)

    def refuse(sock: socket.socket, _: bytes) -> None:
        """Hang up before the handshake."""

    for refusals, kind in ((2, OutcomeKind.SENT), (4, OutcomeKind.IN_DOUBT)):
        with Script([answering(b""), *[refuse] * refusals, answering(OK)]).served() as port:
            made = transport(port, "resend", scheme="https", context=trusting(authority))
            outcome = made.send(message())
            made.close()
        assert (outcome.kind, made.pending) == (kind, 0)


def test_silence_after_the_whole_request_is_in_doubt_once_the_time_is_up() -> None:
    release = threading.Event()

    def act(sock: socket.socket, _: bytes) -> None:
        whole(sock)
        release.wait(PATIENCE)

    with Script([act]).served() as port:
        made = transport(port, timeout=1.5)
        outcome = made.send(message())
        release.set()
    assert outcome.kind is OutcomeKind.IN_DOUBT
    assert "within 1.5 s" in outcome.reason


def test_an_idle_connection_that_was_closed_is_noticed_before_it_is_used() -> None:
    closed = threading.Event()

    def act(sock: socket.socket, _: bytes) -> None:
        whole(sock)
        sock.sendall(OK)
        sock.close()
        closed.set()

    with Script([act, after(OK)]).served() as port:
        made = transport(port)
        assert made.send(message()).kind is OutcomeKind.SENT
        assert closed.wait(PATIENCE)
        wait_for([made], 5)
        assert made.pump() == []
        assert not made.is_open
        assert made.send(message()).kind is OutcomeKind.SENT
        made.close()


def test_a_connection_is_not_used_again_after_four_idle_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with Script([after(OK), after(OK)]).served() as port:
        made = transport(port)
        assert made.open() is None
        assert made.room == 1
        now = time.monotonic()
        monkeypatch.setattr("mailrunner.transports.http.transport.time.monotonic", lambda: now + 4.0)
        assert (made.room, made.is_open) == (0, False)
        made.close()


def test_a_message_whose_time_to_begin_has_passed_is_held_and_can_be_withdrawn() -> None:
    with Script([after(OK)]).served() as port:
        made = transport(port)
        assert made.open() is None
        made.offer(message(), within=-1.0)
        assert made.pump() == []
        held = [made.held]
        made.withdraw()
        assert made.pump() == []
        assert [*held, made.held, made.pending] == [0, None, 0]
        made.close()


def test_a_message_that_is_held_goes_on_once_it_is_permitted() -> None:
    with Script([after(OK)]).served() as port:
        made = transport(port)
        assert made.open() is None
        made.offer(message(), within=-1.0)
        assert made.pump() == []
        made.permit(within=5.0)
        while not (outcomes := made.pump()):
            wait_for([made], 5)
        made.close()
    assert outcomes[0].kind is OutcomeKind.SENT


def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    body = b'{"message": "bad key ' + KEY.encode() + b' given"}'
    answer = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    outcome = sent(after(answer))
    assert outcome.scope is Scope.CREDENTIALS
    assert KEY not in outcome.reason
    assert outcome.reply is not None and KEY not in outcome.reply.text


def test_three_faults_in_a_row_let_the_account_rest() -> None:
    fault = after(b"HTTP/1.1 500 Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with Script([fault] * 3).served() as port:
        made = transport(port)
        outcomes = [made.send(message()) for _ in range(3)]
        made.close()
    assert [each.kind for each in outcomes] == [OutcomeKind.IN_DOUBT] * 3
    assert [each.scope for each in outcomes] == [Scope.RECIPIENT, Scope.RECIPIENT, Scope.ACCOUNT]


def test_a_certificate_that_is_not_trusted_ends_the_connection_before_the_request(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Script([after(OK)], context=server).served() as port:
        made = transport(port, scheme="https", context=trusting)
        assert made.send(message(300_000)).kind is OutcomeKind.SENT
        made.close()
    with Script([after(OK)], context=server).served() as port:
        refused = transport(port, scheme="https", context=ssl.create_default_context()).send(message())
    assert (refused.scope, refused.offered) == (Scope.CAMPAIGN, False)
    assert "is not to be trusted" in refused.reason


def test_a_proxy_is_asked_for_a_tunnel_with_its_login() -> None:
    with (
        Script([after(OK)]).served() as port,
        ConnectProxy(allowed={f"127.0.0.1:{port}"}, login="ana:pass-canary") as proxy,
    ):
        made = transport(port, proxy=f"http://ana:pass-canary@127.0.0.1:{proxy.port}")
        assert made.send(message()).kind is OutcomeKind.SENT
        made.close()
        refused = transport(port, proxy=f"http://127.0.0.1:{proxy.port}").send(message())
    assert proxy.asked == [f"127.0.0.1:{port}"] * 2
    assert (refused.scope, refused.offered) == (Scope.CAMPAIGN, False)
    assert "it wants a login" in refused.reason


def test_a_host_that_is_not_on_the_proxys_list_is_named() -> None:
    with ConnectProxy(allowed=()) as proxy:
        refused = transport(9, proxy=f"http://127.0.0.1:{proxy.port}").send(message())
    assert "is not on it" in refused.reason
    assert (refused.scope, refused.at_once) == (Scope.CAMPAIGN, True)
