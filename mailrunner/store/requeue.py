"""What goes with coming back to the queue: whoever queues somebody ends its transaction here.

A finished campaign goes on; in a cancelled one nobody is queued.  The campaign's row is locked before
it is asked, as `finish` and `cancel` lock it before they look who is queued: one of the two sees the
other, whichever comes first.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from mailrunner.model.delivery import State
from mailrunner.store.schema import campaigns, deliveries


def locked_phase(connection: Connection, campaign_no: int) -> str | None:
    """The phase, which nobody else changes until the transaction ends; None for test messages."""
    mine = select(campaigns.c.phase).where(campaigns.c.no == campaign_no).with_for_update()
    phase: str | None = connection.execute(mine).scalar()
    return phase


def after_requeue(connection: Connection, campaign_no: int, now: datetime) -> None:
    """Let a finished campaign go on; skip who was queued in a cancelled one."""
    phase = locked_phase(connection, campaign_no)
    if phase == "finished":
        mine = campaigns.c.no == campaign_no
        connection.execute(update(campaigns).where(mine).values(phase="begun", finished_at=None))
    elif phase == "cancelled":
        skip_queued(connection, campaign_no, now)


def skip_queued(connection: Connection, campaign_no: int, now: datetime) -> int:
    """Skip all who are queued in a cancelled campaign; say how many."""
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED)
        .values(state=State.SKIPPED, reason="cancelled", finished_at=now)
    ).rowcount
