"""Hard bounces that say more of their recipients than of us.

A relay that wants a login, or the wrong one, calls every recipient unknown; behind an own server it says
so by bounces.  As long as more of a campaign failed than stands as sent, its bounces suppress no address.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from mailrunner.model.delivery import State
from mailrunner.store.event_matching import MatchedEvent
from mailrunner.store.schema import CAMPAIGN_SHIFT, deliveries

_FEW = 5  # fewer failures than this tell nothing of a campaign
_MOST = 1_000  # as many are counted: the question is asked for every group of events


def credible_bounces(connection: Connection, bounced: Collection[MatchedEvent]) -> list[MatchedEvent]:
    """Return those that may suppress their recipients; their deliveries' states are recorded already."""
    campaigns = {one.delivery >> CAMPAIGN_SHIFT for one in bounced if one.delivery}
    doubtful = {number for number in campaigns if _is_rather_our_fault(connection, number)}
    return [one for one in bounced if (one.delivery or 0) >> CAMPAIGN_SHIFT not in doubtful]


def _is_rather_our_fault(connection: Connection, campaign_no: int) -> bool:
    failed = _count(connection, campaign_no, State.FAILED, most=_MOST)
    return failed >= _FEW and _count(connection, campaign_no, State.SENT, most=failed) < failed


def _count(connection: Connection, campaign_no: int, state: State, *, most: int) -> int:
    """The number of deliveries in this state, `most` at most: read from the index of the queue."""
    mine = (deliveries.c.campaign_no == campaign_no, deliveries.c.state == state)
    few = select(deliveries.c.id).where(*mine).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(few)).scalar_one()
