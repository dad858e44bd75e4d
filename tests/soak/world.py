"""The project under test: its files, its servers, the true time, and what the soak itself has done."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.crash.lives import FORKS, kill
from tests.crash.moments import STAGES, STEPS
from tests.soak.misbehaviour import Trap
from tests.soak.records import LedgerBooks, Server
from tests.soak.worker import Answer, Order, obey
from tests.support.clocks import START
from tests.support.imap_server import PASSWORD, Mailbox

KILLED = -9
_PATIENCE = 240.0  # seconds for one command
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = {"small": ((7, DAY),), "large": ((12, HOUR), (30, DAY))}
_WRITTEN = {"small": '"7/24h"', "large": '"12/1h", "30/24h"'}
_LISTS = ("Club news", "Events")
PEOPLE = tuple(f"person{n}@example.org" for n in range(14))
_ACCOUNT = """
[accounts.{name}]
provider = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none"
limits = [{limits}]
connections = {connections}
timeout = 5
"""
_CAMPAIGN = """
account = "{account}"
list = "{list_name}"
[message]
from = "Ana Pop <ana@example.org>"
subject = "{{{{ name }}}}, {name} is here"
html = "{name}.html"
postal_address = "Club, 1 Park Street"
headers = {{ "X-Campaign" = "{name}" }}
[recipients]
csv = "data/{name}.csv"
[send]
stop_if_failing = "100%"
on_in_doubt = "{on_in_doubt}"
"""
_PAGE = (
    "<html><body><p>Hello {{{{ name }}}}, {name} no {edition}</p><p>{{{{ postal_address }}}}</p>"
    '<p><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p></body></html>\n'
)


@dataclass(slots=True)
class Plan:
    """One campaign as its files have it now."""

    name: str
    account: str
    list_name: str
    resends: bool
    rows: list[str]
    edition: int = 1

    @property
    def list_key(self) -> str:
        return self.list_name.casefold()


@dataclass(slots=True)
class World:
    """A project in `folder`, made by `random`; a ledger in PostgreSQL where `postgresql` is its URL.

    `mailbox` is what the account `small` reads.
    """

    folder: Path
    random: Random
    postgresql: str = ""
    mailbox: Mailbox | None = None
    now: datetime = START
    since: datetime = START  # when the ledger in use was begun
    allowed: Counter[tuple[str, str]] = field(default_factory=Counter)  # further copies that were asked for
    erased: set[str] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)  # suppression entries that were acknowledged
    bounced: set[tuple[str, str]] = field(default_factory=set)
    killed: bool = False  # a command since the last that recovers what dead runs hold
    trace: list[str] = field(default_factory=list)
    database: str = ""
    servers: dict[str, Server] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    _elapsed: Any = field(default_factory=lambda: FORKS.Value("d", 0.0))

    def __enter__(self) -> Self:
        self.servers = {name: Server(limits, self.true_now) for name, limits in LIMITS.items()}
        for server in self.servers.values():
            server.__enter__()
        self.database = self.postgresql or "sqlite:///data/mailrunner.db"
        for number in range(3):
            plan = Plan(
                name=f"c{number}",
                account=self.random.choice(list(LIMITS)),
                list_name=self.random.choice(_LISTS),
                resends=self.random.random() < 0.2,
                rows=self.random.sample(PEOPLE, self.random.randint(5, 12)),
            )
            self.plans[plan.name] = plan
            self.write_campaign(plan)
        self.write_project()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.servers.values():
            server.__exit__(None, None, None)

    @property
    def books(self) -> LedgerBooks:
        relative = self.database.removeprefix("sqlite:///")
        return LedgerBooks(
            self.database if relative == self.database else f"sqlite:///{self.folder / relative}"
        )

    def true_now(self) -> datetime:
        """The true time, with what the command at work has waited."""
        return self.now + timedelta(seconds=self._elapsed.value)

    def write_project(self) -> None:
        connections = 1 + (self.random.random() < 0.3)
        accounts = "".join(
            _ACCOUNT.format(name=name, port=server.port, limits=_WRITTEN[name], connections=connections)
            for name, server in self.servers.items()
        )
        if box := self.mailbox:
            place = f'host = "127.0.0.1", port = {box.port}, tls = "none"'
            imap = f'imap = {{ {place}, user = "{box.user}", password = "{PASSWORD}" }}\n'
            accounts = accounts.replace("[accounts.small]\n", f"[accounts.small]\n{imap}")
        head = f'database = "{self.database}"\n[unsubscribe]\nbase_url = "https://news.example.org"\n'
        (self.folder / "mailrunner.toml").write_text(head + accounts)

    def write_campaign(self, plan: Plan) -> None:
        for part in ("campaigns", "templates", "data"):
            (self.folder / part).mkdir(exist_ok=True)
        (self.folder / f"campaigns/{plan.name}.toml").write_text(
            _CAMPAIGN.format(
                account=plan.account,
                list_name=plan.list_name,
                name=plan.name,
                on_in_doubt="resend" if plan.resends else "hold",
            )
        )
        page = _PAGE.format(name=plan.name, edition=plan.edition)
        (self.folder / f"templates/{plan.name}.html").write_text(page)
        rows = "".join(f"{address},Name\n" for address in plan.rows)
        (self.folder / f"data/{plan.name}.csv").write_text("email,name\n" + rows)

    def copy_of_ledger(self, place: str, *, back: bool = False) -> None:
        """Copy the SQLite file aside, or `back` again, with what SQLite keeps beside it."""
        ours = self.folder / self.database.removeprefix("sqlite:///")
        for suffix in ("", "-wal", "-shm"):
            here, there = ours.with_name(ours.name + suffix), self.folder / f"{place}{suffix}"
            source, target = (there, here) if back else (here, there)
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, target)

    def command(self, *words: str, ahead: timedelta = timedelta(0), dies: bool = False) -> Answer:
        """Carry out a command; `dies`: it is killed at some point, unless it ends before."""
        self._elapsed.value = 0.0
        for server in self.servers.values():
            server.misled = server.is_misled(self.now + ahead, self.now)
        step, trap = self._moment() if dies else ("", None)
        order = Order(
            folder=self.folder,
            words=words,
            now=self.now,
            elapsed=self._elapsed,
            ahead=ahead,
            batch=self.random.choice((1, 3, 10)),
            step=step,
            nth=self.random.randint(1, 4),
        )
        reader, writer = FORKS.Pipe(False)
        process = FORKS.Process(target=obey, args=(order, writer))
        process.start()
        writer.close()
        assert process.pid is not None
        if trap:
            trap.aim(process.pid)
        if dies and not step and not trap and not reader.poll(self.random.uniform(0, 0.3)):
            kill(process.pid)
        answer = _received(reader, process)
        if trap:
            trap.disarm()
        self.now, self._elapsed.value = self.true_now(), 0.0
        self.killed = answer.code == KILLED or (self.killed and words[0] not in ("run", "resume"))
        self.trace.append(f"{' '.join(words)}{f' (clock {ahead})' if ahead else ''} → {answer.code}")
        return answer

    def meanwhile(self, *words: str) -> Answer:
        """Carry out a command beside the one that is at work; it may be called by a server's thread."""
        order = Order(folder=self.folder, words=words, now=self.true_now(), elapsed=FORKS.Value("d", 0.0))
        reader, writer = FORKS.Pipe(False)
        process = FORKS.Process(target=obey, args=(order, writer))
        process.start()
        writer.close()
        answer = _received(reader, process)
        self.trace.append(f"meanwhile {' '.join(words)} → {answer.code}")
        return answer

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for the command at work."""
        with self._elapsed.get_lock():
            self._elapsed.value += seconds

    def _moment(self) -> tuple[str, Trap | None]:
        kind = self.random.choice(("step", "wire", "time"))
        if kind != "wire":
            return (self.random.choice(STEPS) if kind == "step" else ""), None
        trap = Trap(self.random.choice(STAGES), self.random.randint(1, 4), taken=self.random.random() < 0.5)
        for server in self.servers.values():
            server.rules = (trap.rule(), *server.rules)
        return "", trap


def _received(reader: Any, process: Any) -> Answer:
    try:
        answer: Answer | None = reader.recv() if reader.poll(_PATIENCE) else None
    except EOFError:  # it was killed
        answer = Answer(KILLED)
    if answer is None:
        kill(process.pid)
        answer = Answer(KILLED, fault=f"it does not end within {_PATIENCE} s")
    process.join()
    return answer
