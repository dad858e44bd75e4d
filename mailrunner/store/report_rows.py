"""The rows of a campaign's report, and its numbers, read from one consistent state of the ledger.

    with ledger.reports.reading(campaign_no) as reading:
        reading.counts()
        for row in reading.rows(State.FAILED): …

Everything asked of one reading is about the same instant, though a run may go on meanwhile.  Rows are
streamed: a million of them need no more memory than a few thousand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    Subquery,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store.campaigns import counts
from mailrunner.store.database import Database
from mailrunner.store.inbound_events import inbound_counts, of_campaign
from mailrunner.store.report_numbers import ReportNumbers
from mailrunner.store.schema import CAMPAIGN_SHIFT, deliveries, recipients, returns

NO_CAMPAIGN = 0  # the number of a campaign without rows: numbers begin at 1
_AT_ONCE = 2_000  # rows that are fetched together
# The event that is shown of a message, the gravest first.  A bounce is in its row's state and reason too.
GRAVITY = (
    EventKind.COMPLAINED,
    EventKind.BOUNCED,
    EventKind.REFUSED,
    EventKind.UNSUBSCRIBED,
    EventKind.SOFT_BOUNCED,
)


class ReportRow(NamedTuple):
    """One row of the list and its delivery.

    `key` is None for invalid and duplicate rows, `data` is None where the row was purged;
    `address` is then the key, or "" where there is none.  `came_back` is the gravest
    inbound event of the message, "" for none, and `came_back_at` the time of the first of that kind.
    """

    id: int
    row: int
    key: str | None
    reason: str
    code: int | None
    enhanced_code: str
    reply: str
    provider_id: str
    attempts: int
    last_attempt_at: datetime | None
    finished_at: datetime | None
    came_back: str
    came_back_at: datetime | None
    address: str
    data: str | None
    state: State

    @property
    def values(self) -> tuple[str, ...]:
        """The row's cells; none where they were purged."""
        return () if self.data is None else tuple(json.loads(self.data))


class Cause(NamedTuple):
    """The number of deliveries in one state for one reason."""

    state: State
    reason: str
    number: int


class Reading:
    """One campaign in one consistent state."""

    def __init__(self, connection: Connection, campaign_no: int) -> None:
        self._connection = connection
        self._campaign_no = campaign_no

    def counts(self) -> Counts:
        """The number of deliveries in each state."""
        return counts(self._connection, self._campaign_no)

    def rows(self, *states: State, most: int | None = None, every: int = 1) -> Iterator[ReportRow]:
        """The rows in the list's order, those of `states` alone if any are named, and at most `most`.

        `every` leaves all out but those at each so many places of the list.
        """
        # By the range of ids and not by campaign, so that a database walks the rows in their order
        # instead of sorting a million of them first.
        first, after = self._campaign_no << CAMPAIGN_SHIFT, (self._campaign_no + 1) << CAMPAIGN_SHIFT
        mine = (deliveries.c.id >= first) & (deliveries.c.id < after)
        mine = mine & (deliveries.c.id % every == 0) if every > 1 else mine
        back = _back(self._campaign_no)
        statement = _with_data(_in_states(mine, states), back).order_by(deliveries.c.id).limit(most)
        streamed = self._connection.execute(statement, execution_options={"yield_per": _AT_ONCE})
        return map(_report_row, streamed)

    @property
    def numbers(self) -> ReportNumbers:
        """The numbers over time, by domain and by day."""
        return ReportNumbers(self._connection, self._campaign_no)

    def inbound_counts(self) -> dict[EventKind, int]:
        """The number of messages with each kind of inbound event."""
        return inbound_counts(self._connection, self._campaign_no)

    def causes(self, *states: State, most: int) -> list[Cause]:
        """The reasons of the deliveries in `states`, the most frequent first; duplicates are one reason.

        The server's own words are left out, as they often name the recipient.
        """
        reason, number = _general_reason().label("cause"), func.count().label("number")
        found = self._connection.execute(
            select(deliveries.c.state, reason, number)
            .where(self._meant(states))
            .group_by(deliveries.c.state, reason)
            .order_by(number.desc(), deliveries.c.state, reason)
            .limit(most)
        )
        return [Cause(State(row.state), row.cause, row.number) for row in found]

    def has_purged_rows(self, *states: State) -> bool:
        """True if the data of a row in `states` were purged."""
        data = exists().where(recipients.c.id == deliveries.c.id)
        purged = select(deliveries.c.id).where(self._meant(states), ~data).limit(1)
        return self._connection.execute(purged).first() is not None

    def _meant(self, states: tuple[State, ...]) -> ColumnElement[bool]:
        return _in_states(deliveries.c.campaign_no == self._campaign_no, states)


class ReportRows:
    """Reads campaigns of one ledger for their reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self, campaign_no: int) -> Iterator[Reading]:
        """Read a campaign; rows must be used before the reading is closed."""
        with self._database.read() as connection:
            yield Reading(connection, campaign_no)

    def rows(self, campaign_no: int) -> Iterator[ReportRow]:
        """All rows of a campaign in the list's order, from one reading."""
        with self.reading(campaign_no) as reading:
            yield from reading.rows()


def _in_states(mine: ColumnElement[bool], states: tuple[State, ...]) -> ColumnElement[bool]:
    return mine & deliveries.c.state.in_(states) if states else mine


def _general_reason() -> ColumnElement[str]:
    """A reason without what is particular to one row: the server's words, the number of a duplicate's row."""
    of, blank = deliveries.c, literal(" ")
    code = func.coalesce(blank + cast(of.code, String), "")
    enhanced = case((of.enhanced_code != "", blank + of.enhanced_code), else_="")
    answer = literal(":") + code + enhanced + blank + of.reply
    return case(
        (of.reason.like("duplicate of row %"), "duplicate of another row"),
        (of.reply != "", func.replace(of.reason, answer, "")),
        else_=of.reason,
    )


def _back(campaign_no: int) -> Subquery:
    """The first time of each of `GRAVITY`, by delivery."""
    first = [
        func.min(case((returns.c.kind == kind.value, returns.c.happened_at))).label(kind.value)
        for kind in GRAVITY
    ]
    mine = (*of_campaign(campaign_no), returns.c.kind.in_(GRAVITY))
    return select(returns.c.delivery_id, *first).where(*mine).group_by(returns.c.delivery_id).subquery()


def _with_data(meant: ColumnElement[bool], back: Subquery) -> Select[Any]:
    """The values of a `ReportRow`, in its order."""
    address = func.coalesce(recipients.c.address, deliveries.c.key, "")
    times = [back.c[kind.value] for kind in GRAVITY]
    gravest = case(
        *((at.is_not(None), kind.value) for at, kind in zip(times, GRAVITY, strict=True)), else_=""
    )
    back_columns = (gravest, func.coalesce(*times))
    return (
        select(
            *(deliveries.c[name] for name in _COPIED),
            *back_columns,
            *(address, recipients.c.data, deliveries.c.state),
        )
        .outerjoin(recipients, recipients.c.id == deliveries.c.id)
        .outerjoin(back, back.c.delivery_id == deliveries.c.id)
        .where(meant)
    )


_COPIED = ReportRow._fields[:-5]


def _report_row(row: Row[Any]) -> ReportRow:
    return ReportRow._make((*row[:-1], State(row[-1])))
