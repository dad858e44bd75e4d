"""The database that the ledger lies in, and the machines that use it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("lineage", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "machines",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("lineage", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_machines"),
    )
