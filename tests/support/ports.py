"""Ports on loopback for programs that cannot be given an open socket."""

from __future__ import annotations

import socket
from random import SystemRandom

# Below the ports that Linux gives to whoever asks for any (ip_local_port_range), so that no other test comes
# upon it before it is used.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """A port on which nothing listens now; drawn anew in each worker, though all share the seed of a run."""
    while True:
        port = SystemRandom().choice(_PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
