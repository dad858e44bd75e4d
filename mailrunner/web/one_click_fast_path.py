"""The short path of the most frequent request: a mail program's one-click unsubscribe (RFC 8058 §3.1).

After a large mailing a mail provider sends hundreds of them a second.  Such a request needs no routing, no
page and no language, so it is answered before the rest of the application sees it.  Whatever is not
plainly one (a form of ours, a forged link, a body in pieces) takes the normal path, with what was read of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mailrunner.model.tokens import UNSUBSCRIBE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mailrunner.model.tokens import TokenSigner

MARK = b"One-Click"
_PATH = "/u/"
_AT_ONCE = 0.5  # seconds; a body that takes longer is read on the normal path
Answer = Callable[[Request, int], Awaitable[Response]]


class OneClick:
    """The application with a short path for one-click requests; `answer` handles one for a delivery."""

    def __init__(self, app: ASGIApp, *, signer: TokenSigner, answer: Answer) -> None:
        self._app, self._signer, self._answer = app, signer, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery(scope)
        if delivery is None:
            await self._app(scope, receive, send)
            return
        first = await _first(receive)
        if first is not None and not first.get("more_body") and MARK in first.get("body", b""):
            answer = await self._answer(Request(scope), delivery)
            await answer(scope, receive, send)
        else:
            await self._app(scope, _again(first, receive), send)

    def _delivery(self, scope: Scope) -> int | None:
        """The delivery of a POST to a genuine link; None for any other request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_PATH):
            return None
        return self._signer.number(UNSUBSCRIBE, scope["path"].removeprefix(_PATH))


async def _first(receive: Receive) -> Message | None:
    try:
        async with asyncio.timeout(_AT_ONCE):
            return await receive()
    except TimeoutError:
        return None


def _again(first: Message | None, receive: Receive) -> Receive:
    """A `receive` that begins with what was read."""
    read = [] if first is None else [first]

    async def receive_again() -> Message:
        return read.pop() if read else await receive()

    return receive_again
