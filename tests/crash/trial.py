"""One campaign that is killed a few times, goes on to its end, and is judged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.crash.books import Books, Tally, judge
from tests.crash.databases import PostgresqlServer
from tests.crash.faults import Faults
from tests.crash.http_faults import HttpSnare, http_faults
from tests.crash.lives import KILLED, Command, Fork, Running, kill
from tests.crash.moments import STAGES, Moment, Restart, Snare
from tests.crash.worker import Life
from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import CampaignInProcess, people
from tests.support.http_api_server import HttpApiServer, Striking
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Cut
from tests.support.smtp_server import EXTENSIONS, SmtpServer

_LIVES = 25  # more than any trial needs; one that takes more would never end
_PATIENCE = 240.0  # seconds for one life, on a machine that is busy with others
_LONGEST_AWAY = 1.5  # seconds for which an SMTP server that died is away
_LATER = 75
_UNTIL_FREED = 120.0  # seconds; the ledger takes a run that does not beat for dead after 70 to 90
_WELL = (0, 1, _LATER)  # of a command: all done; done with doubts; run again later.  A fork ends with 0
SMTP = "smtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried.

    `database` is a URL, "" for the default; `command` runs in place of a fork; `resend` is
    the campaign's `on_in_doubt`; `longest` is how many
    seconds into a life a kill at any time can come.  `extensions` are what the server announces,
    `in_flight` the account's.  `restarted` is what is restarted in the middle of a run: "smtp", or
    PostgreSQL in the mode "fast" or "immediate".  `preset` is the provider whose HTTP API it goes to, ""
    for SMTP.
    """

    moment: Moment
    seed: int
    fault: str = "none"
    connections: int = 1
    batch: int = 10
    messages: int = 30
    kills: int = 3
    database: str = ""
    command: Sequence[str] = ()
    resend: bool = False
    longest: float = 0.4
    extensions: Sequence[str] = EXTENSIONS
    in_flight: int = 1
    preset: str = ""
    restarted: str = ""

    @property
    def most_on_the_wire(self) -> int:
        """One a connection, and the one that rides behind it, or as many as the account allows."""
        return self.connections if self.preset else max(2, self.in_flight) * self.connections


def attempt(plan: Plan, folder: Path, *, postgresql: PostgresqlServer | None = None) -> Tally:
    """Carry out the plan in an empty folder and judge what came of it; `postgresql` may be restarted."""
    if plan.preset:
        return _attempt_over_http(plan, folder)
    random = Random(plan.seed)
    faults = Faults(plan.fault, messages=plan.messages, random=random)
    snare = Snare(plan.moment)
    restart = _restart(plan, random, postgresql)
    rules = (*snare.rules(), *(restart.rules() if restart else ()), *faults.rules)
    with SmtpServer(rules=rules, extensions=plan.extensions) as server:
        mailing = CampaignInProcess(folder, server).write(
            csv=people(plan.messages),
            connections=plan.connections,
            account=f"in_flight = {plan.in_flight}",
            project=f'database = "{plan.database}"' if plan.database else "",
            send=f'stop_if_failing = "100%"\non_in_doubt = "{"resend" if plan.resend else "hold"}"',
        )
        trial = _Trial(plan=plan, folder=folder, snare=snare, restart=restart, random=random)
        trial.run()
    # Only now is it settled what became of the messages that were on the wire at a kill.
    return trial.verdict(mailing, faults.doubtful)


def _attempt_over_http(plan: Plan, folder: Path) -> Tally:
    """The same over the HTTP API of a provider."""
    random = Random(plan.seed)
    snare = HttpSnare(plan.moment)
    faults: list[Striking] = [*snare.faults(), *http_faults(plan.fault, plan.messages, random)]
    with HttpApiServer(plan.preset, faults=faults) as server:
        mailing = ApiCampaign(folder, server).write(
            csv=people(plan.messages),
            connections=plan.connections,
            project=f'database = "{plan.database}"\n' if plan.database else "",
            send='stop_if_failing = "100%"',
        )
        trial = _Trial(plan=plan, folder=folder, snare=snare, random=random)
        trial.run()
    trial.wrong += server.problems
    return trial.verdict(mailing, server.doubtful)


def _restart(plan: Plan, random: Random, postgresql: PostgresqlServer | None) -> Restart | None:
    if not plan.restarted:
        return None

    def do(dialogue: Dialogue) -> Answer | None:
        if plan.restarted == SMTP:
            dialogue.server.restart(random.uniform(0.0, _LONGEST_AWAY))
            raise Cut
        assert postgresql is not None
        postgresql.restart(plan.restarted)
        return None

    return Restart(Moment("wire", random.choice(STAGES)), do=do)


@dataclass(slots=True, kw_only=True)
class _Trial:
    plan: Plan
    folder: Path
    snare: Snare | HttpSnare
    restart: Restart | None = None
    random: Random
    lives: int = 0
    kills: int = 0
    on_the_wire: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Live and die as planned, then live until the campaign is finished or something is wrong."""
        while not self.wrong and not self._is_over():
            self._live(dies=self.kills < self.plan.kills)

    def verdict(self, mailing: CampaignInProcess | ApiCampaign, doubtful: Counter[str]) -> Tally:
        restarts = self.restart.times if self.restart else 0
        tally = judge(
            expected=[f"person{n}@example.org" for n in range(self.plan.messages)],
            states=self._books.states(),
            copies=mailing.copies(),
            doubtful=self.on_the_wire + doubtful,
            resend=self.plan.resend,
            kills=self.kills,
            restarts=restarts,
            cut_off=restarts * self.plan.most_on_the_wire if self.plan.restarted == SMTP else 0,
        )
        if self._books.slots_used() < tally.accepted:
            self.wrong.append(f"{tally.accepted} accepted, {self._books.slots_used()} counted")
        tally.wrong += tuple(self.wrong)
        return tally

    @property
    def _books(self) -> Books:
        return Books(self.plan.database or f"sqlite:///{self.folder}/data/mailrunner.db")

    def _is_over(self) -> bool:
        left = self.plan.resend and "in_doubt" in self._books.states().values()
        return (self._books.phase() == "finished" and not left) or self.lives >= _LIVES

    def _live(self, *, dies: bool) -> None:
        plan, self.lives = self.plan, self.lives + 1
        nth = plan.moment.nth(self.random, plan.messages, plan.batch) if dies else 0
        step = plan.moment.name if dies and plan.moment.kind == "step" else ""
        if dies:
            self.snare.set(nth)
        self._set_restart()
        before = self._sending() if self._frees_late and self.lives > 1 else set()
        life = Life(
            folder=self.folder,
            number=self.lives,
            batch=plan.batch,
            step=step,
            nth=nth,
            moving=bool(plan.restarted),
        )
        running = Command(plan.command, self.folder) if plan.command else Fork(life)
        self.snare.aim(running.pid)
        if dies and plan.moment.kind == "time":
            self._kill_some_time(running)
        code = running.ended(_PATIENCE)
        self.snare.disarm()
        if self.restart:
            self.restart.disarm()
        if code is None:
            self.wrong.append(f"life {self.lives} does not end")
            kill(running.pid)
            code = running.ended(_PATIENCE)
        self._note(code, before)
        if code == _LATER and self._frees_late:
            time.sleep(_UNTIL_FREED / _LIVES)

    def _set_restart(self) -> None:
        if self.restart and self.restart.times < self.plan.kills:
            self.restart.set(self.random.randint(1, self.plan.messages // 3))

    def _kill_some_time(self, running: Running) -> None:
        if running.ended(self.random.uniform(0.0, self.plan.longest)) is None:
            kill(running.pid)

    @property
    def _frees_late(self) -> bool:
        """A lock that a restart of the database server took is no evidence of death: only time is."""
        return bool(self.plan.command) and self.plan.restarted not in ("", SMTP)

    def _sending(self) -> set[str]:
        return {address for address, state in self._books.states().items() if state == "sending"}

    def _note(self, code: int | None, before: set[str]) -> None:
        """Look at the ledger that a life has left behind; `before` were sent by one that is not freed yet."""
        if code in KILLED:
            self.kills += 1
            sending = self._sending() - before
            self.on_the_wire.update(sending)
            if len(sending) > self.plan.most_on_the_wire:
                self.wrong.append(f"{len(sending)} on the wire of {self.plan.connections} connections")
        elif code not in (_WELL if self.plan.command else (0,)):
            self.wrong.append(f"life {self.lives} ended with {code}")
