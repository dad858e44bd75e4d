"""The client's address behind proxies: X-Forwarded-For and X-Forwarded-Proto, from trusted hops alone.

Each proxy appends the address that it saw, so what a client made up stands on the left.  Read from the
right, past the proxies that were named, the first other address is the client's.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

EVERY = "*"


class TrustedProxies:
    """IP addresses or networks with commas between them; "" for none.

    "*" is any client that connects, and that one alone: the address that it saw itself.
    """

    def __init__(self, proxies: str) -> None:
        self._is_any = proxies.strip() == EVERY
        named = () if self._is_any else (part.strip() for part in proxies.split(","))
        self._networks = [ip_network(part) for part in named if part]

    def trusts(self, host: str) -> bool:
        """True if the program that connects from `host` ("" for a Unix socket) is a proxy of ours."""
        return self._is_any or self._is_named(host)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """The client's address: of `peer`, who connects, and the X-Forwarded-For fields that it sent."""
        if not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed([hop for field in forwarded for hop in field.split(",")]):
            address = _address(hop)
            if address is None:
                break
            client = address
            if not self._is_named(address):
                break
        return client

    def _is_named(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(ip_address(address) in network for network in self._networks)


class Forwarded:
    """The application, with the client's own address and scheme in its scope."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = self._seen(scope)
        await self._app(scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        peer, port = scope["client"] or ("", 0)
        if not self._proxies.trusts(peer):
            return scope
        client = self._proxies.client(peer, _fields(scope, b"x-forwarded-for"))
        schemes = ",".join(_fields(scope, b"x-forwarded-proto")).split(",")
        scheme = schemes[-1].strip().lower()
        return {
            **scope,
            "client": (client, port if client == peer else 0),
            "scheme": scheme if scheme in ("http", "https") else scope["scheme"],
        }


def _fields(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in scope["headers"] if found == name]


def _address(hop: str) -> str | None:
    """The IP address of a hop, without its port; None where it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
