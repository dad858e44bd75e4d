"""What comes back after a message has gone, and the history of the suppression table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
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
    op.add_column("lists", sa.Column("suppressed", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "consents", sa.Column("change", sa.String(length=12), server_default="removed", nullable=False)
    )
    op.add_column("consents", sa.Column("source", sa.Text(), server_default="", nullable=False))
    op.add_column("consents", sa.Column("added_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_suppressions_beyond_keys",
        "suppressions",
        ["key"],
        sqlite_where=sa.text("substr(key, 1, 1) IN ('@', '#')"),
        postgresql_where=sa.text("substr(key, 1, 1) IN ('@', '#')"),
    )
    op.create_index("ix_consents_key", "consents", ["key"])
    op.drop_column("campaigns", "sources")
