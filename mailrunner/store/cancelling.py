"""Nobody is queued in a cancelled campaign: whoever comes back to the queue there is skipped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, exists, update

from mailrunner.delivery import State
from mailrunner.store.schema import campaigns, deliveries


def skip_in_cancelled(connection: Connection, campaign_no: int, now: datetime) -> int:
    """Skip all who are queued in `campaign_no` if it is cancelled; say how many."""
    cancelled = exists().where(campaigns.c.no == campaign_no, campaigns.c.phase == "cancelled")
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED, cancelled)
        .values(state=State.SKIPPED, reason="cancelled", finished_at=now)
    ).rowcount
