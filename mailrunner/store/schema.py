"""The tables of the ledger.

A delivery's `id` is its campaign's number times 2**40 plus its place in the list, so that one
integer names it everywhere (tokens, Message-IDs) and a campaign's rows lie side by side.  A
row's data (`recipients`) are apart from its delivery (`deliveries`): the first are read once, the
second is narrow and written often.

Instants are whole microseconds since 1970 in UTC: exact, sortable, the same in every database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from mailrunner.store.raw_sql import from_micros, to_micros

REVISION = "0008"  # the newest migration; opening an older ledger upgrades it

CAMPAIGN_SHIFT = 40
TESTS = 0  # the campaign number of test messages


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite wants INTEGER for its row id
_IN_FLIGHT = text("state IN ('claimed', 'sending')")

ledger = Table(
    "ledger",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_counter", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Ids of the ledgers whose suppression list this one took over, and with it their pseudonyms.
    Column("former_ids", Text, nullable=False, server_default=""),
    Column("moved_to", Text, nullable=False, server_default=""),  # where `ledger copy` moved it
    Column("lineage", Text, nullable=False, server_default=""),  # of the database that a user confirmed
)

# The project folders that runs were begun in, the database that each was told of (`lineage`), and the
# limits that its mailrunner.toml has: JSON, a list of spellings by the identity of the account.
machines = Table(
    "machines",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("lineage", Text, nullable=False),
    Column("limits", Text, nullable=False, server_default="{}"),
    Column("clock_ahead", BigInteger, nullable=False, server_default="0"),  # seconds
)

secrets = Table(
    "secrets",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("value", String(128), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("identity", String(320), nullable=False, unique=True),
    Column("paused_until", Instant),
    Column("pause_reason", Text, nullable=False, server_default=""),
    Column("stop_reason", Text, nullable=False, server_default=""),
    Column("refused", Text, nullable=False, server_default="{}"),  # JSON: digest of credentials → reason
    Column("formerly", Text, nullable=False, server_default=""),  # former identities taken over, a line each
    Column("learned", Text, nullable=False, server_default="{}"),  # JSON: facts by name, see `Accounts.learn`
)

# A running total per scope ("account:3", "campaign:7") and series: what a window used is the newest
# total less the total at its horizon, two index look-ups however much was sent.
usage = Table(
    "usage",
    metadata,
    Column("scope", String(32), primary_key=True),
    Column("series", String(8), primary_key=True),
    Column("total", BigInteger, primary_key=True),
    Column("stamp", Instant, nullable=False),
    UniqueConstraint("scope", "series", "stamp"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("id", String(200), nullable=False, unique=True),
    Column("file", Text, nullable=False),
    Column("account_no", BigInteger, ForeignKey("accounts.no"), nullable=False),
    Column("account_name", Text, nullable=False),
    Column("list_key", Text, nullable=False),
    Column("list_name", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("content", Text, nullable=False),  # JSON: a digest for each part, to say which one changed
    Column("content_digest", String(64), nullable=False),
    Column(
        "message_digest", Text, nullable=False
    ),  # of each message that was sent: finds the same campaign under another name
    Column("loading_run", BigInteger),  # the run that writes the snapshot while the phase is "loading"
    Column("list_mark", Text, nullable=False),  # JSON: how the list looked when it was read last
    Column("columns", Text, nullable=False),  # JSON: the list's columns
    Column("message_domain", Text, nullable=False),
    Column("recent", String(100), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("stop_digest", String(64), nullable=False, server_default=""),
    Column("resume_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

recipients = Table(
    "recipients",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("data", Text, nullable=False),  # JSON: the row's cells, as they were
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Big, primary_key=True, autoincrement=False),
    Column("campaign_no", BigInteger, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("key", Text),  # none for invalid and duplicate rows, so that a key stands once a campaign
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    # Of one that is queued: it is not tried before. Of one that is done: `finished_at`, and in doubt the
    # moment of the doubt, so that the index of the queue also has every state in the order of time.
    Column("not_before", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("waited", BigInteger, nullable=False, server_default="0"),  # microseconds
    Column("token", BigInteger),
    Column("account_no", BigInteger),
    Column("code", Integer),
    Column("enhanced_code", String(16), nullable=False, server_default=""),
    Column("reply", Text, nullable=False, server_default=""),
    Column("provider_id", Text, nullable=False, server_default=""),
    Column("last_attempt_at", Instant),
    Column("finished_at", Instant),
    UniqueConstraint("campaign_no", "key"),
)
Index(
    "ix_deliveries_turn",
    deliveries.c.campaign_no,
    deliveries.c.state,
    deliveries.c.not_before,
    deliveries.c.id,
)
Index(
    "ix_deliveries_in_flight",
    deliveries.c.account_no,
    deliveries.c.campaign_no,
    deliveries.c.state,
    sqlite_where=_IN_FLIGHT,
    postgresql_where=_IN_FLIGHT,
)
Index(
    "ix_deliveries_token",
    deliveries.c.token,
    sqlite_where=_IN_FLIGHT,
    postgresql_where=_IN_FLIGHT,
)

# Where a changed list is read to before it is compared with the snapshot; empty otherwise.
incoming = Table(
    "incoming",
    metadata,
    Column("run_no", BigInteger, primary_key=True),  # each run compares what it has read itself
    Column("row", BigInteger, primary_key=True),
    Column("key", Text),
    Column("reason", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("run_no", "key"),
)

runs = Table(
    "runs",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("campaign_no", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("leased_until", Instant, nullable=False),
    Column("ended_at", Instant),
    sqlite_autoincrement=True,  # a run's number is part of its tokens and is never used again
)
Index(
    "ix_runs_open",
    runs.c.ended_at,
    sqlite_where=runs.c.ended_at.is_(None),
    postgresql_where=runs.c.ended_at.is_(None),
)

lists = Table(
    "lists",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("first_used_at", Instant, nullable=False),
    # How many entries held for the list at the last check: none now means that the list was lost.
    Column("suppressed", BigInteger, nullable=False, server_default="0"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("key", Text, nullable=False),
    Column("list_key", Text, nullable=False, server_default=""),
    Column("reason", String(12), nullable=False),
    Column("source", Text, nullable=False),
    Column("import_no", BigInteger),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("key", "list_key", "reason"),
)
Index("ix_suppressions_import", suppressions.c.import_no)
# Whole domains and pseudonyms of erased recipients: mostly none, which this small index shows at once.
BEYOND_KEYS = text("substr(key, 1, 1) IN ('@', '#')")
Index(
    "ix_suppressions_beyond_keys",
    suppressions.c.key,
    sqlite_where=BEYOND_KEYS,
    postgresql_where=BEYOND_KEYS,
)

imports = Table(
    "imports",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("file", Text, nullable=False),
    Column("list_key", Text, nullable=False),
    Column("reason", String(12), nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
    sqlite_autoincrement=True,
)

# Entries that were removed from the suppression list, each with the reason; with the list itself this is
# the history of every entry.
consents = Table(
    "consents",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("key", Text, nullable=False),
    Column("list_key", Text, nullable=False),
    Column("reason", String(12), nullable=False),
    Column("why", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("change", String(12), nullable=False, server_default="removed"),  # or "undone", "forgotten"
    Column("source", Text, nullable=False, server_default=""),  # the entry's own
    Column("added_at", Instant),  # likewise
)
Index("ix_consents_key", consents.c.key)

# Inbound events: bounces, complaints, clicks, unsubscribe requests by mail.
returns = Table(
    "returns",
    metadata,
    Column("no", _Big, primary_key=True),
    Column("delivery_id", BigInteger),  # none where a report names an address alone
    Column("key", Text, nullable=False, server_default=""),
    Column("kind", String(16), nullable=False),
    Column("list_key", Text, nullable=False, server_default=""),
    Column("source", String(32), nullable=False),
    Column("code", Integer),
    Column("enhanced_code", String(16), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("fingerprint", String(64), nullable=False, unique=True),  # the same report again has the same
    Column("happened_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    # None while it waits: a request for the user's decision, a bounce for its delivery's own answer.
    Column("settled_at", Instant),
    Column("settled", Text, nullable=False, server_default=""),  # how, where that is not obvious
    sqlite_autoincrement=True,
)
Index("ix_returns_delivery_id", returns.c.delivery_id)
Index("ix_returns_key", returns.c.key, returns.c.kind)
Index(
    "ix_returns_waiting",
    returns.c.kind,
    sqlite_where=returns.c.settled_at.is_(None),
    postgresql_where=returns.c.settled_at.is_(None),
)
