"""The long form: hundreds of kills, a table, and an error code if anyone got two copies or none."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.crash.books import Tally
from tests.crash.databases import PostgresqlServer, empty_database, postgresql_server
from tests.crash.series import Series, all_series, http_series
from tests.crash.table import table
from tests.crash.trial import attempt

_KILLS = 4  # in one campaign
_SHOWN = 5  # sentences of one campaign; the last say how its runs ended


@dataclass(slots=True)
class Campaigns:
    """All that was tried so far, by row."""

    steady: PostgresqlServer
    restarted: PostgresqlServer
    seed: int
    rows: dict[str, Tally] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> Tally:
        return sum(self.rows.values(), Tally())

    def try_one(self, series: Series, number: int) -> None:
        """One campaign of a row; what is wrong is said at once, with the plan that shows it again."""
        seed = self.seed * 1_000_000 + number * 1_000 + sum(series.name.encode()) % 1_000
        alone = series.on_postgresql and series.restarted  # a restart strikes the run in whose middle it is
        server = self.restarted if alone else self.steady
        ledger = empty_database(server.url) if series.on_postgresql else nullcontext("")
        with (
            self._turn if alone else nullcontext(),
            ledger as database,
            tempfile.TemporaryDirectory(prefix="mailrunner-crash-") as folder,
        ):
            plan = series.plan(number, seed, kills=_KILLS, database=database)
            tally = attempt(plan, Path(folder), postgresql=server)
        with self._guard:
            self.rows[series.name] = self.rows.get(series.name, Tally()) + tally
        for sentence in tally.wrong[-_SHOWN:]:
            sys.stderr.write(f"WRONG: {sentence}\n")
        if tally.wrong:
            sys.stderr.write(f"{len(tally.wrong)} wrong in {plan}\n")


def main() -> int:
    """Kill until there were enough kills; 1 if anything was wrong."""
    options = _options()
    began = time.monotonic()
    every = http_series() if options.transport == "http" else all_series()
    series = [each for each in every if options.only in each.name]
    with (
        postgresql_server() as steady,
        postgresql_server() as restarted,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        campaigns = Campaigns(steady, restarted, options.seed)
        for number in count():
            if campaigns.total.kills >= options.kills:
                break
            list(pool.map(campaigns.try_one, series, [number] * len(series)))
            sys.stderr.write(f"{campaigns.total.kills} kills after {time.monotonic() - began:.0f} s\n")
    total = campaigns.total
    found = _report(series, campaigns.rows)
    sys.stdout.write(f"{found}\nseed {options.seed}, {time.monotonic() - began:.0f} s\n")
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(found, encoding="utf-8")
    return 1 if total.wrong else 0  # every duplicate and every loss is among them


def _report(series: Sequence[Series], rows: Mapping[str, Tally]) -> str:
    kinds = (
        ("", lambda each: not each.resend and not each.restarted),
        ("Where a server is restarted in the middle of a run as well:", lambda each: bool(each.restarted)),
        ("Where the campaign says that doubts are sent again:", lambda each: each.resend),
    )
    tables = []
    for heading, belongs in kinds:
        if found := {each.name: rows[each.name] for each in series if belongs(each)}:
            tables.append(f"{heading}\n\n{table(found)}" if heading else table(found))
    return "\n".join(tables)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=600, help="stop after so many")
    parser.add_argument("--seed", type=int, default=1, help="draws the same plans again")
    parser.add_argument("--jobs", type=int, default=2, help="campaigns at the same time")
    parser.add_argument("--transport", choices=("smtp", "http"), default="smtp", help="how messages go out")
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    parser.add_argument("--report", type=Path, help="where the table is written to as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
