"""The short form of `make machines`: three runs at one moment, and the proxy that cuts machines off."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.crash.databases import postgresql_server
from tests.machines.proxy import Proxy
from tests.machines.scenarios import the_cap_is_exact
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's socket is a file of Unix")


def test_three_machines_at_one_moment_send_exactly_the_cap(tmp_path: Path) -> None:
    with postgresql_server() as server:
        row = the_cap_is_exact(tmp_path, server, 48, seconds=8, least=0)
    assert row.wrong == []


def test_nothing_goes_through_a_proxy_that_is_cut_and_new_connections_do_once_it_is_healed(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "echo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with Proxy(path) as proxy:
            before = connected(proxy)
            assert asked(before, b"one") == b"one"
            proxy.cut()
            during = connected(proxy)
            proxy.heal()
            with pytest.raises(OSError):
                asked(before, b"two")
            assert asked(connected(proxy), b"three") == b"three"
            assert asked(during, b"four") == b"four"  # it had waited to be let in


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def asked(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    answer = client.recv(64)
    if not answer:
        raise OSError("closed")
    return answer


def echo(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=returned, args=(client,), daemon=True).start()


def returned(client: socket.socket) -> None:
    with suppress(OSError):
        while block := client.recv(64):
            client.sendall(block)
