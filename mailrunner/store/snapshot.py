"""Writing a list into the ledger, and comparing a changed list with what stands there.

A snapshot is written in short chunks that stay invisible until one small commit makes the campaign
`ready`; if it is interrupted, it is begun again.  A list that changed later is read into
`incoming`, compared there, and only accepted differences are applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from pydantic_core import to_json
from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update

from mailrunner.errors import LedgerError
from mailrunner.model.delivery import State
from mailrunner.store.campaigns import CampaignRecord, Phase, record
from mailrunner.store.database import Database
from mailrunner.store.erasure import pseudonyms_of
from mailrunner.store.raw_sql import insert_many, run_with_list, to_micros
from mailrunner.store.reopening import reopen_after_requeue
from mailrunner.store.schema import CAMPAIGN_SHIFT, campaigns, deliveries, incoming, lists, recipients, runs

LEFT_LIST = "left_list"
_CHUNK = 20_000
_PART = 2_000
_QUEUED, _SKIPPED = State.QUEUED.value, State.SKIPPED.value
# What is not named has its default: to bind seventeen values takes half as long again as eight.
_FRESH = ("id", "campaign_no", "row", "key", "state", "reason", "not_before", "finished_at")


_TRIED = """
    SELECT key FROM deliveries WHERE campaign_no = ? AND state NOT IN ('suppressed', 'skipped') AND key IN (*)
"""


class SnapshotRow(Protocol):
    """One row of a list; `key` is None and `problem` a sentence where it has no usable address."""

    @property
    def row(self) -> int: ...
    @property
    def key(self) -> str | None: ...
    @property
    def problem(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def values(self) -> Sequence[str]: ...


class PlainSnapshotRow(NamedTuple):
    """A row as it stands in the ledger."""

    row: int
    key: str | None
    problem: str
    address: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class ListDrift:
    """The differences of a changed list: rows new, edited, missing (`left`) and there again (`back`).

    `queued` deliveries and `rows` of the list are the totals, to judge them by.
    """

    new: int
    edited: int
    left: int
    back: int
    queued: int
    rows: int

    @property
    def is_alarming(self) -> bool:
        """True where the list looks like a mistake: empty, or 5 % (at least 10) of the queued missing."""
        return self.rows == 0 or (self.left >= 10 and self.left * 20 > self.queued)

    def __bool__(self) -> bool:
        return bool(self.new or self.edited or self.left or self.back)


class Snapshots:
    """The snapshots of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, values: Mapping[str, Any], *, run_no: int) -> CampaignRecord | None:
        """Open a campaign's snapshot (column values of `campaigns`); None if another run is writing it.

        What an interrupted run left of it is thrown away first.  If the campaign was begun meanwhile,
        or the very same snapshot made, its record is returned as it stands: its phase is not
        `loading` then, and nothing is to be written.
        """
        with self._database.write() as connection:
            self._database.lock_ledger(connection)
            now = self._database.now(connection)
            found = connection.execute(select(campaigns).where(campaigns.c.id == values["id"])).first()
            if found is None:
                row = {**values, "phase": Phase.LOADING, "loading_run": run_no, "created_at": now}
                made = connection.execute(insert(campaigns).values(row).returning(campaigns)).one()
                self._know_list(connection, made, now)
                return record(made)
            if found.phase not in (Phase.LOADING, Phase.READY) or _is_same(found, values):
                return record(found)
            if found.loading_run not in (None, run_no) and _is_open(connection, found.loading_run):
                return None
            opened = connection.execute(
                update(campaigns)
                .where(campaigns.c.no == found.no)
                .values(**values, phase=Phase.LOADING, loading_run=run_no, recent="", reason="")
                .returning(campaigns)
            ).one()
            self._know_list(connection, opened, now)
        self._clear(opened.no, run_no)
        return record(opened)

    def add(self, campaign_no: int, place: int, rows: Sequence[SnapshotRow], *, run_no: int) -> int:
        """Write a chunk of the list, `place` being the number of rows before it; the new place.

        Raises LedgerError if the campaign is no longer this run's to write.
        """
        base = (campaign_no << CAMPAIGN_SHIFT) + place + 1
        with self._database.write() as connection:
            _check_loader(connection, campaign_no, run_no)
            _write_rows(self._database, connection, rows, campaign_no=campaign_no, base=base)
        return place + len(rows)

    def finish(self, campaign_no: int, *, run_no: int) -> None:
        """Make the snapshot visible: the one small commit."""
        with self._database.write() as connection:
            _check_loader(connection, campaign_no, run_no)
            connection.execute(
                update(campaigns)
                .where(campaigns.c.no == campaign_no)
                .values(phase=Phase.READY, loading_run=None)
            )

    def discard(self, campaign_no: int, *, run_no: int) -> None:
        """Delete a campaign whose snapshot this run was writing."""
        self._clear(campaign_no, run_no)
        with self._database.write() as connection:
            _check_loader(connection, campaign_no, run_no)
            connection.execute(delete(campaigns).where(campaigns.c.no == campaign_no))

    def clear_incoming(self, run_no: int) -> None:
        """Delete what this run read in, and what runs that have ended left behind."""
        ended = select(runs.c.no).where(runs.c.ended_at.is_not(None))
        with self._database.write() as connection:
            connection.execute(
                delete(incoming).where((incoming.c.run_no == run_no) | incoming.c.run_no.in_(ended))
            )

    def add_incoming(self, campaign_no: int, rows: Sequence[SnapshotRow], *, run_no: int) -> None:
        """Read a chunk of the changed list in; the first of several rows with one key counts.

        A recipient of this campaign who was erased since, and is on the list again, is no new one: the
        row gets the pseudonym under which the delivery stands.
        """
        if not rows:
            return
        with self._database.write() as connection:
            erased = _erased(connection, campaign_no, [row.key for row in rows if row.key])
            values = [
                {
                    "run_no": run_no,
                    "row": row.row,
                    "key": erased.get(row.key or "", row.key),
                    "reason": row.problem,
                    "address": row.address,
                    "data": _as_json(row.values),
                }
                for row in rows
            ]
            connection.execute(_insert(connection, incoming).on_conflict_do_nothing(), values)

    def compare(self, campaign_no: int, *, run_no: int) -> ListDrift:
        """How the list that this run read in differs from the snapshot."""
        with self._database.read() as connection:
            mine = deliveries.c.campaign_no == campaign_no
            known = exists().where(mine, deliveries.c.key == incoming.c.key)
            here = exists().where(incoming.c.run_no == run_no, incoming.c.key == deliveries.c.key)
            queued = and_(mine, deliveries.c.state == State.QUEUED)
            theirs = and_(incoming.c.run_no == run_no, incoming.c.key.is_not(None))

            def number(statement: Any) -> int:
                return int(connection.execute(statement).scalar_one())

            return ListDrift(
                new=number(
                    select(func.count()).select_from(incoming).where(theirs, incoming.c.reason == "", ~known)
                ),
                edited=number(_edited(campaign_no, run_no, select(func.count()))),
                left=number(select(func.count()).select_from(deliveries).where(queued, ~here)),
                back=number(select(func.count()).select_from(deliveries).where(_left(mine), here)),
                queued=number(select(func.count()).select_from(deliveries).where(queued)),
                rows=number(select(func.count()).select_from(incoming).where(theirs)),
            )

    def hold_back(self, campaign_no: int, *, run_no: int) -> None:
        """Skip deliveries whose row left the list, and queue again those whose row is back."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            mine = deliveries.c.campaign_no == campaign_no
            here = exists().where(incoming.c.run_no == run_no, incoming.c.key == deliveries.c.key)
            connection.execute(
                update(deliveries)
                .where(mine, deliveries.c.state == State.QUEUED, ~here)
                .values(state=State.SKIPPED, reason=LEFT_LIST, finished_at=now, not_before=now)
            )
            connection.execute(
                update(deliveries)
                .where(_left(mine), here)
                .values(state=State.QUEUED, reason="", finished_at=None, not_before=now)
            )
            reopen_after_requeue(connection, campaign_no, now)

    def refresh(self, campaign_no: int, *, run_no: int) -> None:
        """Accept edited and new rows from the list that was read in, in short transactions.

        If it is interrupted, the next run finds the rest.
        """
        while self._take_edited(campaign_no, run_no) or self._take_new(campaign_no, run_no):
            pass

    def _take_edited(self, campaign_no: int, run_no: int) -> int:
        edited = select(deliveries.c.id, incoming.c.row, incoming.c.address, incoming.c.data)
        with self._database.write() as connection:
            rows = connection.execute(_edited(campaign_no, run_no, edited).limit(_PART)).all()
            for number, row, address, data in rows:
                connection.execute(
                    update(recipients).where(recipients.c.id == number).values(address=address, data=data)
                )
                connection.execute(update(deliveries).where(deliveries.c.id == number).values(row=row))
            return len(rows)

    def _take_new(self, campaign_no: int, run_no: int) -> int:
        known = exists().where(deliveries.c.campaign_no == campaign_no, deliveries.c.key == incoming.c.key)
        fresh = (
            select(incoming)
            .where(incoming.c.run_no == run_no, incoming.c.key.is_not(None), incoming.c.reason == "", ~known)
            .order_by(incoming.c.row)
            .limit(_PART)
        )
        highest = select(func.max(deliveries.c.id)).where(deliveries.c.campaign_no == campaign_no)
        with self._database.write() as connection:
            rows = [
                PlainSnapshotRow(r.row, r.key, r.reason, r.address, json.loads(r.data))
                for r in connection.execute(fresh)
            ]
            last = connection.execute(highest).scalar() or (campaign_no << CAMPAIGN_SHIFT)
            _write_rows(self._database, connection, rows, campaign_no=campaign_no, base=last + 1)
            if rows:
                reopen_after_requeue(connection, campaign_no, self._database.now(connection))
            return len(rows)

    def _know_list(self, connection: Connection, campaign: Any, now: datetime) -> None:
        if campaign.list_key:
            row = {"key": campaign.list_key, "name": campaign.list_name, "first_used_at": now}
            connection.execute(_insert(connection, lists).on_conflict_do_nothing(), [row])

    def _clear(self, campaign_no: int, run_no: int) -> None:
        """Delete the rows of a campaign of which nothing was sent, in short transactions."""
        for table in (deliveries, recipients):
            while True:
                first, last = campaign_no << CAMPAIGN_SHIFT, (campaign_no + 1) << CAMPAIGN_SHIFT
                some = (
                    select(table.c.id)
                    .where(table.c.id > first, table.c.id < last)
                    .order_by(table.c.id)
                    .limit(_CHUNK)
                )
                with self._database.write() as connection:
                    _check_loader(connection, campaign_no, run_no)
                    deleted = connection.execute(delete(table).where(table.c.id.in_(some))).rowcount
                if deleted < _CHUNK:
                    break


def known_lists(database: Database) -> dict[str, str]:
    """Every list that ever had a campaign: its key and its name."""
    with database.read() as connection:
        return {row.key: row.name for row in connection.execute(select(lists.c.key, lists.c.name))}


def _write_rows(
    database: Database, connection: Connection, rows: Sequence[SnapshotRow], *, campaign_no: int, base: int
) -> None:
    """Insert rows and their deliveries; a key that stands already makes its row `skipped`."""
    if not rows:
        return
    moment = to_micros(database.now(connection))
    insert_many(
        connection,
        recipients,
        [(number, row.address, _as_json(row.values)) for number, row in enumerate(rows, base)],
    )
    fresh = [
        _fresh(number, campaign_no, row, row.key, row.problem, moment)
        for number, row in enumerate(rows, base)
    ]
    # The unique key decides which row of several was first; only then is it asked which one it was.
    if insert_many(connection, deliveries, fresh, columns=_FRESH) < len(fresh):
        _skip_duplicates(database, connection, rows, campaign_no=campaign_no, base=base)


def _fresh(  # noqa: PLR0917 - a million times: positions are faster than names
    number: int, campaign_no: int, row: SnapshotRow, key: str | None, reason: str, moment: int
) -> tuple[Any, ...]:
    if reason:
        return (number, campaign_no, row.row, None, _SKIPPED, reason, moment, moment)
    return (number, campaign_no, row.row, key, _QUEUED, "", 0, None)


def _skip_duplicates(
    database: Database, connection: Connection, rows: Sequence[SnapshotRow], *, campaign_no: int, base: int
) -> None:
    """Insert the rows whose key stands already, each with the row that came first."""
    moment = to_micros(database.now(connection))
    span = deliveries.c.id.between(base, base + len(rows) - 1)
    there = set(connection.execute(select(deliveries.c.id).where(span)).scalars())
    late = [(number, row) for number, row in enumerate(rows, base) if number not in there]
    first = _first_rows(connection, campaign_no, [row.key for _, row in late if row.key])
    insert_many(
        connection,
        deliveries,
        [
            _fresh(number, campaign_no, row, None, f"duplicate of row {first[row.key or '']}", moment)
            for number, row in late
        ],
        columns=_FRESH,
    )


def _first_rows(connection: Connection, campaign_no: int, keys: Sequence[str]) -> dict[str, int]:
    """The row number of each of the keys in this campaign."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), 5_000):
        rows = connection.execute(
            select(deliveries.c.key, deliveries.c.row).where(
                deliveries.c.campaign_no == campaign_no, deliveries.c.key.in_(keys[start : start + 5_000])
            )
        )
        found.update((key, row) for key, row in rows)
    return found


def _is_same(found: Any, values: Mapping[str, Any]) -> bool:
    """True if the snapshot that stands was made of the same content and list."""
    if found.phase != Phase.READY or found.content_digest != values.get("content_digest"):
        return False
    marks = [json.loads(mark) for mark in (found.list_mark, values.get("list_mark", "{}"))]
    known, asked = ((mark.get("spec"), mark.get("fingerprint")) for mark in marks)
    return known == asked and known[1] is not None  # a query has no fingerprint: it is always read again


def _check_loader(connection: Connection, campaign_no: int, run_no: int) -> None:
    """Raise LedgerError unless `run_no` is the run that writes this snapshot."""
    found = connection.execute(
        select(campaigns.c.phase, campaigns.c.loading_run)
        .where(campaigns.c.no == campaign_no)
        .with_for_update()
    ).first()
    if found is None or (found.phase, found.loading_run) != (Phase.LOADING, run_no):
        raise LedgerError(
            "the campaign was cancelled, or taken over by another process, while its list was read",
            "nothing was sent by this command; see: mailrunner status",
        )


def _is_open(connection: Connection, run_no: int | None) -> bool:
    if run_no is None:
        return False
    ended = connection.execute(select(runs.c.ended_at).where(runs.c.no == run_no)).first()
    return ended is not None and ended.ended_at is None


def _erased(connection: Connection, campaign_no: int, keys: Sequence[str]) -> dict[str, str]:
    """The pseudonyms under which recipients of this campaign were tried, by their keys."""
    pseudonyms = pseudonyms_of(connection)
    key_of = {pseudonyms.of(key): key for key in keys}
    found = run_with_list(connection, _TRIED, (campaign_no,), list(key_of))
    return {key_of[name]: name for (name,) in set(found)}


def _left(mine: Any) -> Any:
    """The deliveries whose rows left the list, if these were not purged since."""
    there = exists().where(recipients.c.id == deliveries.c.id)
    return and_(mine, there, deliveries.c.state == State.SKIPPED, deliveries.c.reason == LEFT_LIST)


def _edited(campaign_no: int, run_no: int, what: Any) -> Any:
    return (
        what.select_from(deliveries)
        .join(recipients, recipients.c.id == deliveries.c.id)
        .join(incoming, (incoming.c.run_no == run_no) & (incoming.c.key == deliveries.c.key))
        .where(
            deliveries.c.campaign_no == campaign_no,
            deliveries.c.state == State.QUEUED,
            (incoming.c.data != recipients.c.data) | (incoming.c.address != recipients.c.address),
        )
    )


def _insert(connection: Connection, table: Any) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _as_json(values: Sequence[str]) -> str:
    return to_json(values).decode()
