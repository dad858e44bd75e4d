"""Ledgers of older and newer versions; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from mailrunner.clock import SystemClock
from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.opening import find_database, open_database
from mailrunner.store.schema import CAMPAIGN_SHIFT, metadata
from tests.support.clocks import START, ManualClock
from tests.support.patience import PATIENCE

LEDGERS = Path(__file__).parents[1] / "data" / "ledgers"
SENT, QUEUED = (1 << CAMPAIGN_SHIFT) + 1, (1 << CAMPAIGN_SHIFT) + 2
MOMENT = 1_795_000_000_000_000  # microseconds since 1970: in November 2026

# One row in each table, as 0.1.0 wrote it.
ROWS = f"""
INSERT INTO ledger VALUES ('0123456789abcdef0123456789abcdef', 5, {MOMENT});
INSERT INTO secrets (value, created_at) VALUES ('a secret', {MOMENT});
INSERT INTO accounts (identity, paused_until, pause_reason)
    VALUES ('gmail/ana@gmail.com', {MOMENT}, 'the limit is reached');
INSERT INTO campaigns (id, file, account_no, account_name, list_key, list_name, kind, phase, content,
    content_digest, message_digest, list_mark, columns, message_domain, created_at)
    VALUES ('spring', 'campaigns/spring.toml', 1, 'gmail', 'club news', 'Club news', 'bulk', 'begun',
    '{{"html": "h1"}}', 'c1', 'm1', '{{}}', '["email"]', 'gmail.com', {MOMENT});
INSERT INTO recipients VALUES ({SENT}, 'Ana@example.org', '["Ana@example.org"]');
INSERT INTO recipients VALUES ({QUEUED}, 'bo@example.org', '["bo@example.org"]');
INSERT INTO deliveries (id, campaign_no, row, key, state, not_before, attempts, reply, last_attempt_at,
    finished_at) VALUES ({SENT}, 1, 2, 'ana@example.org', 'sent', {MOMENT}, 1, 'OK', {MOMENT}, {MOMENT});
INSERT INTO deliveries (id, campaign_no, row, key, state, not_before)
    VALUES ({QUEUED}, 1, 3, 'bo@example.org', 'queued', {MOMENT});
INSERT INTO usage VALUES ('account:1', 'answers', 1, {MOMENT});
INSERT INTO lists (key, name, first_used_at) VALUES ('club news', 'Club news', {MOMENT});
INSERT INTO imports (file, list_key, reason, added, created_at)
    VALUES ('old.csv', '', 'import', 1, {MOMENT});
INSERT INTO suppressions (key, list_key, reason, source, import_no, created_at)
    VALUES ('cy@example.org', '', 'import', 'import 1: old.csv', 1, {MOMENT});
INSERT INTO consents (key, list_key, reason, why, created_at)
    VALUES ('di@example.org', '', 'manual', 'she wrote', {MOMENT});
INSERT INTO runs (campaign_no, host, pid, started_at, leased_until, ended_at)
    VALUES (1, 'here', 1, {MOMENT}, {MOMENT}, {MOMENT});
INSERT INTO returns (delivery_id, key, kind, source, fingerprint, happened_at, received_at, settled_at)
    VALUES ({SENT}, 'ana@example.org', 'soft_bounced', 'inbox', '<1@example.net>', {MOMENT}, {MOMENT},
    {MOMENT});
"""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def execute_all(connection: Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(text(statement.replace(":", r"\:")))


@pytest.fixture
def released_ledger(empty_url: str) -> str:
    """The URL of a ledger of version 0.1.0 with something in every table.

    `tests/data/ledgers` has the statements with which 0.1.0 made it, on each database.
    """
    with connected(empty_url) as connection:
        tables = LEDGERS / f"ledger_0.1.0.{connection.dialect.name}.sql"
        execute_all(connection, tables.read_text(encoding="utf-8"))
        execute_all(connection, ROWS)
    return empty_url


def test_a_ledger_of_version_0_1_0_opens_and_keeps_everything(
    released_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=released_ledger, clock=clock) as ledger:
        campaign = ledger.campaigns.find("spring")
        assert isinstance(campaign, CampaignRecord)
        assert (campaign.content, campaign.columns) == ({"html": "h1"}, ("email",))
        assert ledger.deliveries.counts(campaign.no) == Counts(sent=1, queued=1)
        sent, queued = ledger.reports.rows(campaign.no)
        assert (sent.address, sent.reply, sent.came_back) == ("Ana@example.org", "OK", "soft_bounced")
        assert (queued.address, queued.values) == ("bo@example.org", ("bo@example.org",))
        account = ledger.accounts.find("gmail/ana@gmail.com")
        assert account is not None and account.pause_reason == "the limit is reached"
        (entry,) = ledger.suppressions.entries("cy@example.org")
        assert (entry.reason, entry.import_no) == (SuppressionReason.IMPORT, 1)
        (event,) = ledger.suppressions.history("di@example.org")
        assert (event.change, event.why) == ("removed", "she wrote")
        assert [found.file for found in ledger.suppressions.imports()] == ["old.csv"]
        assert len(ledger.signing_keys(None)) == 1


def test_inbound_events_of_an_older_versions_messages_take_effect(
    released_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=released_ledger, clock=clock) as ledger:
        click = InboundEvent(kind=EventKind.UNSUBSCRIBED, source="web", delivery=SENT, happened_at=START)
        assert ledger.inbound_events.ingest([click]) == [IngestResult.RECORDED]
        (entry,) = ledger.suppressions.entries("ana@example.org")
        assert (entry.list_key, entry.reason) == ("club news", SuppressionReason.UNSUBSCRIBE)


def test_the_migrations_make_the_tables_of_the_schema(
    empty_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    with (
        Ledger.open(folder=tmp_path, url=empty_url, clock=clock) as ledger,
        ledger.database.read() as connection,
    ):
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_tables_of_version_0_1_0_lack_what_came_later(released_ledger: str) -> None:
    with connected(released_ledger) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    tables = [what[1].name for what in differences if what[0] == "add_table"]
    columns = [(what[2], what[3].name) for what in differences if what[0] == "add_column"]
    assert tables == ["machines"]
    of_ledger = [("ledger", name) for name in ("former_ids", "moved_to", "lineage")]
    assert sorted(columns) == sorted([("accounts", "formerly"), ("accounts", "learned"), *of_ledger])
    assert len(differences) == len(tables) + len(columns)


def test_a_ledger_of_version_0_1_0_that_is_upgraded_has_the_tables_of_the_schema(
    released_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    Ledger.open(folder=tmp_path, url=released_ledger, clock=clock).close()
    with connected(released_ledger) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_suppression_list_of_version_0_1_0_is_taken_over(
    released_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    guard = tmp_path / ".mailrunner" / "ledger"
    guard.parent.mkdir()
    place = {"ledger": "0123456789abcdef0123456789abcdef", "runs": 5, "place": released_ledger}
    guard.write_text(json.dumps(place))
    with Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/new.db", clock=clock, new=True) as ledger:
        assert "1 entry" in ledger.notices[0]
        assert ledger.suppressions.matching(["cy@example.org"])


@pytest.mark.parametrize(
    ("revision", "error", "next_step"),
    [
        ("9999", "newer mailrunner", "pip install --upgrade mailrunner"),
        ("0001", "development version", 'pip install "mailrunner==0.1.0"'),
    ],
)
def test_a_ledger_of_an_unknown_version_is_refused_and_left_as_it_is(
    released_ledger: str, tmp_path: Path, clock: ManualClock, revision: str, error: str, next_step: str
) -> None:
    with connected(released_ledger) as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    with pytest.raises(LedgerError, match=error) as refused:
        Ledger.open(folder=tmp_path, url=released_ledger, clock=clock)
    assert next_step in refused.value.hint
    with connected(released_ledger) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar() == 2


def test_ledgers_that_threads_make_at_once_get_their_own_tables(tmp_path: Path) -> None:
    """Alembic keeps the connection that it works on in a place that all threads share."""
    number = 8
    started = Barrier(number)

    def made(n: int) -> str:
        url = f"sqlite:///{tmp_path}/{n}.db"
        started.wait(PATIENCE)
        open_database(url, clock=SystemClock()).close()
        found = find_database(url, clock=SystemClock())
        assert found is not None
        found.close()
        return url

    with ThreadPoolExecutor(number) as threads:
        assert len(set(threads.map(made, range(number)))) == number
