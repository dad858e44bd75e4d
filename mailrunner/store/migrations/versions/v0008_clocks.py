"""How far the clock of each machine was ahead of the ledger's, in seconds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("machines", sa.Column("clock_ahead", sa.BigInteger(), server_default="0", nullable=False))
