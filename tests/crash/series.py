"""The rows of the table: what is killed, where its ledger is, and the plans drawn for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.crash.databases import FAST, IMMEDIATE
from tests.crash.faults import FAULTS
from tests.crash.http_faults import HTTP_FAULTS, HTTP_MOMENTS
from tests.crash.lives import COMMAND, CONTAINED, can_contain
from tests.crash.moments import MOMENTS, Moment
from tests.crash.trial import SMTP, Plan
from tests.support.http_apis import READ
from tests.support.smtp_server import CHUNKED, EXTENSIONS, PLAIN

_PRESETS = tuple(READ)
_CONNECTIONS = (1, 2, 5)
_BATCHES = (1, 3, 10)
_MODES = (FAST, IMMEDIATE)
_BY_THE_CLOCK = ("none", "slow")  # the real command waits out retries in real time
_STEPS, _WIRE, _TIME = ([each for each in MOMENTS if each.kind == kind] for kind in ("step", "wire", "time"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One row.  `command` is empty for forks of the sending loop; `restarted` as in `Plan`, in turn."""

    name: str
    moments: Sequence[Moment]
    command: Sequence[str] = ()
    on_postgresql: bool = False
    resend: bool = False
    over_http: bool = False
    restarted: Sequence[str] = ()

    def plan(self, number: int, seed: int, *, kills: int, database: str = "") -> Plan:
        """The `number`th campaign of this row, from 0: the faults take turns, the rest is drawn."""
        random = Random(seed)
        faults = _BY_THE_CLOCK if self.command else HTTP_FAULTS if self.over_http else FAULTS
        fault = faults[number % len(faults)]
        extensions = random.choice((PLAIN, EXTENSIONS, CHUNKED))
        # A fault says which recipients it left unanswered, one a connection; a kill is told by the ledger.
        several = extensions == CHUNKED and fault == "none"
        return Plan(
            moment=self.moments[number % len(self.moments)],
            seed=seed,
            fault=fault,
            connections=random.choice(_CONNECTIONS),
            batch=random.choice(_BATCHES),
            messages=random.randint(20, 60),
            kills=kills,
            database=database,
            command=self.command,
            resend=self.resend,
            longest=2.5 if self.command else 0.2,
            extensions=extensions,
            in_flight=random.choice((1, 4)) if several else 1,
            preset=_PRESETS[number % len(_PRESETS)] if self.over_http else "",
            restarted=self.restarted[number % len(self.restarted)] if self.restarted else "",
        )


def http_series() -> list[Series]:
    """The rows over HTTP APIs, which take turns."""
    rows = [Series(name=f"HTTP: {moment}", moments=[moment], over_http=True) for moment in HTTP_MOMENTS]
    wire = [moment for moment in HTTP_MOMENTS if moment.kind == "wire"]
    rows.append(Series(name="HTTP, PostgreSQL", moments=HTTP_MOMENTS, on_postgresql=True, over_http=True))
    return [*rows, Series(name="HTTP, `mailrunner run`", moments=wire, command=COMMAND, over_http=True)]


def all_series() -> list[Series]:
    """Every row that this machine can try."""
    rows = [Series(name=str(moment), moments=[moment]) for moment in MOMENTS]
    rows += [
        Series(name="`mailrunner run`, at any time", moments=_TIME, command=COMMAND),
        Series(name="`mailrunner run`, on the wire", moments=_WIRE, command=COMMAND),
        Series(name="PostgreSQL, after a step", moments=_STEPS, on_postgresql=True),
        Series(name="PostgreSQL, on the wire", moments=_WIRE, on_postgresql=True),
        Series(name="PostgreSQL, at any time", moments=_TIME, on_postgresql=True),
        Series(
            name="PostgreSQL, `mailrunner run`", moments=_WIRE + _TIME, command=COMMAND, on_postgresql=True
        ),
    ]
    rows += [
        Series(name="SMTP server restarted, after a step", moments=_STEPS, restarted=[SMTP]),
        Series(name="SMTP server restarted, on the wire", moments=_WIRE, restarted=[SMTP]),
        Series(
            name="SMTP server restarted, `mailrunner run`",
            moments=_WIRE + _TIME,
            command=COMMAND,
            restarted=[SMTP],
        ),
        Series(
            name="PostgreSQL restarted, after a step", moments=_STEPS, on_postgresql=True, restarted=_MODES
        ),
        Series(name="PostgreSQL restarted, on the wire", moments=_WIRE, on_postgresql=True, restarted=_MODES),
        Series(
            name="PostgreSQL restarted, `mailrunner run`",
            moments=_WIRE + _TIME,
            command=COMMAND,
            on_postgresql=True,
            restarted=_MODES,
        ),
    ]
    rows.append(Series(name='at any of these, `on_in_doubt = "resend"`', moments=MOMENTS, resend=True))
    if can_contain():
        rows.append(Series(name="`mailrunner run` in containers", moments=_WIRE + _TIME, command=CONTAINED))
    return rows
