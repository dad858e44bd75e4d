"""Listening, and stopping in order: the sockets, and uvicorn on them."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

BACKLOG = 2_048
GRACE = 20  # seconds that requests have to be answered after a stop was asked for
KEEP_ALIVE = 75  # seconds; longer than a proxy keeps its idle connections (nginx: 60)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises UserError where the address is in use or not this machine's."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(found[4][:2], family=found[0], backlog=BACKLOG)
    except OSError as error:
        raise _not_ours(f"{host}:{port}", error, "--port") from error


def listen_unix(path: Path) -> socket.socket:
    """A listening socket in the file system, for a proxy on the same machine."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        path.chmod(0o666)  # the proxy is another user; the folder's permissions decide who may reach it
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _not_ours(str(path), error, "--unix") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL of a listener, or unix:PATH."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def run(app: ASGIApp, listener: socket.socket, *, trusted: str = "") -> None:
    """Answer requests until SIGTERM or Ctrl-C, then finish those that were begun."""
    with suppress(KeyboardInterrupt):  # raised again once everything is finished
        uvicorn_server(app, trusted=trusted).run(sockets=[listener])


def uvicorn_server(app: ASGIApp, *, trusted: str = "") -> uvicorn.Server:
    """The server, not running yet.

    `trusted` are the proxies whose X-Forwarded-For and -Proto are trusted, as IP addresses or networks with
    commas between them; "*" is every client.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed server left behind."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        if caller.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink()


def _not_ours(place: str, error: OSError, option: str) -> UserError:
    hint = "another program listens there: stop it, or choose another place"
    if error.errno != errno.EADDRINUSE:
        hint = "choose another place"
    return UserError(Problem(f"cannot listen on {place}: {error.strerror or error}", key=option, hint=hint))
