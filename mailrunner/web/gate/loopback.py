"""The gate of the catcher: requests to this very address, changes from its own pages or no browser.

A page of another site can reach a server on this machine through the browser: by a name that it lets point to
127.0.0.1 (the Host header then is that name), or by a form (the browser says from which site).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from mailrunner.web.gate.headers import SAFE, is_from_own_page, with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class LoopbackGate:
    """In front of an application that listens on loopback at this port."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to another host, 403 to a change from another site, and hand on all else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self._hosts:
            await PlainTextResponse("this address is not served here\n", 421)(scope, receive, send)
        elif scope["method"] not in SAFE and is_from_own_page(headers, self._origins) is False:
            await PlainTextResponse("a change is taken from these pages alone\n", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        await send(with_headers(message, _POLICY) if message["type"] == "http.response.start" else message)

    return sent
