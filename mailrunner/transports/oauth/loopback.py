"""The listener to which the browser brings the code back (RFC 8252 §7.3): on this machine, for one login.

It answers whoever asks, and takes only what carries the state of this login: a page in the same browser could
send it a code of its own.
"""

from __future__ import annotations

import hmac
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mailrunner.transports.oauth import advice
from mailrunner.transports.oauth.errors import GrantRefusedError
from mailrunner.transports.oauth.grant import Grant

_SLICE = 0.2  # seconds after which a request to stop is noticed
_TIMEOUT = 10.0  # seconds for one request
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>mailrunner</title>'
    '<body style="font-family: sans-serif; margin: 4em"><p>{sentence}</p></body></html>'
)
_DONE = "You are logged in. You can close this window and go back to the terminal."
_DENIED = "It was not allowed. You can close this window; the terminal says more."
_FORGED = "This is not the login that mailrunner waits for."


class Listener:
    """Waits for the browser on `redirect_uri`."""

    def __init__(self, grant: Grant) -> None:
        self._found: queue.Queue[dict[str, str]] = queue.Queue()
        self._state = ""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.listener = self
        # Microsoft lets any port of "localhost" be used, Google any of the address.
        host = "localhost" if grant.provider == "microsoft" else "127.0.0.1"
        self.redirect_uri = f"http://{host}:{self._server.server_address[1]}"
        self._grant = grant

    @classmethod
    @contextmanager
    def open(cls, grant: Grant) -> Iterator[Listener]:
        """Listen until the end of `with`."""
        listener = cls(grant)
        thread = Thread(target=listener._server.serve_forever, args=(_SLICE,), daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener._server.shutdown()
            listener._server.server_close()

    def expect(self, state: str) -> None:
        """Take answers that carry this state; none is taken before."""
        self._state = state

    def code(self, stop: Event, seconds: float) -> str | None:
        """The code that the browser brought; None after `seconds`, or when `stop` is set.

        Raises GrantRefusedError where the server says that it was not allowed.
        """
        slices = max(1, int(seconds / _SLICE))
        for _ in range(slices):
            if stop.is_set():
                return None
            try:
                return code_of(self._grant, self._found.get(timeout=_SLICE))
            except queue.Empty:
                continue
        return None

    def answer(self, target: str) -> tuple[int, str]:
        """Status and sentence for a request; a redirect of this login is passed on to `code`."""
        url = urlsplit(target)
        values = {key: each[0] for key, each in parse_qs(url.query).items()}
        if url.path != "/" or not values.keys() & {"code", "error"}:
            return 404, _FORGED
        if not is_state(values.get("state", ""), self._state):
            return 400, _FORGED
        self._found.put(values)
        return 200, _DONE if "code" in values else _DENIED


def pasted_code(grant: Grant, state: str, address: str) -> str:
    """The code in an address that the user copied from the browser.

    Raises ValueError where it is none of this login, GrantRefusedError where it was not allowed.
    """
    try:
        values = {key: each[0] for key, each in parse_qs(urlsplit(address.strip()).query).items()}
    except ValueError:
        values = {}
    if not values.keys() & {"code", "error"}:
        raise ValueError("this is not the address; it begins with http:// and has code= in it")
    if not is_state(values.get("state", ""), state):
        raise ValueError("this address is of another login; open the page above again")
    return code_of(grant, values)


def code_of(grant: Grant, values: dict[str, str]) -> str:
    """The code of a redirect (RFC 6749 §4.1.2); GrantRefusedError for an error (§4.1.2.1)."""
    if "error" in values:
        raise _refused(grant, values)
    return values["code"]


def _refused(grant: Grant, values: dict[str, str]) -> GrantRefusedError:
    return advice.refusal(grant, values["error"][:100], values.get("error_description", ""))


def is_state(given: str, expected: str) -> bool:
    """Compare in constant time; no state is expected before the login began."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    listener: Listener


class _Handler(BaseHTTPRequestHandler):
    timeout = _TIMEOUT
    server: _Server

    def do_GET(self) -> None:
        status, sentence = self.server.listener.answer(self.path)
        page = _PAGE.format(sentence=sentence).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the address holds the code."""
