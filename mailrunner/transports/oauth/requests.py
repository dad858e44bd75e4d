"""HTTP to an authorization server: one POST, no redirect, no repeat, bounded in octets and in time.

`TokenSession` has what authlib's `OAuth2Client` wants of a session; httpx carries it out, through the
environment's proxy where there is one.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from mailrunner.errors import Problem, UserError
from mailrunner.transports import network
from mailrunner.transports.oauth.errors import TokenUnavailableError

if TYPE_CHECKING:
    import httpx

_SILENCE = 10.0  # seconds without an octet
_IN_ALL = 30.0  # seconds for an answer
_LARGEST = 256 * 1024  # octets; an answer has some 5,000
_SERVER_FAILS = 500


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """An answer of the server, as authlib reads it."""

    status_code: int
    content: bytes
    host: str

    def json(self) -> Any:
        """The value; ValueError where the content is no JSON."""
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise TokenUnavailableError for what is no answer of a token endpoint (RFC 6749 §5)."""
        if self.status_code != 200:
            raise TokenUnavailableError(f"{self.host} answers with HTTP status {self.status_code}")


class TokenSession:
    """Sends the requests of authlib's client."""

    def post(
        self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any = None
    ) -> TokenAnswer:
        """Send a form; `auth` adds the client's own id and secret.

        Raises TokenUnavailableError where there is no whole answer, or the server fails or is busy.
        """
        body, sent = urlencode(data), dict(headers)
        if auth is not None:
            url, sent, body = auth.prepare("POST", url, sent, body)
        answer = _in_time(url, body.encode(), sent)
        if answer.status_code >= _SERVER_FAILS or answer.status_code == 429:
            raise TokenUnavailableError(f"{answer.host} answers with HTTP status {answer.status_code}")
        return answer


def _in_time(url: str, body: bytes, headers: Mapping[str, str]) -> TokenAnswer:
    """The answer, or the error, within `_IN_ALL` seconds.

    httpx knows no deadline for an answer's head, which a server can let drip for hours, or precede by
    answers of 1xx without end, while other processes wait for the token.  So a thread asks, and its
    connection is closed then.
    """
    import httpx

    result: SimpleQueue[TokenAnswer | Exception] = SimpleQueue()
    host = urlsplit(url).hostname or ""
    try:
        client = httpx.Client(timeout=_SILENCE, verify=network.tls_context(None), follow_redirects=False)
    except (httpx.InvalidURL, ValueError, ImportError) as error:  # of a proxy; of one that is SOCKS
        raise _unreachable(host, error) from None

    def ask() -> None:
        try:
            result.put(_post(client, url, body, headers))
        except Exception as error:  # whatever it is, it is raised where the answer is awaited
            result.put(error)

    threading.Thread(target=ask, name="token", daemon=True).start()
    try:
        found = result.get(timeout=_IN_ALL)
    except Empty:
        raise TokenUnavailableError(f"{host} does not end its answer") from None
    finally:
        client.close()
    if isinstance(found, Exception):
        raise found
    return found


def _post(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> TokenAnswer:
    import httpx

    host = urlsplit(url).hostname or ""
    until = time.monotonic() + _IN_ALL
    plain = {**headers, "Accept-Encoding": "identity"}  # a few octets could unpack to gigabytes
    try:
        with client.stream("POST", url, content=body, headers=plain) as answer:
            return TokenAnswer(answer.status_code, _bounded(answer.iter_raw(), host, until), host)
    except httpx.TimeoutException:
        raise TokenUnavailableError(f"{host} does not answer") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise _unreachable(host, error) from None


def _unreachable(host: str, error: Exception) -> TokenUnavailableError:
    """Only the kind of the failure: httpx's own words may repeat a URL, and that a proxy's password."""
    if type(error).__name__ == "ProxyError":
        return TokenUnavailableError(f"the proxy does not let us reach {host}")
    if isinstance(error, ImportError):
        return TokenUnavailableError(f"{host} cannot be reached by a SOCKS proxy, only by an HTTP one")
    return TokenUnavailableError(f"{host} cannot be reached ({type(error).__name__})")


def _bounded(chunks: Iterable[bytes], host: str, until: float) -> bytes:
    read = bytearray()
    for chunk in chunks:
        read += chunk
        if len(read) > _LARGEST:
            raise TokenUnavailableError(f"{host} answers with more than any token has")
        if time.monotonic() > until:
            raise TokenUnavailableError(f"{host} does not end its answer")
    return bytes(read)


def require_library() -> None:
    """Raise UserError where authlib or httpx is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("authlib", "httpx") if find_spec(name) is None]
    if missing:
        raise UserError(
            Problem(
                f"to log in by OAuth mailrunner needs {' and '.join(missing)}",
                hint='pip install "mailrunner[oauth]"',
            )
        )
