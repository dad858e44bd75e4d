"""Machines: a project folder each, an SMTP server that counts what it sends, and a proxy to the ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests.crash.databases import PostgresqlServer, empty_database
from tests.machines.proxy import Proxy
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

_LONGEST = 900.0  # seconds for anything that is waited for
_LOOK = 0.05


@dataclass
class Sender:
    """A project folder with its processes, and an SMTP server that counts what they send."""

    name: str
    project: Project
    server: SmtpServer
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, kw_only=True)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command there; what it says goes to a file."""
        log = (self.project.folder / "said.txt").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "mailrunner", *words],
            cwd=self.project.folder,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.processes.append(process)
        return process

    def kill(self) -> None:
        """The machine is gone, as by its plug."""
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()

    @property
    def sent(self) -> int:
        return len(self.server.accepted)

    @property
    def said(self) -> str:
        return (self.project.folder / "said.txt").read_text(errors="replace")


@dataclass
class Machine(Sender):
    """One machine, with at most one process, and its way to the ledger."""

    proxy: Proxy


@dataclass
class Fleet:
    """Three machines at one database of one server."""

    postgresql: PostgresqlServer
    database: str
    machines: list[Machine]

    @property
    def copies(self) -> Counter[str]:
        """How many messages the servers accepted for each recipient."""
        return Counter(message.recipient for each in self.machines for message in each.server.accepted)

    def ask(self, question: str) -> list[tuple[object, ...]]:
        """Rows of the database, past all proxies."""
        engine = create_engine(self.database, poolclass=NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(question))]

    def states(self) -> dict[str, int]:
        rows = self.ask("SELECT state, count(*) FROM deliveries GROUP BY state")
        return {str(state): int(str(number)) for state, number in rows}


@contextmanager
def fleet(
    folder: Path,
    postgresql: PostgresqlServer,
    *,
    recipients: int,
    cap: int = 10_000_000,
    seconds: int = 40,
    connections: int = 8,
    number: int = 3,
) -> Iterator[Fleet]:
    """Machines with equal projects, that may send `cap` a day, and not all within less than `seconds`."""
    limits = f'"{cap}/24h", "{max(1, recipients // seconds)}/second"'
    with ExitStack() as stack:
        database = stack.enter_context(empty_database(postgresql.url))
        url = make_url(database)
        target = f"{url.query['host']}/.s.PGSQL.5432"
        machines = []
        for place in range(1, number + 1):
            proxy = stack.enter_context(Proxy(target))
            server = stack.enter_context(SmtpServer())
            project = Project(folder / f"m{place}")
            way = url.set(host="127.0.0.1", port=proxy.port, query={"application_name": f"m{place}"})
            project.write_account(
                port=server.port,
                limits=limits,
                connections=connections,
                project=f'database = "{way.render_as_string(hide_password=False)}"',
                account='identity = "relay"',
            )
            project.write_campaign("spring", csv="people.csv")
            rows = "".join(f"person{n}@example.org,Name {n}\n" for n in range(recipients))
            project.put("data/people.csv", f"email,name\n{rows}")
            machines.append(Machine(f"m{place}", project, server, proxy))
        made = Fleet(postgresql, database, machines)
        try:
            yield made
        finally:
            for machine in machines:
                machine.kill()


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait until `condition`; how many seconds it took.  Raises TimeoutError that says `what`."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > _LONGEST:
            raise TimeoutError(what)
        time.sleep(_LOOK)
    return time.monotonic() - begun
