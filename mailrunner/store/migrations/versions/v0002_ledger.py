"""The ledger of version 0.1.0.

A migration is frozen: it has the tables as they were then, in plain types.  This one is 0002 and has none
before it: ledgers of development versions (0001) were upgraded by 0.1.0, and are refused since.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("identity", sa.String(length=320), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.Column("pause_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("stop_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("refused", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_accounts"),
        sa.UniqueConstraint("identity", name="uq_accounts_identity"),
    )
    op.create_table(
        "consents",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("list_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.String(length=12), server_default="removed", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("no", name="pk_consents"),
    )
    op.create_index("ix_consents_key", "consents", ["key"])
    op.create_table(
        "deliveries",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("campaign_no", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waited", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=True),
        sa.Column("account_no", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced_code", sa.String(length=16), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("last_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("campaign_no", "key", name="uq_deliveries_campaign_no_key"),
    )
    op.create_index(
        "ix_deliveries_in_flight",
        "deliveries",
        ["account_no", "campaign_no", "state"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_index(
        "ix_deliveries_token",
        "deliveries",
        ["token"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_index(
        "ix_deliveries_turn", "deliveries", ["campaign_no", "state", "not_before", "id"], unique=False
    )
    op.create_table(
        "imports",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("list_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("no", name="pk_imports"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incoming",
        sa.Column("run_no", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_no", "row", name="pk_incoming"),
        sa.UniqueConstraint("run_no", "key", name="uq_incoming_run_no_key"),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("run_counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
    )
    op.create_table(
        "lists",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.Column("suppressed", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_lists"),
    )
    op.create_table(
        "recipients",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
    )
    op.create_table(
        "runs",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("campaign_no", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("no", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_runs_open",
        "runs",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "secrets",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_secrets"),
        sa.UniqueConstraint("value", name="uq_secrets_value"),
    )
    op.create_table(
        "suppressions",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("list_key", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("import_no", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_suppressions"),
        sa.UniqueConstraint("key", "list_key", "reason", name="uq_suppressions_key_list_key_reason"),
    )
    op.create_index("ix_suppressions_import", "suppressions", ["import_no"], unique=False)
    op.create_index(
        "ix_suppressions_beyond_keys",
        "suppressions",
        ["key"],
        sqlite_where=sa.text("substr(key, 1, 1) IN ('@', '#')"),
        postgresql_where=sa.text("substr(key, 1, 1) IN ('@', '#')"),
    )
    op.create_table(
        "usage",
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("series", sa.String(length=8), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "series", "total", name="pk_usage"),
        sa.UniqueConstraint("scope", "series", "stamp", name="uq_usage_scope_series_stamp"),
    )
    op.create_table(
        "campaigns",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("account_no", sa.BigInteger(), nullable=False),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("list_key", sa.Text(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("message_digest", sa.Text(), nullable=False),
        sa.Column("loading_run", sa.BigInteger(), nullable=True),
        sa.Column("list_mark", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("message_domain", sa.Text(), nullable=False),
        sa.Column("recent", sa.String(length=100), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("stop_digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("resume_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_no"], ["accounts.no"], name="fk_campaigns_account_no"),
        sa.PrimaryKeyConstraint("no", name="pk_campaigns"),
        sa.UniqueConstraint("id", name="uq_campaigns_id"),
    )
    op.create_table(
        "returns",
        sa.Column("no", _BIG, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("list_key", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced_code", sa.String(length=16), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_returns"),
        sa.UniqueConstraint("fingerprint", name="uq_returns_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_returns_delivery_id", "returns", ["delivery_id"])
    op.create_index("ix_returns_key", "returns", ["key", "kind"])
    op.create_index(
        "ix_returns_waiting",
        "returns",
        ["kind"],
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
