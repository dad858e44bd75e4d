"""A delivery that is done keeps its moment in `not_before`, which the index of the queue orders by."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "UPDATE deliveries SET not_before = coalesce(finished_at, last_attempt_at) "
        "WHERE state IN ('sent', 'failed', 'suppressed', 'skipped', 'in_doubt') "
        "AND coalesce(finished_at, last_attempt_at, not_before) <> not_before"
    )
