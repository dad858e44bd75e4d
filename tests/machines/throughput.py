"""How fast several runs of one campaign are, over one ledger or several, and what they wait for.

    make throughput
    python -m tests.machines.throughput --recipients 1000 --cases 1x1,3x1,4x4

A case `RUNSxLEDGERS` is so many runs with 16 connections each against servers that answer a message after
0.1 s.  The ledgers are databases of one PostgreSQL; with several, each has the recipients whose address
falls to it by a hash over 64 virtual shards, and a part of the runs.  It is measured from the moment at
which every run has sent until four fifths are through, so neither start nor end counts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from tests.crash.databases import PostgresqlServer, empty_database, postgresql_server
from tests.machines.fleet import Sender
from tests.support.projects import Project
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_server import Rule, SmtpServer

CONNECTIONS = 16
ANSWER_SECONDS = 0.1
VIRTUAL_SHARDS = 64
CASES = "1x1,2x1,3x1,4x1,4x2,4x4"
_LOOK = 0.05  # seconds between two samples
_TICKS = os.sysconf("SC_CLK_TCK")
_HEAD = (
    "| runs | ledgers | messages/s | waits for a lock | CPU of mailrunner | CPU of PostgreSQL | log | HOT |\n"
    "|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


@dataclass(frozen=True)
class Reading:
    """The counters at one moment: seconds, messages, CPU seconds, bytes of write-ahead log, updates."""

    at: float
    sent: int
    runs_cpu: float
    server_cpu: float
    log: float
    updates: int
    hot: int


@dataclass(frozen=True)
class Case:
    """What is measured: so many runs, spread over so many ledgers."""

    runs: int
    ledgers: int

    @classmethod
    def parse(cls, written: str) -> Case:
        runs, _, ledgers = written.partition("x")
        return cls(int(runs), int(ledgers))


def shard_of(address: str, ledgers: int) -> int:
    """The ledger of a recipient: a virtual shard by hash, of which each ledger has its part."""
    virtual = hashlib.sha256(address.encode()).digest()[0] % VIRTUAL_SHARDS
    return virtual * ledgers // VIRTUAL_SHARDS


class Watch:
    """Reads the counters of the server, its databases and the runs."""

    def __init__(
        self, server: PostgresqlServer, databases: Sequence[str], machines: Sequence[Sender]
    ) -> None:
        self._server, self._databases, self._machines = server, databases, machines
        self._postmaster = 0
        self.waits: list[float] = []

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        engine = create_engine(self._server.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
            self._postmaster = int((folder / "postmaster.pid").read_text().split()[0])
            yield connection

    @property
    def sent(self) -> list[int]:
        return [machine.sent for machine in self._machines]

    def sample(self, connection: Connection) -> None:
        """Note which part of the runs waits for a lock at this moment."""
        question = (
            "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        self.waits.append(connection.execute(text(question)).scalar_one() / len(self._machines))

    def read(self, connection: Connection) -> Reading:
        log = connection.execute(text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")).scalar_one()
        updates, hot = self._updates()
        return Reading(
            at=time.monotonic(),
            sent=sum(self.sent),
            runs_cpu=sum(cpu_seconds(each.pid) for machine in self._machines for each in machine.processes),
            server_cpu=self._server_cpu(),
            log=float(log),
            updates=updates,
            hot=hot,
        )

    def _server_cpu(self) -> float:
        """Of the postmaster, of its processes that have ended and of those that live."""
        living = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        children = (pid for pid in living if parent_of(pid) == self._postmaster)
        return cpu_seconds(self._postmaster, ended=True) + sum(map(cpu_seconds, children))

    def _updates(self) -> tuple[int, int]:
        question = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'deliveries'"
        found: list[Any] = []
        for url in self._databases:
            with create_engine(url, poolclass=NullPool).connect() as connection:
                found += connection.execute(text(question)).all()
        return sum(row[0] for row in found), sum(row[1] for row in found)


def fields_of(pid: int) -> list[str]:
    """What /proc tells of a process, from its state on; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    return int((fields_of(pid) or ["", "0"])[1])


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """The CPU time of a process, with `ended` that of its children that have ended too."""
    fields = fields_of(pid)
    return sum(map(int, fields[11 : 15 if ended else 13])) / _TICKS


def slowly(_: Dialogue) -> None:
    """Go on as usual, after a while."""
    time.sleep(ANSWER_SECONDS)


@contextmanager
def machines(folder: Path, case: Case, databases: Sequence[str], recipients: int) -> Iterator[list[Sender]]:
    """A project and a slow server for each run; nothing is started."""
    with ExitStack() as stack:
        made = []
        for place in range(case.runs):
            number = place % case.ledgers
            server = stack.enter_context(SmtpServer(rules=[Rule("eod", slowly)]))
            project = Project(folder / f"m{place}")
            way = f"{databases[number]}&application_name=m{place}"
            project.write_account(
                port=server.port,
                limits='"10000000/24h"',
                connections=CONNECTIONS,
                project=f'database = "{way}"',
                account='identity = "relay"',
            )
            project.write_campaign("spring", csv="people.csv")
            everyone = (f"person{n}@example.org" for n in range(recipients))
            mine = (address for address in everyone if shard_of(address, case.ledgers) == number)
            project.put("data/people.csv", "email,name\n" + "".join(f"{each},Name\n" for each in mine))
            made.append(Sender(f"m{place}", project, server))
        try:
            yield made
        finally:
            for machine in made:
                machine.kill()


def measured(case: Case, server: PostgresqlServer, recipients: int) -> str:
    """The row of the table for one case."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailrunner-throughput-")))
        databases = [stack.enter_context(empty_database(server.url)) for _ in range(case.ledgers)]
        made = stack.enter_context(machines(folder, case, databases, recipients))
        watch = Watch(server, databases, made)
        connection = stack.enter_context(watch.connected())
        for machine in made:
            machine.start("run", "spring", "--yes", "--quiet", "--wait")
        wait_until(made, lambda: min(watch.sent) > 0)
        first = watch.read(connection)
        wait_until(made, lambda: sum(watch.sent) >= 0.8 * recipients, lambda: watch.sample(connection))
        return row(case, first, watch.read(connection), fmean(watch.waits or [0.0]))


def wait_until(made: Sequence[Sender], condition: Any, look: Any = lambda: None) -> None:
    """Look until it holds; RuntimeError where a run has failed."""
    while not condition():
        for machine in made:
            if machine.processes[-1].poll() not in (None, 0):
                raise RuntimeError(f"{machine.name}: {machine.said}")
        look()
        time.sleep(_LOOK)


def row(case: Case, first: Reading, last: Reading, waiting: float) -> str:
    number = max(1, last.sent - first.sent)
    cells = (
        str(case.runs),
        str(case.ledgers),
        f"{number / (last.at - first.at):.0f}",
        f"{waiting:.1%}",
        f"{1000 * (last.runs_cpu - first.runs_cpu) / number:.2f} ms",
        f"{1000 * (last.server_cpu - first.server_cpu) / number:.2f} ms",
        f"{(last.log - first.log) / number / 1000:.1f} kB",
        f"{(last.hot - first.hot) / max(1, last.updates - first.updates):.0%}",
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.machines.throughput")
    parser.add_argument("--recipients", type=int, default=4_000)
    parser.add_argument("--cases", default=CASES, help="RUNSxLEDGERS, with commas between them")
    options = parser.parse_args()
    sys.stdout.write(_HEAD)
    with postgresql_server() as server:
        for written in options.cases.split(","):
            sys.stdout.write(measured(Case.parse(written), server, options.recipients))
            sys.stdout.flush()
    load = " ".join(f"{each:.0f}" for each in os.getloadavg())
    sys.stdout.write(f"\n{os.cpu_count()} cores; load of the last 1, 5 and 15 minutes: {load}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
