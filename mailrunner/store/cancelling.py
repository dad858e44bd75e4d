"""Nobody is queued in a cancelled campaign: whoever comes back to the queue there is skipped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from mailrunner.delivery import State
from mailrunner.store.schema import campaigns, deliveries


def skip_in_cancelled(connection: Connection, campaign_no: int, now: datetime) -> int:
    """Skip all who are queued in `campaign_no` if it is cancelled; say how many."""
    phase = connection.execute(select(campaigns.c.phase).where(campaigns.c.no == campaign_no)).scalar()
    if phase != "cancelled":  # asked first, so that it costs the same however many are queued
        return 0
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED)
        .values(state=State.SKIPPED, reason="cancelled", finished_at=now)
    ).rowcount
