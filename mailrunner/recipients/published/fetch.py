"""One bounded download: https, public addresses only, so many octets, seconds and redirects, and no more.

The address of a list stands in a file that others may have written: it must not make this machine ask its own
network.  http and loopback addresses are taken only where the file itself names this machine.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted
from mailrunner.transports import network

MOST_OCTETS = 64 << 20
MOST_SECONDS = 60.0
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOW_TO_PUBLISH = (
    "in Google Sheets: File, Share, Publish to web, as comma-separated values; take that address"
)


class FetchBounds(NamedTuple):
    """The bounds of one download, its redirects included."""

    octets: int = MOST_OCTETS
    seconds: float = MOST_SECONDS


class _RefusedError(Exception):
    """The sentence and the hint of a download that cannot be."""


def shown(url: str) -> str:
    """The address in messages: its host alone, as what follows may be a secret."""
    return f"https://{urlsplit(url).hostname or ''}/…"


def fetch(url: str, bounds: FetchBounds = FetchBounds()) -> bytes:  # noqa: B008 - it cannot change
    """The octets at `url`; raise UserError with the next step where they cannot be had within the bounds."""
    try:
        return _follow(urlsplit(url.strip()), bounds)
    except _RefusedError as error:
        raise UserError(Problem(error.args[0], shown(url), hint=error.args[1])) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = f"it cannot be fetched: {error or type(error).__name__}"
        hint = "try again, or save the list into data/ and name the file"
        raise UserError(Problem(message, shown(url), hint=hint)) from None


def _follow(url: SplitResult, bounds: FetchBounds) -> bytes:
    is_own = (url.hostname or "") in _LOOPBACK
    open_connections: list[http.client.HTTPConnection] = []
    is_over = threading.Event()
    watch = threading.Timer(bounds.seconds, _cut, (open_connections, is_over))
    watch.daemon = True
    watch.start()
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            answer = _ask(url, is_own, bounds, open_connections)
            if isinstance(answer, bytes):
                return answer
            url = urlsplit(urljoin(url.geturl(), answer))
        raise _RefusedError("it leads from one address to the next", "name the last one")
    except (OSError, http.client.HTTPException, ValueError):
        if not is_over.is_set():
            raise
        hint = "save the list into data/ and name the file"
        raise _RefusedError(
            f"it did not come within {counted(int(bounds.seconds), 'second')}", hint
        ) from None
    finally:
        watch.cancel()
        for connection in open_connections:
            connection.close()


def _cut(connections: list[http.client.HTTPConnection], is_over: threading.Event) -> None:
    """End what still waits: a server that sends an octet now and then would hold a command for ever."""
    is_over.set()
    for connection in connections:
        with suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)


def _ask(
    url: SplitResult, is_own: bool, bounds: FetchBounds, connections: list[http.client.HTTPConnection]
) -> bytes | str:
    """The body, or the address to which the server sends on."""
    connection = _connection(url, is_own, bounds.seconds)
    connections.append(connection)
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    connection.request("GET", path, headers={"Accept": "text/csv, text/plain", "Accept-Encoding": "identity"})
    response = connection.getresponse()
    if response.status in _REDIRECTS:
        return response.getheader("Location") or ""
    _refuse_answer(response)
    body = bytearray()
    while block := response.read(1 << 16):
        body += block
        if len(body) > bounds.octets:
            raise _RefusedError(
                f"it has more than {bounds.octets >> 20} MB", "save it into data/ and name the file"
            )
    return bytes(body)


def _refuse_answer(response: http.client.HTTPResponse) -> None:
    if response.status in (401, 403):
        raise _RefusedError("the server shows it only after a login", _HOW_TO_PUBLISH)
    if response.status != 200:
        raise _RefusedError(
            f"the server answered {response.status} {response.reason}", "is the address right?"
        )
    if "html" in (response.getheader("Content-Type") or "").lower():
        raise _RefusedError("it is a web page, not CSV", _HOW_TO_PUBLISH)


def _connection(url: SplitResult, is_own: bool, seconds: float) -> http.client.HTTPConnection:
    host, is_plain = url.hostname or "", url.scheme == "http"
    if url.scheme not in ("http", "https") or not host or (is_plain and host not in _LOOPBACK):
        raise _RefusedError("a list is fetched by https alone", "write https://…")
    if url.username or url.password:
        raise _RefusedError("its address holds a password", "publish it without one, or save it into data/")
    port = url.port or (80 if is_plain else 443)
    place = _public_place(host, port, is_own, seconds)
    return _Pinned(host, port, place, None if is_plain else ssl.create_default_context(), seconds)


def _public_place(host: str, port: int, is_own: bool, seconds: float) -> str:
    """The IP address to connect to: asked once, so that no second answer leads elsewhere."""
    found = [str(sockaddr[0]) for _, sockaddr in network.resolve(host, port, seconds=seconds)]
    for place in found:
        address = ipaddress.ip_address(place.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not address.is_global and not (is_own and host in _LOOPBACK and address.is_loopback):
            raise _RefusedError(
                "its address is one of a private network", "save it into data/ and name the file"
            )
    return found[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to one IP address, verified by the name of its host."""

    def __init__(
        self, host: str, port: int, place: str, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        super().__init__(host, port, timeout=seconds)
        self._place, self._context = place, context

    def connect(self) -> None:
        self.sock = socket.create_connection((self._place, self.port), self.timeout)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
