"""A network namespace in which nothing is open but a proxy: no address, no route, no name server.

    code, out = in_closed_network(proxy_path, [sys.executable, "-m", "mailrunner", …], folder)

Inside, 127.0.0.1:3128 leads to the proxy's socket in the file system, as an office's own proxy would.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.connect_proxy import relay
from tests.support.patience import PATIENCE
from tests.support.projects import Answer

PROXY_PORT = 3128
# Root may do so by itself; anyone else where users may make namespaces of users.
_IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
_MAKE = ("unshare", "--net") if _IS_ROOT else ("unshare", "--map-root-user", "--net")
_SET_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP (linux/sockios.h, linux/if.h)
_FAR = ("192.0.2.1", "198.51.100.1")  # RFC 5737: of nobody, but an open network has a route to them
_MAIL_PORTS = (25, 465, 587, 2525)


def may_close_network() -> bool:
    """Whether this user may make a network namespace here."""
    with suppress(OSError):
        return subprocess.run([*_MAKE, "true"], capture_output=True, check=False).returncode == 0
    return False


def in_closed_network(proxy: Path, command: Sequence[str], folder: Path) -> Answer:
    """Run `command` there, with HTTPS_PROXY set; fails where any port for mail is open."""
    given = [*_MAKE, sys.executable, "-m", "tests.support.closed_network", str(proxy), *command]
    environment = {k: v for k, v in os.environ.items() if not k.casefold().endswith("_proxy")}
    paths = [str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment["HTTPS_PROXY"] = f"http://127.0.0.1:{PROXY_PORT}"
    done = subprocess.run(
        given,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _main(proxy: str, *command: str) -> int:
    _raise_loopback()
    _refuse_open_ports()
    listener = socket.create_server(("127.0.0.1", PROXY_PORT))
    threading.Thread(target=_accept, args=(listener, proxy), daemon=True).start()
    return subprocess.run(command, check=False).returncode


def _raise_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))


def _refuse_open_ports() -> None:
    for address in _FAR:
        for port in _MAIL_PORTS:
            with socket.socket() as sock:
                sock.settimeout(5)
                if sock.connect_ex((address, port)) == 0:
                    raise SystemExit(f"{address}:{port} is open in the closed network")


def _accept(listener: socket.socket, proxy: str) -> None:
    while True:
        inner, _ = listener.accept()
        threading.Thread(target=_carry, args=(inner, proxy), daemon=True).start()


def _carry(inner: socket.socket, proxy: str) -> None:
    with inner, socket.socket(socket.AF_UNIX) as outer, suppress(OSError):
        outer.connect(proxy)
        relay(inner, outer)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
