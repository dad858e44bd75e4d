"""Bodies of requests, within a time, a size, and a memory that all of them share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 20
_IN_ALL = 33_554_432  # octets


class BodyBudget:
    """The octets that bodies may take, in all; each client may have a quarter of them."""

    def __init__(self, octets: int = _IN_ALL) -> None:
        self._left, self._share = octets, octets // 4
        self._of: Counter[str] = Counter()

    @contextmanager
    def account(self, client: str) -> Iterator[BodyAccount]:
        """What one request takes; it is given back at the end of the block."""
        account = BodyAccount(self, client)
        try:
            yield account
        finally:
            self._give_back(client, account.taken)

    def take(self, client: str, octets: int) -> bool:
        """Take `octets` for `client`; False if there are not so many left."""
        if octets > self._left or self._of[client] + octets > self._share:
            return False
        self._left -= octets
        self._of[client] += octets
        return True

    def _give_back(self, client: str, octets: int) -> None:
        self._left += octets
        self._of[client] -= octets
        if not self._of[client]:
            del self._of[client]


class BodyAccount:
    """The octets of one request."""

    def __init__(self, budget: BodyBudget, client: str) -> None:
        self._budget, self._client = budget, client
        self.taken = 0

    def take(self, octets: int) -> None:
        """Take more; raises HTTPException 503 where memory is short."""
        if not self._budget.take(self._client, octets):
            raise HTTPException(503, headers={"retry-after": "30"})
        self.taken += octets


async def read_body(request: Request, most: int, account: BodyAccount) -> bytes:
    """The body, at most `most` bytes, counted on `account` as it comes.

    Raises HTTPException 413 for a larger one, 408 after BODY_SECONDS, 400 where the client disconnects, 503
    where memory is short.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                if len(body) + len(chunk) > most:
                    raise HTTPException(413)
                account.take(len(chunk))
                body += chunk
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)
