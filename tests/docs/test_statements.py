"""The statements of `docs/states.md` are those that run."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.store.schema import CAMPAIGN_SHIFT
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_script import Rule, reply
from tests.support.smtp_server import SmtpServer

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")


@dataclass
class Executed:
    """The SQL that SQLite executed, with its values, and the functions of `mailrunner` that were called."""

    sql: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def note_call(self, frame: FrameType, what: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if what == "call" and module.startswith("mailrunner."):
            name = frame.f_code.co_qualname
            self.functions |= {name, f"{module.rpartition('.')[2]}.{name}"}

    def note_sql(self, statement: str) -> None:
        self.sql.add(plain(statement))


@contextmanager
def watching() -> Iterator[Executed]:
    executed = Executed()

    def trace(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(executed.note_sql)

    event.listen(Engine, "connect", trace)
    before = sys.getprofile()
    threading.setprofile(executed.note_call)
    sys.setprofile(executed.note_call)
    try:
        yield executed
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
        event.remove(Engine, "connect", trace)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """A run under a limit, in which one address is refused and the quota is spent, then a bounce, twice."""
    refused = Rule("rcpt", nth=2, do=reply(550, "5.1.1 User unknown"))
    spent = Rule("eod", nth=3, do=reply(550, "5.4.5 Daily user sending limit exceeded"))
    with SmtpServer(rules=[refused, spent]) as server, watching() as seen:
        campaign = CampaignInProcess(tmp_path_factory.mktemp("statements"), server)
        campaign.write(csv=people(6), limits='"500/24h"')
        campaign.run()
        first = (1 << CAMPAIGN_SHIFT) + 1
        bounce = InboundEvent(kind=EventKind.BOUNCED, source="inbox", delivery=first, fingerprint="<1@b>")
        with campaign.ledger() as ledger:
            ledger.inbound_events.ingest([bounce])
            ledger.inbound_events.ingest([bounce])
    return seen


def plain(statement: str) -> str:
    """A statement without what the page and a driver spell differently: blanks, quoted names, case."""
    text = re.sub(r"\s+", " ", statement.replace('"', "")).strip()
    return re.sub(r" ?([=,()]) ?", r"\1", text).lower()


def rows_of(page: str) -> list[list[str]]:
    """The cells of the table of promises."""
    table = page.split("## The statements that keep the promises", 1)[1].split("\n|---|---|---|\n", 1)[1]
    return [[cell.strip() for cell in line.split(" | ")] for line in table.split("\n\n", 1)[0].splitlines()]


def statements_of(cell: str) -> list[str]:
    return [code for code in re.findall(r"`([^`]+)`", cell) if code.startswith(SQL)]


def was_executed(statement: str, executed: Executed) -> bool:
    """True if the parts between the ellipses stand in one executed statement, in their order."""
    parts = [re.escape(plain(part)) for part in statement.split("…") if part.strip()]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.match(done) for done in executed.sql)


def not_executed(page: str, executed: Executed) -> list[str]:
    """The statements and functions that the page names and that did not run."""
    missing = []
    for _, statement, functions in rows_of(page):
        missing += [sql for sql in statements_of(statement) if not was_executed(sql, executed)]
        missing += [name for name in re.findall(r"`([^`]+)`", functions) if name not in executed.functions]
    return missing


def test_every_promise_names_a_statement_and_a_function_that_run(executed: Executed) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for promise, statement, functions in rows_of(page):
        assert statements_of(statement), promise
        assert "`" in functions, promise
    assert not_executed(page, executed) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("UPDATE deliveries SET state = 'sent'", "UPDATE deliveries SET state = 'delivered'"),
        ("INSERT INTO usage", "INSERT INTO quota"),
        ("claims.claim", "claims.claim_all"),
        ("Snapshots.finish", "Deliveries.release"),
    ],
)
def test_a_statement_or_a_function_that_does_not_run_is_found(
    executed: Executed, there: str, instead: str
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (missing,) = not_executed(page.replace(f"`{there}", f"`{instead}"), executed)
    assert missing.startswith(instead)
