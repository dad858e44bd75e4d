"""Ledgers of older and newer versions; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

import mailrunner.store.migrations
from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.schema import CAMPAIGN_SHIFT, metadata
from tests.support.clocks import START, ManualClock

SENT, QUEUED = (1 << CAMPAIGN_SHIFT) + 1, (1 << CAMPAIGN_SHIFT) + 2
MOMENT = 1_795_000_000_000_000  # microseconds since 1970: in November 2026

# One row in each table of the first ledger, as it was written then.
ROWS = f"""
INSERT INTO ledger VALUES ('0123456789abcdef0123456789abcdef', 5, {MOMENT});
INSERT INTO secrets (value, created_at) VALUES ('a secret', {MOMENT});
INSERT INTO accounts (identity, paused_until, pause_reason)
    VALUES ('gmail/ana@gmail.com', {MOMENT}, 'the limit is reached');
INSERT INTO campaigns (id, file, account_no, account_name, list_key, list_name, kind, phase, content,
    content_digest, message_digest, list_mark, columns, sources, message_domain, created_at)
    VALUES ('spring', 'campaigns/spring.toml', 1, 'gmail', 'club news', 'Club news', 'bulk', 'begun',
    '{{"html": "h1"}}', 'c1', 'm1', '{{}}', '["email"]', '{{"email": "email"}}', 'gmail.com', {MOMENT});
INSERT INTO recipients VALUES ({SENT}, 'Ana@example.org', '["Ana@example.org"]');
INSERT INTO recipients VALUES ({QUEUED}, 'bo@example.org', '["bo@example.org"]');
INSERT INTO deliveries (id, campaign_no, row, key, state, not_before, attempts, reply, last_attempt_at,
    finished_at) VALUES ({SENT}, 1, 2, 'ana@example.org', 'sent', {MOMENT}, 1, 'OK', {MOMENT}, {MOMENT});
INSERT INTO deliveries (id, campaign_no, row, key, state, not_before)
    VALUES ({QUEUED}, 1, 3, 'bo@example.org', 'queued', {MOMENT});
INSERT INTO usage VALUES ('account:1', 'answers', 1, {MOMENT});
INSERT INTO lists VALUES ('club news', 'Club news', {MOMENT});
INSERT INTO imports (file, list_key, reason, added, created_at)
    VALUES ('old.csv', '', 'import', 1, {MOMENT});
INSERT INTO suppressions (key, list_key, reason, source, import_no, created_at)
    VALUES ('cy@example.org', '', 'import', 'import 1: old.csv', 1, {MOMENT});
INSERT INTO consents (key, list_key, reason, why, created_at)
    VALUES ('di@example.org', '', 'manual', 'she wrote', {MOMENT});
INSERT INTO runs (campaign_no, host, pid, started_at, leased_until, ended_at)
    VALUES (1, 'here', 1, {MOMENT}, {MOMENT}, {MOMENT});
"""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(mailrunner.store.migrations.__path__[0])))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture
def first_ledger(ledger_url: str) -> str:
    """The URL of a ledger that the first version has left, with something in every table."""
    with connected(ledger_url) as connection:
        upgrade(connection, "0001")
        for statement in ROWS.split(";\n"):
            if statement.strip():
                connection.execute(text(statement.replace(":", r"\:")))
    return ledger_url


def test_a_ledger_of_the_first_version_opens_and_keeps_everything(
    first_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first_ledger, clock=clock) as ledger:
        campaign = ledger.campaigns.find("spring")
        assert isinstance(campaign, CampaignRecord)
        assert (campaign.content, campaign.columns) == ({"html": "h1"}, ("email",))
        assert ledger.deliveries.counts(campaign.no) == Counts(sent=1, queued=1)
        sent, queued = ledger.reports.rows(campaign.no)
        assert (sent.address, sent.reply, sent.came_back) == ("Ana@example.org", "OK", "")
        assert (queued.address, queued.values) == ("bo@example.org", ("bo@example.org",))
        account = ledger.accounts.find("gmail/ana@gmail.com")
        assert account is not None and account.pause_reason == "the limit is reached"
        (entry,) = ledger.suppressions.entries("cy@example.org")
        assert (entry.reason, entry.import_no) == (SuppressionReason.IMPORT, 1)
        (event,) = ledger.suppressions.history("di@example.org")
        assert (event.change, event.why) == ("removed", "she wrote")
        assert [found.file for found in ledger.suppressions.imports()] == ["old.csv"]
        assert len(ledger.link_secrets(None)) == 1


def test_what_comes_back_of_an_older_versions_messages_is_heard(
    first_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first_ledger, clock=clock) as ledger:
        click = InboundEvent(kind=EventKind.UNSUBSCRIBED, source="web", delivery=SENT, happened_at=START)
        assert ledger.returns.receive([click]) == [IngestResult.RECORDED]
        (entry,) = ledger.suppressions.entries("ana@example.org")
        assert (entry.list_key, entry.reason) == ("club news", SuppressionReason.UNSUBSCRIBE)


def test_the_migrations_make_the_tables_of_the_schema(ledger: Ledger) -> None:
    with ledger.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_twice_migrates_once(first_ledger: str, tmp_path: Path, clock: ManualClock) -> None:
    for _ in range(2):
        with Ledger.open(folder=tmp_path, url=first_ledger, clock=clock) as ledger:
            assert ledger.campaigns.find("spring") is not None


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(
    first_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with connected(first_ledger) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer mailrunner") as refused:
        Ledger.open(folder=tmp_path, url=first_ledger, clock=clock)
    assert "upgrade" in refused.value.hint
    with connected(first_ledger) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar() == 2
