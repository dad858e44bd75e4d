"""Other ledgers: the one whose suppression list was taken over, and the one this was moved to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("former_ids", "moved_to"):
        op.add_column("ledger", sa.Column(name, sa.Text(), server_default="", nullable=False))
