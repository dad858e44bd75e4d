"""How fast messages leave, and what one costs this process: one thread, many connections.

    python bench/transport.py [--messages 20000]

Sends a 26 KB message, made beforehand, to Postfix's `smtp-sink` on the loopback: by `smtplib` on one
connection, and by 1, 16 and 64 connections of the transport driven by one selector.  Prints the
median of three runs: messages a second, and the CPU time of this process for a message in µs.
The sink has a core of its own and takes 120 to 140 µs for a message, so it sets the rate; the CPU
time is what a change here changes.
"""

from __future__ import annotations

import argparse
import shutil
import smtplib
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from mailrunner.model.outcome import OutcomeKind
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.poller import Poller
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities

_LINE = b'<p style=3D"color:#333">Hello there, this is the news of the month. Read on.</p>'[:76] + b"\r\n"
_HEAD = b"Message-ID: <1@example.org>\r\nSubject: The news\r\nContent-Type: text/html\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """The message: the same each time, as only its way out is measured."""

    sender: str = "ana@example.org"
    recipient: str = "bob@example.org"
    data: bytes = _HEAD + _LINE * 333
    smtputf8: bool = False


@contextmanager
def sink() -> Iterator[int]:
    """Run `smtp-sink` and yield its port."""
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "smtp-sink"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    with subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "128"]) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def by_smtplib(port: int, messages: int) -> None:
    """Send with the standard library's client on one connection."""
    letter = Letter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for _ in range(messages):
            client.sendmail(letter.sender, letter.recipient, letter.data)


def transports(port: int, connections: int) -> list[SmtpTransport]:
    """Connections that know the server already."""
    observed = ObservedCapabilities(proven=True)
    made = [
        SmtpTransport(
            host="127.0.0.1",
            port=port,
            tls="none",
            user="",
            password=None,
            provider="smtp",
            timeout=300,
            observed=observed,
        )
        for _ in range(connections)
    ]
    for one in made:
        blocked = one.open()
        assert blocked is None, blocked
    return made


def by_transport(opened: list[SmtpTransport], messages: int) -> None:
    """Send with all connections, each as full as it may be."""
    letter, left, answered = Letter(), messages, 0
    poller: Poller[SmtpTransport] = Poller(every=60.0)
    for one in opened:
        poller.note(one)
    while answered < messages:
        for one in poller.ready():  # the first time all of them
            outcomes = one.pump()
            number = min(one.room, left)
            left -= number
            for _ in range(number):
                one.offer(letter)
            outcomes += one.pump() if number else []
            assert all(outcome.kind is OutcomeKind.SENT for outcome in outcomes)
            answered += len(outcomes)
            poller.note(one)
        if answered < messages:
            poller.wait(60.0)


def measure(send: Callable[[], None], messages: int) -> tuple[float, float]:
    """Return messages a second and µs of CPU time a message."""
    wall, cpu = time.perf_counter(), time.process_time()
    send()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return messages / wall, cpu / messages * 1e6


def row(name: str, runs: list[tuple[float, float]]) -> str:
    rate, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
    return f"{name:<24}{rate:>12,.0f}{cpu:>12.1f}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20_000)
    messages = parser.parse_args().messages
    print(f"{'':<24}{'messages/s':>12}{'CPU µs each':>12}")
    with sink() as port:
        few = messages // 4
        print(row("smtplib, 1 connection", [measure(partial(by_smtplib, port, few), few) for _ in range(3)]))
        for connections in (1, 16, 64):
            opened = transports(port, connections)
            runs = [measure(partial(by_transport, opened, messages), messages) for _ in range(3)]
            print(row(f"{connections} connections", runs))
            for one in opened:
                one.close()


if __name__ == "__main__":
    main()
