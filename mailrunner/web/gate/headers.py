"""Headers that both gates set on answers, and read of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.datastructures import Headers
    from starlette.types import Message

SAFE = ("GET", "HEAD")  # methods that change nothing (RFC 9110 §9.2.1)
_ALWAYS = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"cache-control", b"no-store"),
)


def with_headers(message: Message, policy: str) -> Message:
    """The start of an answer with the headers that it lacks; `policy` is the Content-Security-Policy."""
    own = message["headers"]
    named = {name for name, _ in own}
    wanted = ((b"content-security-policy", policy.encode()), *_ALWAYS)
    return {**message, "headers": [*own, *(header for header in wanted if header[0] not in named)]}


def is_from_own_page(headers: Headers, origins: Collection[str]) -> bool | None:
    """True where the browser says that a page of these origins asks; None where no browser asks.

    Every browser of today sends one of the two headers with a change (Fetch Metadata; Fetch, §3.2).
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return None if origin is None else origin.lower() in origins
