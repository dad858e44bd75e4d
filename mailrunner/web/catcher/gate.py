"""Which requests are answered: those to this very address, and changes from its own pages or from no browser.

A page of another site can reach a server on this machine through the browser: by a name that it lets point to
127.0.0.1 (the Host header then is that name), or by a form (the browser says from which site).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_READING = ("GET", "HEAD")


class LoopbackGate:
    """In front of an application that listens on loopback at this port."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to another host, 403 to a change from another site, and hand on all else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts:
            await PlainTextResponse("this address is not served here\n", 421)(scope, receive, send)
        elif scope["method"] not in _READING and not self._is_own(headers):
            await PlainTextResponse("a change is taken from these pages alone\n", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _is_own(self, headers: Headers) -> bool:
        """True where a browser says that its own page asks, or where no browser asks.

        Every browser of today sends one of the two headers with a change (Fetch Metadata; Fetch, §3.2).
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site == "same-origin"
        return origin is None or origin.removeprefix("http://").lower() in self._hosts


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            named = {name for name, _ in message["headers"]}
            more = [header for header in _HEADERS if header[0] not in named]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent
