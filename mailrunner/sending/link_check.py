"""Links of a message that lead nowhere: asked for by `check --links`, and never while rendering.

Only links that are the same for all recipients are asked for, as they stand in the templates: one that a
row makes is that recipient's own, and asking for it may unsubscribe or confirm in their name.  HEAD, a few
seconds each, no address of a private network: a template must not reach what stands behind the firewall.
"""

from __future__ import annotations

import html
import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from mailrunner.rendering.inline_images import VALUE
from mailrunner.transports import network

MOST_LINKS = 100
_AT_ONCE = 8
_SECONDS = 8.0
_MOST_REDIRECTS = 5
_HREF = re.compile(r"<a\b[^>]*?\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_UNSUBSCRIBING = re.compile(r"unsub|abmeld|desabonn|désinscri|opt-?out|preferenc", re.IGNORECASE)
_GONE = (404, 410)
_HEADERS = {"User-Agent": "mailrunner (link check)", "Accept": "*/*"}


class DeadLink(NamedTuple):
    """A link, and what is wrong with it."""

    url: str
    reason: str


Resolve = Callable[[str, int], list[str]]
"""Gives the IP addresses of a host and port."""


def common_links(outline: str, excluded: Collection[str]) -> list[str]:
    """The links in the text of templates that have no value in them, each once, in their order.

    `excluded` are beginnings of addresses that are never asked for.
    """
    found = (double or single for double, single in _HREF.findall(outline))
    links = dict.fromkeys(
        html.unescape(link).strip() for link in found if VALUE not in link and "{" not in link
    )
    return [
        link
        for link in links
        if link.lower().startswith(("http://", "https://"))
        and not link.startswith(tuple(excluded))
        and not _UNSUBSCRIBING.search(link)
    ]


def addresses_of(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as the system resolves it."""
    return [str(sockaddr[0]) for _, sockaddr in network.resolve(host, port, seconds=_SECONDS)]


class LinkCheck:
    """Asks for links; with `allow_private` also those of this machine and its network, for tests there."""

    def __init__(self, *, allow_private: bool = False, resolve: Resolve = addresses_of) -> None:
        self._allow_private, self._resolve = allow_private, resolve

    def dead(self, links: Collection[str]) -> list[DeadLink]:
        """The links that answer 404 or 410, or whose server cannot be reached, in their order."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [found for found in pool.map(self._asked, list(links)[:MOST_LINKS]) if found]

    def _asked(self, link: str) -> DeadLink | None:
        url = link
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                status, location = self._head(url)
            except (OSError, http.client.HTTPException, ValueError) as error:
                return DeadLink(link, _sentence(error))
            if status in _GONE:
                return DeadLink(link, f"answers {status}")
            if not (300 <= status < 400 and location):
                return None
            url = urljoin(url, location)
        return DeadLink(link, f"is sent on more than {_MOST_REDIRECTS} times")

    def _head(self, url: str) -> tuple[int, str | None]:
        """The status and where it is sent on to, of the very address that was looked at."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("leads to an address that is none of the web")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._public(parts.hostname, port)
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=_SECONDS)
        with closing(connection):
            plain = socket.create_connection((address, port), timeout=_SECONDS)
            connection.sock = plain
            if parts.scheme == "https":
                secure = ssl.create_default_context()
                connection.sock = secure.wrap_socket(plain, server_hostname=parts.hostname)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("HEAD", path, headers=_HEADERS)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location")

    def _public(self, host: str, port: int) -> str:
        addresses = self._resolve(host, port)
        for address in addresses:
            if not ipaddress.ip_address(address.partition("%")[0]).is_global and not self._allow_private:
                raise ValueError("leads into a private network, which is not asked")
        return addresses[0]


def _sentence(error: Exception) -> str:
    match error:
        case ssl.SSLError():
            return f"has no valid certificate: {error.reason or error}"
        case TimeoutError():
            return f"does not answer within {_SECONDS:.0f} seconds"
        case network.SilentNameServersError():
            return f"cannot be looked up: {error.strerror}"
        case socket.gaierror():
            return "has a host that does not exist"
        case ValueError():
            return str(error)
    return f"cannot be reached: {error}"


def link_remarks(outline: str, excluded: Collection[str], check: LinkCheck) -> Iterator[str]:
    """Sentences on the links of a message that lead nowhere."""
    links = common_links(outline, excluded)
    yield from (f"the link {dead.url} {dead.reason}" for dead in check.dead(links))
    if len(links) > MOST_LINKS:
        yield f"only the first {MOST_LINKS} of {len(links)} links were asked for"
