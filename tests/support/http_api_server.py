"""A provider's HTTP API on loopback, which can fail at every stage of a request.

    with HttpApiServer("mailgun", faults=[Fault(nth=3, do=cut_after())]) as server:
        campaign.write(account=server.account_lines())

Requests are held against what the vendor documents (`tests.support.http_apis`); what is wrong with one is
in `problems`.  `accepted` is the server's own record, `doubtful` whose message had no answer; of
one of the `cut_early` the client may have written all, and knows as little.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, Self

import h11

from tests.support.http_apis import (
    KEY,
    LOOKUPS,
    QUOTAS,
    READ,
    SECRET,
    YES,
    Answer,
    Incoming,
    Taken,
    WrongRequestError,
    quota,
)
from tests.support.http_apis import error as error_answer
from tests.support.patience import PATIENCE

KEYS = {
    "gmail": f'user = "ana@gmail.com"\nkey = "{KEY}"',
    "microsoft365": f'user = "ana@example.org"\nkey = "{KEY}"',
    "ses": f'key = "{KEY}"\nsecret = "{SECRET}"\nregion = "eu-west-1"',
    "mailgun": f'key = "{KEY}"\ndomain = "mg.example.org"',
    "mailjet": f'key = "{KEY}"\nsecret = "{SECRET}"',
}


@dataclass(frozen=True)
class Fault:
    """What is done instead of the usual answer.

    `nth` counts the requests with a message from 1 (0: any), `every` strikes each so many-th.  `at` is
    "head" (the head was read), "body" (half of the body was) or "request" (all of it).
    """

    do: Callable[[Exchange], None]
    at: str = "request"
    nth: int = 0
    every: int = 0
    recipient: str = ""

    def strikes(self, at: str, number: int, recipient: str) -> bool:
        if at != self.at or (self.recipient and self.recipient != recipient):
            return False
        return number == self.nth if self.nth else not self.every or number % self.every == 0


class Striking(Protocol):
    """A fault, or what acts like one."""

    @property
    def do(self) -> Callable[[Exchange], None]: ...

    def strikes(self, at: str, number: int, recipient: str) -> bool: ...


@dataclass
class Exchange:
    """One request on one connection; `taken` is None while it is not whole."""

    server: HttpApiServer
    sock: socket.socket
    http: h11.Connection
    number: int
    taken: Taken | None = None
    is_over: bool = False

    def take(self) -> None:
        assert self.taken
        self.server.take(self.taken)

    def answer(self, answer: Answer, *, chunked: bool = False, drip: bool = False) -> None:
        status, headers, value = answer
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
        response = h11.Response(status_code=status, headers=[*headers.items(), framing])
        pieces = [body[n : n + 7] for n in range(0, len(body), 7)] if chunked else [body]
        octets = self.http.send(response) or b""
        octets += b"".join(self.http.send(h11.Data(data=piece)) or b"" for piece in pieces)
        octets += self.http.send(h11.EndOfMessage()) or b""
        for one in [octets[n : n + 1] for n in range(len(octets))] if drip else [octets]:
            self.sock.sendall(one)

    def yes(self, **how: bool) -> None:
        assert self.taken
        self.take()
        self.answer(YES[self.server.preset](self.number, self.taken), **how)

    def hang_up(self, *, reset: bool = False) -> None:
        self.is_over = True
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


# -- What a fault can do


def answer(status: int, value: Any = None, **headers: str) -> Callable[[Exchange], None]:
    """Answer this and take nothing."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda each: each.answer((status, {"Content-Type": "application/json", **fields}, value))


def said(of: Answer) -> Callable[[Exchange], None]:
    return lambda each: each.answer(of)


def fault_after(status: int, *, takes: bool) -> Callable[[Exchange], None]:
    """Answer a fault of the server's own; the client cannot know whether it took the message."""

    def do(each: Exchange) -> None:
        assert each.taken
        each.server.doubtful[each.taken.recipient] += 1
        if takes:
            each.take()
        each.answer((status, {}, b""))

    return do


def cut(*, reset: bool = False) -> Callable[[Exchange], None]:
    """Hang up without an answer, nothing taken; a doubt only where the request was whole."""

    def do(each: Exchange) -> None:
        if each.taken:
            each.server.doubtful[each.taken.recipient] += 1
        else:
            each.server.cut_early += 1
        each.hang_up(reset=reset)

    return do


def take_then_cut() -> Callable[[Exchange], None]:
    """Take the message and hang up without an answer."""

    def do(each: Exchange) -> None:
        assert each.taken
        each.server.doubtful[each.taken.recipient] += 1
        each.take()
        each.hang_up()

    return do


def yes_then_close() -> Callable[[Exchange], None]:
    """Answer and hang up without having said so: an idle connection that is closed."""

    def do(each: Exchange) -> None:
        # The end of the stream in one packet with the answer: else the next request might come between.
        cork = getattr(socket, "TCP_CORK", None)
        if cork is not None:
            each.sock.setsockopt(socket.IPPROTO_TCP, cork, 1)
        each.yes()
        each.sock.shutdown(socket.SHUT_WR)
        each.hang_up()

    return do


def slowly() -> Callable[[Exchange], None]:
    """Answer octet by octet, in chunks."""
    return lambda each: each.yes(chunked=True, drip=True)


def chunked() -> Callable[[Exchange], None]:
    return lambda each: each.yes(chunked=True)


def is_empty(incoming: Incoming) -> bool:
    """True for a submission of nothing, as `doctor` tries a key."""
    return len(incoming.body) < 300 and b"@" not in incoming.body


class HttpApiServer:
    """One provider's API; `context` makes it speak TLS.  `keys` are those of idempotent requests."""

    def __init__(
        self, preset: str, *, faults: Sequence[Striking] = (), context: ssl.SSLContext | None = None
    ) -> None:
        self.preset, self._context = preset, context
        self.faults: list[Striking] = list(faults)
        self.accepted: list[Taken] = []
        self.problems: list[str] = []
        self.doubtful: Counter[str] = Counter()
        self.cut_early = 0
        self.quota_path, self.account = QUOTAS.get(preset, ("", (404, {}, None)))
        self.is_valid: Callable[[str], bool] | None = None  # of OAuth tokens; None: the key of the account
        self.requests: list[Incoming] = []
        self.others: Callable[[Incoming], Answer | None] = lambda _: None
        self._known: dict[str, tuple[bytes, Answer]] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self._context else f"http://127.0.0.1:{self.port}"

    def account_lines(self) -> str:
        """Lines of `[accounts.relay]`."""
        keys = KEYS.get(self.preset, f'key = "{KEY}"')
        return f'provider = "{self.preset}"\nvia = "api"\nurl = "{self.url}"\n{keys}'

    def take(self, taken: Taken) -> None:
        with self._lock:
            self.accepted.append(taken)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._open.add(sock)
            http = h11.Connection(h11.SERVER)
            while self._one(sock, http):
                http.start_next_cycle()
        self._open.discard(sock)
        sock.close()

    def _one(self, sock: socket.socket, http: h11.Connection) -> bool:
        request = self._event(sock, http)
        if not isinstance(request, h11.Request):
            return False
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        path = request.target.decode().partition("?")[0]
        is_message = request.method == b"POST" and "search" not in path and path != self.quota_path
        with self._lock:
            self._number += is_message
            number = self._number
        each = Exchange(self, sock, http, number)
        if is_message and self._strike(each, "head"):
            return False
        body, length = b"", int(headers.get("content-length", "0"))
        while isinstance(event := self._event(sock, http), h11.Data):
            body += event.data
            if is_message and len(body) * 2 >= length and self._strike(each, "body"):
                return False
        if not isinstance(event, h11.EndOfMessage):
            return False
        incoming = Incoming(request.method.decode(), request.target.decode(), headers, body)
        with self._lock:
            self.requests.append(incoming)
        self._answer(each, incoming, is_message)
        return not each.is_over and http.our_state is h11.DONE and http.their_state is h11.DONE

    def _answer(self, each: Exchange, incoming: Incoming, is_message: bool) -> None:
        if other := self.others(incoming) or self._refused_token(incoming):
            each.answer(other)
            return
        try:
            if not is_message:
                each.answer(self._looked_up(incoming))
                return
            each.taken = READ[self.preset](incoming)
        except Exception as error:
            if is_empty(incoming):
                each.answer(self._missed(str(error)))
                return
            if not isinstance(error, WrongRequestError | KeyError | ValueError):
                raise
            self.problems.append(f"{type(error).__name__}: {error}")
            each.answer((404, {}, b""))
            return
        key = incoming.headers.get("idempotency-key")
        if key and (known := self._known.get(key)):
            same = known[0] == incoming.body
            name = {"name": "invalid_idempotent_request", "message": "", "statusCode": 409}
            each.answer(known[1] if same else (409, {"Content-Type": "application/json"}, name))
            return
        if self._strike(each, "request"):
            if key and any(one is each.taken for one in reversed(self.accepted)):
                self._known[key] = incoming.body, YES[self.preset](each.number, each.taken)
            return
        each.yes()
        if key:
            self._known[key] = incoming.body, YES[self.preset](each.number, each.taken)

    def _refused_token(self, incoming: Incoming) -> Answer | None:
        """The answer to a token that does not hold; one that does stands for the account's key."""
        if self.is_valid is None:
            return None
        token = incoming.headers.get("authorization", "").removeprefix("Bearer ")
        if self.is_valid(token):
            incoming.headers["authorization"] = f"Bearer {KEY}"
            return None
        name = "authError" if self.preset == "gmail" else "InvalidAuthenticationToken"
        return error_answer(self.preset, 401, name, f"the token {token} does not hold")

    def _missed(self, sentence: str) -> Answer:
        """The answer to a request without a message: the key is looked at first."""
        if "key" in sentence or "Basic" in sentence or "signed" in sentence:
            name = "Invalid_Key" if self.preset == "mandrill" else ""
            return error_answer(self.preset, 401, name, f"the key is not valid: {sentence}")
        if self.preset == "mandrill":
            return error_answer(self.preset, 500, "ValidationError", "raw_message is missing")
        return error_answer(self.preset, 400, "", "a field that is required is missing")

    def _looked_up(self, incoming: Incoming) -> Answer:
        """Answer a request that asks for something."""
        if incoming.path == self.quota_path:
            return quota(incoming, self.account)
        path, answer = LOOKUPS.get(self.preset, ("", None))
        if answer is None or not incoming.path.startswith(path):
            raise WrongRequestError(f"there is nothing at {incoming.target}")
        return answer(incoming, self.accepted)

    def _strike(self, each: Exchange, at: str) -> bool:
        recipient = each.taken.recipient if each.taken else ""
        for fault in self.faults:
            if fault.strikes(at, each.number, recipient):
                fault.do(each)
                return True
        return False

    @staticmethod
    def _event(sock: socket.socket, http: h11.Connection) -> Any:
        while True:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError:
                return None
            if event is not h11.NEED_DATA:
                return event
            try:
                http.receive_data(sock.recv(65536))
            except OSError:
                return None
