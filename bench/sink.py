"""Postfix's smtp-sink as a child process: it takes everything and keeps nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def program(name: str) -> str:
    """Where one of Postfix's test programs lies; they need no running Postfix."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_PLACES))
    if found is None:
        raise SystemExit(f"{name} is missing: install the package postfix (only {name} is used)")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def smtp_sink(*options: str) -> Iterator[int]:
    """A sink on a free loopback port; the port."""
    port = free_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    command = [program("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "1024"]
    process = subprocess.Popen(
        command,
        cwd=Path("/tmp"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("smtp-sink did not begin to listen")
