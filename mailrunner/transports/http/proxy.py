"""HTTP proxies that an API is reached through: which one, and what CONNECT says to it (RFC 9110 §9.3.6).

The account's own `proxy` goes first, then the environment's HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper
or lower case; a server on this machine is never asked for through the environment's.
"""

from __future__ import annotations

import base64
import os
import socket
import time
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import h11

_LONGEST_HEAD = 65536
_PORT = 3128
_LOCAL = ("localhost", "127.", "[::1]", "::1")


@dataclass(frozen=True, slots=True, repr=False)
class HttpProxy:
    """A proxy; `login` is "user:password" or ""."""

    host: str
    port: int
    login: str = ""

    @classmethod
    def parse(cls, url: str) -> HttpProxy:
        """Read "http://user:password@proxy:3128"; ValueError is a sentence that quotes no password."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError('is no proxy that can be used; write "http://proxy.example.org:3128"')
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        return cls(parts.hostname, parts.port or _PORT, login)  # a port that is no number raises ValueError

    def request(self, host: str, port: int) -> bytes:
        """The octets of CONNECT."""
        authority = f"{host}:{port}"
        headers = [("Host", authority)]
        if self.login:
            headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(self.login.encode()).decode()}"))
        lines = [f"CONNECT {authority} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("ascii")

    def connect(self, sock: socket.socket, host: str, port: int, until: float) -> tuple[int, str]:
        """Ask for a tunnel on `sock`; return the status and the reason, 2xx where there is one now.

        Raises OSError, TimeoutError after `until`, and `h11.RemoteProtocolError` for what is no HTTP.
        """
        sock.settimeout(max(0.01, until - time.monotonic()))
        sock.sendall(self.request(host, port))
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        http.send(
            h11.Request(method="CONNECT", target=f"{host}:{port}", headers=[("Host", f"{host}:{port}")])
        )
        http.send(h11.EndOfMessage())
        while not isinstance(event := http.next_event(), h11.Response):
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            # An octet at a time: what stands behind the head is the other server's.
            http.receive_data(sock.recv(1))
        return event.status_code, event.reason.decode("latin-1")


def proxy_for(host: str, port: int, own: str) -> HttpProxy | None:
    """The proxy by which `host` is reached, `own` being the account's; None: directly.

    Raises ValueError where it is none that can be used.
    """
    if own:
        return HttpProxy.parse(own)
    found = _variable("https_proxy") or _variable("all_proxy")
    if not found or host.casefold().startswith(_LOCAL) or _is_exempt(host, port, _variable("no_proxy")):
        return None
    return HttpProxy.parse(found)


def _variable(name: str) -> str:
    return (os.environ.get(name) or os.environ.get(name.upper()) or "").strip()


def _is_exempt(host: str, port: int, exempt: str) -> bool:
    """True where NO_PROXY names the host: by name, domain, address, network, or all by "*"."""
    return any(
        _names(entry.strip().casefold(), host.casefold().rstrip("."), port) for entry in exempt.split(",")
    )


def _names(entry: str, host: str, port: int) -> bool:
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and ":" not in name:
        if int(number) != port:
            return False
        entry = name
    if not entry or entry == "*":
        return entry == "*"
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").removeprefix(".")
        return host == domain or host.endswith(f".{domain}")
