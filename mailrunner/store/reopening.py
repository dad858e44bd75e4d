"""The last step of a transaction of a run or of an inbound event that queues a delivery again.

A finished campaign is reopened; in a cancelled one the delivery is skipped.  The campaign's row is locked
before its phase is read, as `finish` and `cancel` lock it before they look for queued deliveries: one of
the two sees the other, whichever comes first.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from mailrunner.model.delivery import State
from mailrunner.store.schema import campaigns, deliveries


def locked_phase(connection: Connection, campaign_no: int) -> str | None:
    """The phase, which no other transaction changes until this one ends; None for test sends."""
    mine = select(campaigns.c.phase).where(campaigns.c.no == campaign_no).with_for_update()
    phase: str | None = connection.execute(mine).scalar()
    return phase


def reopen_after_requeue(connection: Connection, campaign_no: int, now: datetime) -> None:
    """Reopen a finished campaign; in a cancelled one, skip the queued deliveries."""
    phase = locked_phase(connection, campaign_no)
    if phase == "finished":
        mine = campaigns.c.no == campaign_no
        connection.execute(update(campaigns).where(mine).values(phase="begun", finished_at=None))
    elif phase == "cancelled":
        skip_queued(connection, campaign_no, now)


def skip_queued(connection: Connection, campaign_no: int, now: datetime) -> int:
    """Skip all queued deliveries of a cancelled campaign; return how many."""
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED)
        .values(state=State.SKIPPED, reason="cancelled", finished_at=now, not_before=now)
    ).rowcount
