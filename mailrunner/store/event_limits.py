"""Limits of the events that one recipient may add: who has a link could leave and return for ever.

Only what recipients cause themselves is counted; reports of servers and providers are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from mailrunner.model.inbound_event import EventKind
from mailrunner.store.event_matching import MatchedEvent
from mailrunner.store.schema import returns

WINDOW = timedelta(days=30)
MOST = {  # events of one recipient within WINDOW
    EventKind.RESUBSCRIBED: 20,
    # More than the returns, so that the unsubscription after the last of them is on record.
    EventKind.UNSUBSCRIBED: 50,
    EventKind.ASKED: 50,
    EventKind.AUTO_REPLIED: 50,
}
_COUNTS = (
    select(returns.c.key, returns.c.kind, func.count())
    .where(
        returns.c.key.in_(bindparam("keys", expanding=True)),
        returns.c.kind.in_([kind.value for kind in MOST]),
        returns.c.received_at >= bindparam("since", type_=returns.c.received_at.type),
    )
    .group_by(returns.c.key, returns.c.kind)
)


def too_many(
    connection: Connection, matched: Iterable[MatchedEvent], now: datetime
) -> set[tuple[str, EventKind]]:
    """The keys and kinds of which the ledger takes no further event for now."""
    keys = sorted({one.key for one in matched if one.event.kind in MOST})
    if not keys:
        return set()
    rows = connection.execute(_COUNTS, {"keys": keys, "since": now - WINDOW}).all()
    return {(key, EventKind(kind)) for key, kind, number in rows if number >= MOST[EventKind(kind)]}
