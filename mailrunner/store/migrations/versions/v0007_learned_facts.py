"""Learned facts of each account, as JSON: each with its words and its instant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("learned", sa.Text(), server_default="{}", nullable=False))
