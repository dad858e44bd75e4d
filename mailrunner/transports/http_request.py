"""Requests and answers of HTTP, as values; a body is encoded in pieces, while it is written."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PIECE = 57 * 1024  # bytes encoded at once: a multiple of three, so that pieces join without padding


class Base64Of:
    """The base64 of `octets` (RFC 4648 §4) without line breaks, made in pieces: messages may be large."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __len__(self) -> int:
        return 4 * ((len(self._octets) + 2) // 3)

    def pieces(self) -> Iterator[bytes]:
        view = memoryview(self._octets)
        for start in range(0, len(view), _PIECE):
            yield binascii.b2a_base64(view[start : start + _PIECE], newline=False)


BodyPart = bytes | Base64Of


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; `headers` are those beside Host and Content-Length.

    The body may be gone through more than once, and gives the same octets each time.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: Sequence[BodyPart] = ()

    @property
    def length(self) -> int:
        """Octets of the body."""
        return sum(map(len, self.body))

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time."""
        for part in self.body:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.pieces()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer whose status was read; `headers` by lower-case name.

    `whole` is false where the body was cut, or longer than is read of one.  `early`: it came before
    the request was wholly written, so the server cannot have had all of it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = True
    early: bool = False

    @property
    def is_page(self) -> bool:
        """True for a page for people: none of the APIs answers so, but what stands before them does."""
        return self.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            return None


def json_body(value: Any) -> list[BodyPart]:
    """`value` as JSON, where `Base64Of` may stand for a string."""
    parts: list[BodyPart] = []
    _write_json(value, parts)
    return _joined(parts)


def _write_json(value: Any, parts: list[BodyPart]) -> None:
    if isinstance(value, Base64Of):
        parts += (b'"', value, b'"')
    elif isinstance(value, dict):
        parts.append(b"{")
        for number, (name, inner) in enumerate(value.items()):
            parts.append((", " if number else "").encode() + json.dumps(name).encode() + b": ")
            _write_json(inner, parts)
        parts.append(b"}")
    elif isinstance(value, list | tuple):
        parts.append(b"[")
        for number, inner in enumerate(value):
            if number:
                parts.append(b", ")
            _write_json(inner, parts)
        parts.append(b"]")
    else:
        parts.append(json.dumps(value).encode())


def _joined(parts: Sequence[BodyPart]) -> list[BodyPart]:
    """The same with neighbouring bytes put together: each piece is written by itself."""
    joined: list[BodyPart] = []
    plain: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            plain.append(part)
            continue
        joined += (b"".join(plain), part)
        plain = []
    return [*joined, b"".join(plain)] if plain else joined
