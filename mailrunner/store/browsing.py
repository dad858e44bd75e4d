"""Queries of one page of a ledger, each by an index and a limit: none reads a whole campaign.

The rows of a page are chosen first and joined with their recipients then: PostgreSQL would otherwise walk
all recipients of the campaign beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.quota import Limit
from mailrunner.model.quota_returns import bounds, returning
from mailrunner.model.suppression import SuppressionEntry, SuppressionReason
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import account_scope
from mailrunner.store.raw_sql import from_micros, run, to_micros
from mailrunner.store.schema import CAMPAIGN_SHIFT

_LOOKED_THROUGH = 2_000  # keys behind the beginning that is looked for: not every collation keeps it together
_SECONDS = 2  # the longest that PostgreSQL may take for a statement of a page
_COLUMNS = """
    d.id, d.row, d.key, d.state, d.reason, d.code, d.enhanced_code, d.reply, d.provider_id, d.attempts,
    d.token, d.not_before, d.last_attempt_at, d.finished_at, a.address
"""
_WITH_ADDRESS = f"""
    SELECT {_COLUMNS} FROM ({{chosen}}) d LEFT JOIN recipients a ON a.id = d.id ORDER BY {{order}}
"""  # noqa: S608 - words of this file
_NEWEST = _WITH_ADDRESS.format(
    chosen="SELECT * FROM deliveries WHERE campaign_no = ? AND state = ? AND (not_before, id) < (?, ?) "
    "ORDER BY not_before DESC, id DESC LIMIT ?",
    order="d.not_before DESC, d.id DESC",
)
_IN_ORDER = _WITH_ADDRESS.format(
    chosen="SELECT * FROM deliveries WHERE id > ? AND id < ? ORDER BY id LIMIT ?", order="d.id"
)
_BY_KEY = _WITH_ADDRESS.format(
    chosen="SELECT * FROM "
    "(SELECT * FROM deliveries WHERE campaign_no = ? AND key >= ? ORDER BY key LIMIT ?) k "
    "WHERE substr(key, 1, ?) = ? LIMIT ?",
    order="d.key",
)
_OF_KEY = _WITH_ADDRESS.format(
    chosen="SELECT * FROM deliveries WHERE key = ? AND campaign_no IN (SELECT no FROM campaigns)",
    order="d.id DESC",
)
_DATA = "SELECT data FROM recipients WHERE id = ?"
_COUNT = "SELECT count(*) FROM deliveries WHERE campaign_no = ? AND state = ? AND not_before >= ?"
_OLDEST_QUEUED = """
    SELECT not_before FROM deliveries WHERE campaign_no = ? AND state = 'queued' AND not_before > 0
    ORDER BY not_before LIMIT 1
"""
_EVENT = "no, delivery_id, key, kind, source, code, enhanced_code, detail, happened_at, settled"
_EVENTS = f"SELECT {_EVENT} FROM returns"  # noqa: S608
_EVENTS_OF = f"{_EVENTS} WHERE delivery_id = ? ORDER BY no LIMIT ?"
_EVENTS_OF_KEY = f"{_EVENTS} WHERE key = ? ORDER BY no LIMIT ?"
_LATEST_EVENTS = f"{_EVENTS} ORDER BY no DESC LIMIT ?"
_RUNS = """
    SELECT r.no, c.id, r.host, r.pid, r.started_at, r.ended_at FROM runs r
    LEFT JOIN campaigns c ON c.no = r.campaign_no ORDER BY r.no DESC LIMIT ?
"""
_SUPPRESSED = """
    SELECT key, list_key, reason, source, created_at, import_no FROM
    (SELECT * FROM suppressions WHERE key >= ? ORDER BY key LIMIT ?) k
    WHERE substr(key, 1, ?) = ? ORDER BY key, list_key LIMIT ?
"""
_USED = """
    SELECT b.moment, (SELECT total FROM usage WHERE scope = ? AND series = 'answers' AND stamp <= b.moment
    ORDER BY stamp DESC LIMIT 1) FROM (VALUES {moments}) AS b(moment)
"""
_TIMEOUT = f"SET LOCAL statement_timeout = '{_SECONDS}s'"


class ListedDelivery(NamedTuple):
    """One delivery on a page; `moment` is its `not_before`, `address` None where the row was purged."""

    id: int
    row: int
    key: str | None
    state: State
    reason: str
    code: int | None
    enhanced_code: str
    reply: str
    provider_id: str
    attempts: int
    token: int | None
    moment: datetime
    last_attempt_at: datetime | None
    finished_at: datetime | None
    address: str | None

    @property
    def campaign_no(self) -> int:
        return self.id >> CAMPAIGN_SHIFT

    @property
    def place(self) -> int:
        """Its place in its campaign, from 1."""
        return self.id - (self.campaign_no << CAMPAIGN_SHIFT)

    @property
    def answer(self) -> str:
        """The server's last answer with its codes; "" for none."""
        return " ".join(str(part) for part in (self.code, self.enhanced_code, self.reply) if part)


class ListedEvent(NamedTuple):
    """One inbound event on a page."""

    no: int
    delivery: int | None
    key: str
    kind: EventKind
    source: str
    code: int | None
    enhanced_code: str
    detail: str
    happened_at: datetime
    settled: str


class ListedRun(NamedTuple):
    """One run; `campaign` is None for a run of none, as a test send is."""

    no: int
    campaign: str | None
    host: str
    pid: int
    started_at: datetime
    ended_at: datetime | None


class Browsing:
    """Looks into one ledger, quickly: on PostgreSQL no statement may take longer than two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._database.read() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql(_TIMEOUT)
            yield connection

    def newest(
        self,
        campaign_no: int,
        states: Iterable[State],
        *,
        most: int,
        before: tuple[datetime, int] | None = None,
    ) -> list[ListedDelivery]:
        """The newest deliveries in these states; behind (moment, id) `before` if that is given."""
        bound = (to_micros(before[0]), before[1]) if before else (2**62, 2**62)
        found: list[ListedDelivery] = []
        with self._read() as connection:
            for state in states:
                rows = run(connection, _NEWEST, (campaign_no, state.value, *bound, most))
                found += [_delivery(row) for row in rows]
        return sorted(found, key=lambda one: (one.moment, one.id), reverse=True)[:most]

    def in_order(self, campaign_no: int, *, after: int, most: int) -> list[ListedDelivery]:
        """The deliveries behind place `after`, in the list's order."""
        first, end = campaign_no << CAMPAIGN_SHIFT, (campaign_no + 1) << CAMPAIGN_SHIFT
        with self._read() as connection:
            return [_delivery(row) for row in run(connection, _IN_ORDER, (first + after, end, most))]

    def beginning_with(self, campaign_no: int, beginning: str, *, most: int) -> list[ListedDelivery]:
        """The deliveries whose keys begin so, in the order of the keys."""
        values = (campaign_no, beginning, _LOOKED_THROUGH, len(beginning), beginning, most)
        with self._read() as connection:
            return [_delivery(row) for row in run(connection, _BY_KEY, values)]

    def one(self, campaign_no: int, place: int) -> ListedDelivery | None:
        """The delivery at `place` in its campaign; None if there is none."""
        found = self.in_order(campaign_no, after=place - 1, most=1) if 0 < place < 1 << CAMPAIGN_SHIFT else []
        return found[0] if found and found[0].place == place else None

    def of_key(self, key: str) -> list[ListedDelivery]:
        """The deliveries of one recipient in all campaigns, the newest campaign first."""
        with self._read() as connection:
            return [_delivery(row) for row in run(connection, _OF_KEY, (key,))]

    def data(self, delivery: int) -> str | None:
        """The cells of a delivery's row as JSON; None where they were purged."""
        with self._read() as connection:
            found = run(connection, _DATA, (delivery,)).fetchone()
        return found[0] if found else None

    def number(self, campaign_no: int, state: State, *, since: datetime | None = None) -> int:
        """How many deliveries are in `state`, of those whose moment is `since` or later."""
        values = (campaign_no, state.value, to_micros(since) if since else -(2**62))
        with self._read() as connection:
            return int(run(connection, _COUNT, values).fetchone()[0])

    def oldest_queued(self, campaign_no: int) -> datetime | None:
        """Since when the delivery that waits longest for another attempt has been due; None for none."""
        with self._read() as connection:
            found = run(connection, _OLDEST_QUEUED, (campaign_no,)).fetchone()
        return from_micros(found[0]) if found else None

    def events_of(self, delivery: int, key: str | None, *, most: int) -> list[ListedEvent]:
        """The inbound events of a delivery and, with a key, all of its recipient, the oldest first."""
        with self._read() as connection:
            found = {row[0]: _event(row) for row in run(connection, _EVENTS_OF, (delivery, most))}
            if key:
                found |= {row[0]: _event(row) for row in run(connection, _EVENTS_OF_KEY, (key, most))}
        return [found[no] for no in sorted(found)]

    def latest_events(self, *, most: int) -> list[ListedEvent]:
        """The inbound events that were recorded last, the newest first."""
        with self._read() as connection:
            return [_event(row) for row in run(connection, _LATEST_EVENTS, (most,))]

    def runs(self, *, most: int) -> list[ListedRun]:
        """The runs that began last, the newest first."""
        with self._read() as connection:
            rows = run(connection, _RUNS, (most,)).fetchall()
        return [ListedRun._make((*row[:4], from_micros(row[4]), _moment(row[5]))) for row in rows]

    def suppressed(self, beginning: str, *, most: int) -> list[SuppressionEntry]:
        """The entries of the suppression list whose names begin so."""
        values = (beginning, _LOOKED_THROUGH, len(beginning), beginning, most)
        with self._read() as connection:
            rows = run(connection, _SUPPRESSED, values).fetchall()
        return [
            SuppressionEntry(key, of, SuppressionReason(reason), source, from_micros(at), number)
            for key, of, reason, source, at, number in rows
        ]

    def used(self, account_no: int, moments: Sequence[datetime]) -> list[int]:
        """How many slots of an account were ever used, at each of these moments: one statement."""
        statement = _USED.format(moments=", ".join(["(?)"] * len(moments)))
        if self._database.is_sqlite:  # which names the columns of VALUES by itself
            statement = statement.replace("b.moment", "b.column1").replace("AS b(moment)", "AS b")
        values = (account_scope(account_no), *map(to_micros, moments))
        with self._read() as connection:
            found = dict(map(tuple, run(connection, statement, values)))
        return [found[to_micros(moment)] or 0 for moment in moments]

    def returning(
        self, account_no: int, limit: Limit, zone: tzinfo, now: datetime, *, step: timedelta, steps: int
    ) -> list[int]:
        """The slots of one limit that come back in each step from now on; none of a window below an hour."""
        if not limit.is_long:
            return [0] * steps
        return returning(self.used(account_no, bounds(limit, zone, now, step=step, steps=steps)))


def _delivery(row: Sequence[Any]) -> ListedDelivery:
    times = (from_micros(row[11]), _moment(row[12]), _moment(row[13]))
    return ListedDelivery._make((*row[:3], State(row[3]), *row[4:11], *times, row[14]))


def _event(row: Sequence[Any]) -> ListedEvent:
    return ListedEvent._make((*row[:3], EventKind(row[3]), *row[4:8], from_micros(row[8]), row[9]))


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
