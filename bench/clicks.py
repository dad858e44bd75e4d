"""One-click requests at a steady rate, while a campaign runs on the same SQLite file.

    python -m bench.clicks [--rate 1000] [--seconds 30] [--only alone|paced|unlimited]

Clicks come at fixed instants whatever the server does, on connections that stay open as a proxy's do; the
time of each is counted from its instant, so that a server that stalls is charged for all who wait, and a
load generator that is late is charged to the server too.  At the end every click that was answered with
200 is looked for in the ledger.  One in two hundred is looked for at once, through a connection of its
own: from the click until another process sees its effect.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from bench import machine
from bench.sink import free_port, smtp_sink
from mailrunner.clock import SystemClock
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from tests.support.campaigns import CampaignInProcess, people

CONNECTIONS = 128  # as many as a busy proxy keeps open
SAMPLE = 200
# What runs beside the clicks: nothing, a campaign at the pace of a large relay, one as fast as it can.
CAMPAIGNS = {"alone": None, "paced": "per_second = 200", "unlimited": ""}


@dataclass(frozen=True, slots=True)
class Click:
    """One person's click: whose, by what link, and when it is due."""

    key: str
    request: bytes
    due: float


@dataclass(slots=True)
class Answers:
    """What came of the clicks: seconds from the instant of each, and the other answers."""

    late: list[float] = field(default_factory=list)  # until it left
    times: list[float] = field(default_factory=list)  # until it was answered with 200
    seen: list[float] = field(default_factory=list)  # until another connection saw what it did
    others: list[bytes] = field(default_factory=list)


class MailProgram(asyncio.Protocol):
    """One connection, which has one click on its way at a time."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._head, self._click = crowd, b"", None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport

    def send(self, click: Click) -> None:
        self._click = click
        self._wire.write(click.request)
        self._crowd.answers.late.append(time.perf_counter() - click.due)

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, gap, body = self._head.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        if gap and len(body) >= int(length):
            click, self._click, self._head = self._click, None, b""
            assert click is not None
            self._crowd.answered(self, click, head.split(b"\r\n")[0])

    def connection_lost(self, error: Exception | None) -> None:
        if self._click is not None:
            self._crowd.answered(None, self._click, b"connection lost")


class Crowd:
    """All the people, and the connections by which their mail programs reach the server."""

    def __init__(self, clicks: Sequence[Click], ledger: Path) -> None:
        self._coming, self._left = deque(clicks), len(clicks)
        self._free: deque[MailProgram] = deque()
        self._witness = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, isolation_level=None)
        self.answers = Answers()

    async def click(self, port: int) -> None:
        """Send every click at its instant; return when all are answered."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, made = await loop.create_connection(lambda: MailProgram(self), "127.0.0.1", port)
            self._free.append(made)
        while self._left:
            self._send_due()
            await asyncio.sleep(0.001)
        self._witness.close()

    def answered(self, connection: MailProgram | None, click: Click, status: bytes) -> None:
        self._left -= 1
        if status.startswith(b"HTTP/1.1 200"):
            self.answers.times.append(time.perf_counter() - click.due)
            if self._left % SAMPLE == 0 and self._has_effect(click):
                self.answers.seen.append(time.perf_counter() - click.due)
        else:
            self.answers.others.append(status)
        if connection is not None:
            self._free.append(connection)
            self._send_due()

    def _send_due(self) -> None:
        now = time.perf_counter()
        while self._free and self._coming and self._coming[0].due <= now:
            self._free.popleft().send(self._coming.popleft())

    def _has_effect(self, click: Click) -> bool:
        found = self._witness.execute("SELECT 1 FROM suppressions WHERE key = ?", (click.key,)).fetchone()
        return found is not None


@contextlib.contextmanager
def mailrunner(mailing: CampaignInProcess, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process of its own, stopped at the end."""
    given = [sys.executable, "-m", "mailrunner", *words, "--project", str(mailing.folder)]
    with subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages are taken."""

    port: int


def prepare(
    folder: Path, port: int, number: int, pace: str
) -> tuple[CampaignInProcess, list[tuple[str, str]]]:
    """Two lists of so many people each; who is on the first, each with the token of the link."""
    mailing = CampaignInProcess(folder, Place(port), SystemClock())  # type: ignore[arg-type]
    mailing.write(csv=people(number))
    mailing.write(csv=people(number), name="summer", connections=4, send=pace)
    summer = folder / "campaigns" / "summer.toml"
    summer.write_text(summer.read_text().replace("Club news", "Other news").replace("spring", "summer"))
    mailing.run("spring", limit=1)
    mailing.run("summer", limit=1)
    with mailing.ledger() as ledger:
        signer = TokenSigner(ledger.signing_keys(None))
        with ledger.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT d.key, d.id FROM deliveries d JOIN campaigns c ON c.no = d.campaign_no "
                "WHERE c.id = 'spring' ORDER BY d.id"
            ).all()
        return mailing, [(key, signer.token(UNSUBSCRIBE, number)) for key, number in rows]


def request(token: str) -> bytes:
    """Gmail's own request, as RFC 8058 §8 shows it."""
    return (
        b"POST /u/%b HTTP/1.1\r\nHost: news.example.org\r\nContent-Length: 26\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nList-Unsubscribe=One-Click"
    ) % token.encode()


def await_health(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; it listens a little earlier."""
    while server.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/health")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"`mailrunner serve` ended with {server.returncode}")


def await_messages(mailing: CampaignInProcess, campaign: subprocess.Popen[bytes]) -> None:
    """Wait until the campaign is under way."""
    while sent(mailing) < 100:
        if campaign.poll() is not None:
            raise SystemExit(f"`mailrunner run` ended with {campaign.returncode}")
        time.sleep(0.2)


def sent(mailing: CampaignInProcess) -> int:
    with mailing.ledger() as ledger:
        record = ledger.campaigns.find("summer")
        return ledger.deliveries.counts(record.no).sent if record else 0


def cpu(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds of a process that lives."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(times: Sequence[float], share: float) -> float:
    """Milliseconds that so large a share did not exceed."""
    ordered = sorted(times) or [float("nan")]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def measure(name: str, rate: int, seconds: int) -> str:
    """One line of the table."""
    pace = CAMPAIGNS[name]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, smtp_sink() as sink:
        mailing, links = prepare(Path(folder), sink, rate * seconds, pace or "")
        file, port = Path(folder) / "data" / "mailrunner.db", free_port()
        with contextlib.ExitStack() as running:
            server = running.enter_context(mailrunner(mailing, "serve", "--port", str(port)))
            await_health(port, server)
            if pace is not None:
                await_messages(mailing, running.enter_context(mailrunner(mailing, "run", "summer", "--yes")))
            before, used, own = sent(mailing), cpu(server), time.process_time()
            started = time.perf_counter() + 0.2
            crowd = Crowd(
                [Click(key, request(token), started + n / rate) for n, (key, token) in enumerate(links)], file
            )
            gc.freeze()
            asyncio.run(crowd.click(port))
            took = time.perf_counter() - started
            used, own, mailed = cpu(server) - used, time.process_time() - own, sent(mailing) - before
        with mailing.ledger() as ledger:
            recorded = ledger.suppressions.count()
    answers = crowd.answers
    figures = (
        f"{len(answers.times) / took:,.0f}",
        *(f"{percentile(answers.times, share):.0f}" for share in (0.5, 0.99, 1)),
        f"{percentile(answers.seen, 1):.0f}",
        f"{percentile(answers.late, 0.99):.0f}",
        f"{len(answers.times):,} / {recorded:,} / {len(answers.others)}",
        f"{mailed / took:,.0f}",
        f"{used / len(links) * 1e6:.0f} / {own / len(links) * 1e6:.0f}",
    )
    return f"| {name} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--only", choices=CAMPAIGNS)
    wanted = parser.parse_args()
    print(machine.name())
    print("| campaign | clicks/s | p50 ms | p99 ms | max ms | effect, max ms | left late, p99 ms ", end="")
    print("| answered 200 / recorded / otherwise | messages/s | CPU µs a click, server / load |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in [wanted.only] if wanted.only else CAMPAIGNS:
        print(measure(name, wanted.rate, wanted.seconds), flush=True)


if __name__ == "__main__":
    main()
