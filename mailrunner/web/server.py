"""Listening, and stopping in order: the sockets, and uvicorn on them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from mailrunner.errors import Problem, UserError
from mailrunner.web.connections import Connections, Limits
from mailrunner.web.forwarded import Forwarded, TrustedProxies
from mailrunner.web.protocol import LimitedProtocol

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from starlette.types import ASGIApp

BACKLOG = 512
GRACE = 20  # seconds that requests have to be answered after a stop was asked for
KEEP_ALIVE = 75  # seconds; longer than a proxy keeps its idle connections (nginx: 60)
_FILES = 8_192  # what is asked of the system: connections, those that knock, the ledger's files
_SPARE_FILES = 64


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


class UnsubscribeServer(uvicorn.Server):
    """A server that leaves signals to the command line, which has taken them before it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Finish the requests that were begun, then end; may be called in any thread."""
        self.should_exit = True


def run(
    app: ASGIApp,
    listener: socket.socket,
    *,
    tell: Callable[[str], None],
    trusted: str,
    ending_by: Callable[[Callable[[], None]], AbstractContextManager[None]],
) -> None:
    """Answer requests until the function that is handed to `ending_by` is called."""
    backlog, connections = accept_room(_open_files())
    limits = replace(Limits(), connections=connections)
    server = uvicorn_server(app, tell=tell, trusted=trusted, limits=limits, backlog=backlog)
    with ending_by(server.stop):
        server.run(sockets=[listener])


def uvicorn_server(
    app: ASGIApp,
    *,
    tell: Callable[[str], None],
    trusted: str = "",
    limits: Limits | None = None,
    backlog: int = BACKLOG,
) -> UnsubscribeServer:
    """The server, not running yet.

    `trusted` are the proxies whose X-Forwarded-For and -Proto are trusted, as IP addresses or networks with
    commas between them; "*" is every client.  `tell` is told of the limits that are met.
    """
    proxies = TrustedProxies(trusted)
    config = uvicorn.Config(
        Forwarded(app, proxies),
        http=partial(LimitedProtocol, Connections(limits or Limits(), tell=tell), proxies),  # type: ignore[arg-type]
        loop="asyncio",
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `Forwarded` reads them from the right
        backlog=backlog,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    return UnsubscribeServer(config)


def accept_room(files: int) -> tuple[int, int]:
    """The backlog, and the number of connections, that a process with so many open files can have.

    asyncio accepts a whole backlog before the first of them can be counted, and where a file is missing it
    writes a traceback for each that is left in it; so both together stay below the limit.
    """
    backlog = min(BACKLOG, files // 4)
    return backlog, max(1, min(Limits().connections, files - backlog - _SPARE_FILES))


def _open_files() -> int:
    """The number of files that this process may open, raised as far as it may raise it and needs."""
    if resource is None:
        return _FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _FILES if now == resource.RLIM_INFINITY else now


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
