"""The numbers of a whole campaign for its report: over time, by domain, by day.

Each reads all deliveries of the campaign once, as the report does; a page that must open at once has no use
for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store.event_effects import TAKEN_BACK
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.raw_sql import from_micros, run
from mailrunner.store.schema import CAMPAIGN_SHIFT

_QUARTER, _DAY = (timedelta(minutes=15) // timedelta(microseconds=1) * n for n in (1, 96))
# By the attempt, as a message that bounced later went out then, and not when the bounce came.
_ANSWERED = f"""
    SELECT state, last_attempt_at / {_QUARTER} AS quarter, count(*) FROM deliveries
    WHERE campaign_no = ? AND state IN ('sent', 'failed', 'in_doubt') AND last_attempt_at IS NOT NULL
    GROUP BY state, quarter ORDER BY quarter, state
"""  # noqa: S608 - a number of this file
_DOMAIN = {"sqlite": "substr(key, instr(key, '@') + 1)", "postgresql": "split_part(key, '@', 2)"}
_NUMBERS = ", ".join(
    ["count(*) AS number", *(f"sum(CASE state WHEN '{s}' THEN 1 ELSE 0 END) AS {s}"
                             for s in ("sent", "failed", "in_doubt"))]
)  # fmt: skip
_MINE = "FROM deliveries WHERE campaign_no = ? AND key LIKE '%@%'"  # keys of erased recipients have no domain
_MINE_ESCAPED = _MINE.replace("%", "%%")  # psycopg reads % as the start of a value
_DOMAINS = (
    "SELECT {domain} AS domain, {numbers} {mine} GROUP BY domain ORDER BY failed DESC, number DESC, domain"
)
_RETURNED = f"""
    SELECT kind, happened_at / {_DAY} AS day, count(DISTINCT delivery_id) FROM returns
    WHERE delivery_id >= ? AND delivery_id < ? AND settled <> ? GROUP BY kind, day ORDER BY day, kind
"""  # noqa: S608
_BEGUN = "SELECT min(started_at) FROM runs WHERE campaign_no = ?"


class AnsweredCount(NamedTuple):
    """Deliveries of one state that were tried last in the quarter of an hour from `quarter` on."""

    state: State
    quarter: datetime
    number: int


class DomainCount(NamedTuple):
    """One receiving domain: all rows of the list that are addressed to it, and how they ended."""

    domain: str
    number: int
    sent: int
    failed: int
    in_doubt: int


class InboundDay(NamedTuple):
    """The number of messages with an inbound event of this kind on the day (UTC) that begins at `day`."""

    kind: EventKind
    day: datetime
    number: int


class ReportNumbers:
    """The numbers of one campaign, read on one connection."""

    def __init__(self, connection: Connection, campaign_no: int) -> None:
        self._connection, self._no = connection, campaign_no

    def answered(self) -> list[AnsweredCount]:
        """What was tried, by quarter of an hour and how it ended, the earliest first."""
        rows = run(self._connection, _ANSWERED, (self._no,))
        return [AnsweredCount(State(state), from_micros(quarter * _QUARTER), n) for state, quarter, n in rows]

    def domains(self) -> list[DomainCount]:
        """Every receiving domain: the one with the most failures first, then by size."""
        dialect = self._connection.dialect.name
        mine = _MINE if dialect == "sqlite" else _MINE_ESCAPED
        statement = _DOMAINS.format(domain=_DOMAIN[dialect], numbers=_NUMBERS, mine=mine)
        rows = run(self._connection, statement, (self._no,))
        return [DomainCount(domain, *map(int, numbers)) for domain, *numbers in rows]

    def returned(self) -> list[InboundDay]:
        """The inbound events by kind and day, without those taken back."""
        values = (self._no << CAMPAIGN_SHIFT, (self._no + 1) << CAMPAIGN_SHIFT, TAKEN_BACK)
        rows = run(self._connection, _RETURNED, values)
        return [InboundDay(EventKind(kind), from_micros(day * _DAY), n) for kind, day, n in rows]

    def account_use(self, account_no: int, days: Sequence[datetime]) -> list[int]:
        """The slots that the account used, by all its campaigns, from each of `days` to the next."""
        log = UsageLog(self._connection, account_scope(account_no))
        since = [log.used(moment) for moment in days]
        return [since[place] - since[place + 1] for place in range(len(days) - 1)]

    def begun(self) -> datetime | None:
        """The start of the first run; None for none."""
        found = run(self._connection, _BEGUN, (self._no,)).fetchone()[0]
        return None if found is None else from_micros(found)
