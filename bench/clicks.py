"""One-click requests at a steady rate, while a campaign runs on the same SQLite file.

    python -m bench.clicks [--rate 1000] [--seconds 30] [--alone]

Clicks come at fixed instants whatever the server does, on connections that stay open as a proxy's do; the
time of each is counted from its instant, so that a server that stalls is charged for all who wait.  At the
end every click that was answered with 200 is looked for in the ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from mailrunner.clock import SystemClock
from mailrunner.job import UNSUBSCRIBE
from mailrunner.links import Signer
from tests.mailing import Mailing, people
from tests.smtp_server import SmtpServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from multiprocessing.synchronize import Event

CONNECTIONS = 64
BODY = b"List-Unsubscribe=One-Click"


@dataclass
class Answers:
    """What came of the clicks: seconds for each answer of 200, and the other answers."""

    times: list[float] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds that so large a share of the clicks did not exceed."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


async def click(port: int, tokens: Sequence[str], rate: float) -> Answers:
    """Send one click for each token, `rate` a second."""
    answers, ready = Answers(), asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    for _ in range(CONNECTIONS):
        ready.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    started = time.perf_counter()
    tasks = set()
    for number, token in enumerate(tokens):
        due = started + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.add(asyncio.create_task(_click(ready, token, due, answers)))
    await asyncio.gather(*tasks)
    return answers


async def _click(ready: asyncio.Queue, token: str, due: float, answers: Answers) -> None:  # type: ignore[type-arg]
    reader, writer = await ready.get()
    # Gmail's own request, as RFC 8058 §8 shows it.
    writer.write(
        b"POST /u/%b HTTP/1.1\r\nHost: news.example.org\r\nContent-Length: 26\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n%b" % (token.encode(), BODY)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    await reader.readexactly(length)
    ready.put_nowait((reader, writer))
    if head.startswith(b"HTTP/1.1 200"):
        answers.times.append(time.perf_counter() - due)
    else:
        answers.others.append(head.split(b"\r\n")[0])


def accept_mail(port: object, stop: Event) -> None:
    """An SMTP server in a process of its own."""
    with SmtpServer() as server:
        port.value = server.port  # type: ignore[attr-defined]
        stop.wait()


@contextmanager
def smtp() -> Iterator[SmtpPlace]:
    port, stop = multiprocessing.Value("i", 0), multiprocessing.Event()
    process = multiprocessing.Process(target=accept_mail, args=(port, stop))
    process.start()
    while not port.value:
        time.sleep(0.01)
    yield SmtpPlace(port.value)
    stop.set()
    process.join()


@dataclass(frozen=True)
class SmtpPlace:
    """Where a server listens."""

    port: int


@contextmanager
def mailrunner(mailing: Mailing, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process of its own, stopped at the end."""
    given = [sys.executable, "-m", "mailrunner", *words, "--project", str(mailing.folder)]
    with subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield process
        process.terminate()


def prepare(folder: Path, place: SmtpPlace, number: int) -> tuple[Mailing, list[str]]:
    """Two lists of so many people each; the links of the first."""
    mailing = Mailing(folder, place, SystemClock())  # type: ignore[arg-type]
    mailing.write(csv=people(number))
    mailing.write(csv=people(number), name="summer", connections=4)
    summer = folder / "campaigns" / "summer.toml"
    summer.write_text(summer.read_text().replace("Club news", "Other news").replace("spring", "summer"))
    mailing.run("spring", limit=1)
    mailing.run("summer", limit=1)
    with mailing.ledger() as ledger:
        signer = Signer(ledger.link_secrets(None))
        spring = ledger.campaigns.find("spring")
        assert spring is not None
        with ledger.database.read() as connection:
            ids = connection.exec_driver_sql(
                f"SELECT id FROM deliveries WHERE campaign_no = {spring.no} ORDER BY id"  # noqa: S608
            )
            return mailing, [signer.token(UNSUBSCRIBE, row[0]) for row in ids]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def await_health(port: int) -> None:
    """Wait until the server answers; it listens a little earlier."""
    while True:
        try:
            urlopen(f"http://127.0.0.1:{port}/health")
        except OSError:
            time.sleep(0.05)
        else:
            return


def sent(mailing: Mailing, name: str) -> int:
    with mailing.ledger() as ledger:
        record = ledger.campaigns.find(name)
        return ledger.deliveries.counts(record.no).sent if record else 0


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--rate", type=int, default=1_000)
    given.add_argument("--seconds", type=int, default=30)
    given.add_argument("--alone", action="store_true", help="no campaign meanwhile")
    wanted = given.parse_args()
    with tempfile.TemporaryDirectory() as folder, smtp() as place:
        mailing, tokens = prepare(Path(folder), place, wanted.rate * wanted.seconds)
        port = free_port()
        campaign: AbstractContextManager[object] = nullcontext()
        if not wanted.alone:
            campaign = mailrunner(mailing, "run", "summer", "--yes", "--quiet")
        with mailrunner(mailing, "serve", "--port", str(port)):
            await_health(port)
            with campaign:
                time.sleep(0 if wanted.alone else 2)  # the campaign is under way
                before, started = sent(mailing, "summer"), time.perf_counter()
                answers = asyncio.run(click(port, tokens, wanted.rate))
                took = time.perf_counter() - started
                mailed = sent(mailing, "summer") - before
        with mailing.ledger() as ledger:
            recorded = ledger.suppressions.count()
        print(
            f"{len(answers.times) / took:,.0f} clicks/s · p50 {answers.percentile(0.5):.1f} ms · "
            f"p99 {answers.percentile(0.99):.1f} ms · max {answers.percentile(1):.1f} ms · "
            f"{len(answers.times):,} answered 200, {recorded:,} recorded, {len(answers.others)} otherwise · "
            f"campaign meanwhile {mailed / took:,.0f} messages/s"
        )


if __name__ == "__main__":
    main()
