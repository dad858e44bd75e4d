"""The short path of one-click requests."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.web.one_click_fast_path import OneClick

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


SIGNER = TokenSigner((b"secret",))


async def ask(path: str, *bodies: dict[str, Any] | None) -> list[str]:
    """Post a body in these parts, None for one that does not come in time; who was asked, what was read."""
    seen: list[str] = []
    parts = list(bodies)

    async def receive() -> MutableMapping[str, Any]:
        part = parts.pop(0)
        if part is None:
            await asyncio.Event().wait()
        assert part is not None
        return {"type": "http.request", **part}

    async def send(message: MutableMapping[str, Any]) -> None:
        """The answer is not read."""

    async def usual(scope: Scope, receive: Receive, send: Send) -> None:
        read = [(await receive())["body"].decode() for _ in range(sum(part is not None for part in bodies))]
        seen.append("usual: " + "".join(read))

    async def answer(request: Request, delivery: int) -> Response:
        seen.append(f"short: {delivery}")
        return Response()

    site = OneClick(usual, signer=SIGNER, answer=answer)
    await site({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return seen


WHOLE = {"body": b"List-Unsubscribe=One-Click"}
LINK = f"/u/{SIGNER.token(UNSUBSCRIBE, 7)}"


@pytest.mark.parametrize(
    ("path", "bodies", "seen"),
    [
        (LINK, [WHOLE], "short: 7"),
        (LINK, [{"body": b"leave="}], "usual: leave="),
        (LINK, [{"body": b"One-", "more_body": True}, {"body": b"Click"}], "usual: One-Click"),
        (LINK, [None, WHOLE], "usual: List-Unsubscribe=One-Click"),
        ("/u/forged", [WHOLE], "usual: List-Unsubscribe=One-Click"),
        (f"/p/{SIGNER.token(UNSUBSCRIBE, 7)}", [WHOLE], "usual: List-Unsubscribe=One-Click"),
    ],
    ids=["a click", "a form", "in pieces", "late", "forged", "another page"],
)
def test_only_a_whole_click_on_a_genuine_link_goes_the_short_way(
    path: str, bodies: list[dict[str, Any] | None], seen: str
) -> None:
    assert asyncio.run(ask(path, *bodies)) == [seen]
