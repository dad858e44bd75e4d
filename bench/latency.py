"""Messages a second through one connection when the server is 50 ms away.

    python -m bench.latency [--rtt MS] [--seconds N]

A proxy on loopback holds every byte back for half the round trip, in both directions; there is no loss
and no limit of bandwidth.  The message is one of 26 KB, made beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import smtplib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bench import machine
from mailrunner.model.outcome import OutcomeKind
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.poller import wait_for
from tests.support.smtp_server import CHUNKED, EXTENSIONS, SmtpServer

BODY = b"Subject: spring\r\n\r\n" + b"The quick brown fox jumps over the lazy dog, once more.\r\n" * 460


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is always the same."""

    sender: str = "ana@example.org"
    recipient: str = "bob@example.org"
    data: bytes = BODY
    smtputf8: bool = False


class DelayingProxy:
    """Forwards connections to `port`, each byte `delay` seconds late."""

    def __init__(self, port: int, delay: float) -> None:
        self._port, self._delay = port, delay
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> DelayingProxy:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._late(reader, far_writer), self._late(far_reader, writer))

    async def _late(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self._loop.call_later(self._delay, writer.write, data)
        self._loop.call_later(self._delay, writer.close)


def with_smtplib(port: int, seconds: float) -> float:
    """The standard library's client, its connection kept."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench") as client:
        return _rate(
            seconds, lambda: bool(client.sendmail("ana@example.org", ["bob@example.org"], BODY) or 1)
        )


def with_ours(port: int, seconds: float, in_flight: int) -> float:
    """Our transport, kept full as the runner keeps it."""
    transport = SmtpTransport(
        host="127.0.0.1", port=port, tls="none", user="", password=None, provider="smtp", timeout=30,
        in_flight=in_flight,
    )  # fmt: skip
    assert transport.open() is None

    def one() -> int:
        while transport.room:
            transport.offer(Message())
        outcomes = transport.pump()
        assert all(outcome.kind is OutcomeKind.SENT for outcome in outcomes), outcomes
        if not outcomes:
            wait_for([transport], 1)
        return len(outcomes)

    try:
        return _rate(seconds, one)
    finally:
        transport.close()


def _rate(seconds: float, work: Callable[[], int]) -> float:
    started, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        sent += work()
    return sent / passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rtt", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    wanted = parser.parse_args()
    rates: dict[str, float] = {}
    for title, chunking, in_flight in (
        ("pipelined", False, 1),
        ("chunks (BDAT)", True, 1),
        ("chunks, in_flight = 8", True, 8),
    ):
        with (
            SmtpServer(extensions=CHUNKED if chunking else EXTENSIONS) as server,
            DelayingProxy(server.port, wanted.rtt / 2000) as proxy,
        ):
            rates.setdefault("smtplib, connection kept", with_smtplib(proxy.port, wanted.seconds))
            rates[title] = with_ours(proxy.port, wanted.seconds, in_flight)
    base = rates["smtplib, connection kept"]
    print(f"One connection, {wanted.rtt:g} ms round trip, {wanted.seconds:g} s each\n{machine.name()}")
    print("| client | messages/s | against smtplib |\n|---|---|---|")
    for title, rate in rates.items():
        print(f"| {title} | {rate:,.1f} | {rate / base:.1f} |")


if __name__ == "__main__":
    main()
