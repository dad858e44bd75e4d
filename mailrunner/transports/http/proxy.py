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

from mailrunner.transports.redaction import without_password

_LONGEST_HEAD = 65536  # octets until the answer to CONNECT is whole, answers before it (1xx) among them
_PORT = 3128
_LOCAL = ("localhost", "127.", "[::1]", "::1")
_UNUSABLE = (
    'is no proxy that can be used; write "http://USER:PASSWORD@proxy.example.org:3128", '
    "in a password %2F for /, %3F for ?, %23 for #, %40 for @"
)


class ProxyFailedError(Exception):
    """A proxy that did not answer CONNECT; a sentence that names it."""


@dataclass(frozen=True, slots=True, repr=False)
class HttpProxy:
    """A proxy; `login` is "user:password" or ""."""

    host: str
    port: int
    login: str = ""

    @classmethod
    def parse(cls, url: str) -> HttpProxy:
        """Read "http://user:password@proxy:3128"; ValueError is a sentence that quotes no password."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:  # its words quote what stands where the port should, which may be a password
            raise ValueError(_UNUSABLE) from None
        # A password with "/" in it ends the host too early: the rest would be taken for a path.
        if parts.scheme != "http" or not host or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(_UNUSABLE)
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        return cls(host, port or _PORT, login)

    @property
    def name(self) -> str:
        """The proxy in a sentence."""
        return f"the proxy {self.host} port {self.port}"

    def request(self, host: str, port: int) -> bytes:
        """The octets of CONNECT."""
        authority = _authority(host, port)
        headers = [("Host", authority)]
        if self.login:
            headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(self.login.encode()).decode()}"))
        lines = [f"CONNECT {authority} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("ascii")

    def connect(self, sock: socket.socket, host: str, port: int, until: float) -> tuple[int, str]:
        """Ask for a tunnel on `sock`; return the status and the reason, 2xx where there is one now.

        Raises ProxyFailedError where there is no answer before `until`, or none that can be understood.
        """
        try:
            sock.settimeout(max(0.01, until - time.monotonic()))
            sock.sendall(self.request(host, port))
            answer = self._answer(sock, _authority(host, port), until)
        except TimeoutError:
            raise ProxyFailedError(f"{self.name} did not answer") from None
        except OSError as error:
            raise ProxyFailedError(f"{self.name} broke the connection: {error.strerror}") from None
        except h11.RemoteProtocolError:
            raise ProxyFailedError(f"{self.name} does not speak HTTP") from None
        return answer.status_code, self._without_login(answer.reason.decode("latin-1"))

    def _answer(self, sock: socket.socket, authority: str, until: float) -> h11.Response:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        http.send(h11.Request(method="CONNECT", target=authority, headers=[("Host", authority)]))
        http.send(h11.EndOfMessage())
        for _ in range(_LONGEST_HEAD):
            sock.settimeout(max(0.01, until - time.monotonic()))
            # An octet at a time: what stands behind the head is the other server's.
            if not (octet := sock.recv(1)):
                raise ProxyFailedError(f"{self.name} closed the connection")
            http.receive_data(octet)
            if isinstance(event := http.next_event(), h11.Response):
                return event
            if time.monotonic() >= until:
                break
        raise ProxyFailedError(f"{self.name} does not end its answer")

    def _without_login(self, text: str) -> str:
        """What the proxy says, without the password: it may repeat the request."""
        user, _, password = self.login.partition(":")
        return without_password(text, user=user, password=password, mark="***")


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
