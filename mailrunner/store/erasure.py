"""Erasure of a recipient's data on request (GDPR, article 17), without mailing them again.

The address is removed from the suppression list and its history, from the
list's rows, from deliveries and from inbound events.  What stays is a pseudonym, a keyed hash under a
secret of the ledger: it says nothing to a reader, and it is found again when the same address comes
with another list.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from mailrunner.errors import Problem, UserError
from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.model.suppression import (
    ALL_LISTS,
    ChangeKind,
    Pseudonyms,
    SuppressionEntry,
    SuppressionReason,
)
from mailrunner.store.database import Database
from mailrunner.store.raw_sql import insert_many, to_micros
from mailrunner.store.schema import (
    campaigns,
    consents,
    deliveries,
    incoming,
    ledger,
    recipients,
    returns,
    suppressions,
)

SOURCE = "asked to be forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The data that were erased for one recipient; `name` is their pseudonym.

    `entries` of the suppression list, `deliveries`, of which `stopped` were still to be sent, rows of
    lists, and inbound events.
    """

    name: str
    entries: int = 0
    deliveries: int = 0
    stopped: int = 0
    rows: int = 0
    reports: int = 0

    @property
    def was_known(self) -> bool:
        return any((self.entries, self.deliveries, self.rows, self.reports))


def pseudonyms_of(connection: Connection) -> Pseudonyms:
    """The pseudonyms of this ledger; read once a connection."""
    known: Pseudonyms | None = connection.info.get("pseudonyms")
    if known is None:
        row = connection.execute(select(ledger.c.id, ledger.c.former_ids)).first()
        known = Pseudonyms.of_ledger(row.id, *row.former_ids.split()) if row else Pseudonyms.of_ledger("")
        connection.info["pseudonyms"] = known
    return known


def erase(connection: Connection, key: str, *, now: datetime) -> Erased:
    """Erase the recipient with this key, inside the caller's transaction.

    Raises UserError while a message to them is on its way: the answer would be recorded with the
    address in it.
    """
    name = pseudonyms_of(connection).of(key)
    mine = _deliveries(connection, key)
    if any(row.state in IN_FLIGHT for row in mine):
        hint = "nothing was erased; type the same again when it has arrived"
        raise UserError(Problem("a message is on its way just now", key=key, hint=hint))
    ids = [row.id for row in mine] + _duplicates(connection, mine)
    written = connection.execute(select(recipients.c.address).where(recipients.c.id.in_(ids))).scalars()
    redaction = _Redaction([key, *written], name)
    reports = _redact_reports(connection, key, ids, name)
    rows = connection.execute(delete(recipients).where(recipients.c.id.in_(ids))).rowcount
    connection.execute(delete(incoming).where(incoming.c.key == key))
    stopped = sum(_redact_delivery(connection, row, redaction, now) for row in mine)
    entries = _redact_entries(connection, key, redaction, now)
    done = Erased(
        name=name, entries=entries, deliveries=len(mine), stopped=stopped, rows=rows, reports=reports
    )
    if done.was_known:
        _hold(connection, name, now)
    return done


def overwrite_deleted(connection: Connection) -> None:
    """Let SQLite overwrite with zeros what is deleted from now on; it only marks it as free otherwise."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def empty_log(database: Database) -> None:
    """Empty the write-ahead log, which still has the pages as they were.

    While another connection reads, SQLite keeps it until a later write.  PostgreSQL overwrites both in its
    own time.
    """
    if database.is_sqlite:
        raw = database.engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()


class _Redaction:
    """Replaces an address, however it is spelled, by the pseudonym."""

    def __init__(self, addresses: Collection[str], name: str) -> None:
        longest_first = sorted({address for address in addresses if address}, key=len, reverse=True)
        self._spelled = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
        self.name = name

    def apply(self, text: str) -> str:
        return self._spelled.sub(self.name, text)


def _deliveries(connection: Connection, key: str) -> list[Any]:
    # By campaign and key, as the index has them.
    numbers = connection.execute(select(campaigns.c.no)).scalars().all()
    asked = (
        select(
            deliveries.c.id,
            deliveries.c.campaign_no,
            deliveries.c.row,
            deliveries.c.state,
            deliveries.c.reason,
            deliveries.c.reply,
        )
        .where(deliveries.c.campaign_no.in_(numbers), deliveries.c.key == key)
        .with_for_update()
    )
    return list(connection.execute(asked))


def _duplicates(connection: Connection, mine: Collection[Any]) -> list[int]:
    """The duplicate rows of these deliveries, whose reasons name the first row."""
    found: list[int] = []
    for row in mine:
        same = (deliveries.c.campaign_no == row.campaign_no, deliveries.c.key.is_(None))
        again = deliveries.c.reason == f"duplicate of row {row.row}"
        found += connection.execute(select(deliveries.c.id).where(*same, again)).scalars()
    return found


def _redact_delivery(connection: Connection, row: Any, redaction: _Redaction, now: datetime) -> bool:
    """Redact one delivery; True if it was queued, and now is suppressed."""
    taken = (deliveries.c.campaign_no == row.campaign_no, deliveries.c.key == redaction.name)
    # Erased once and on the list again: a key is unique in a campaign, and the first delivery has it.
    is_second = connection.execute(select(deliveries.c.id).where(*taken)).first() is not None
    values: dict[str, Any] = {
        "key": None if is_second else redaction.name,
        "reason": redaction.apply(row.reason),
        "reply": redaction.apply(row.reply),
    }
    stopped = row.state == State.QUEUED
    if stopped:
        entry = SuppressionEntry(redaction.name, ALL_LISTS, SuppressionReason.MANUAL, SOURCE, now)
        values |= {"state": State.SUPPRESSED, "reason": str(entry), "finished_at": now, "not_before": now}
    connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(values))
    return bool(stopped)


def _redact_reports(connection: Connection, key: str, ids: Collection[int], name: str) -> int:
    """Without the details: the recipient's words, or a server's quotation, may name them in any way."""
    mine = or_(returns.c.key == key, returns.c.delivery_id.in_(ids))
    return connection.execute(update(returns).where(mine).values(key=name, detail="")).rowcount


def _redact_entries(connection: Connection, key: str, redaction: _Redaction, now: datetime) -> int:
    for row in connection.execute(select(consents).where(consents.c.key == key)).all():
        values = {
            "key": redaction.name,
            "why": redaction.apply(row.why),
            "source": redaction.apply(row.source),
        }
        connection.execute(update(consents).where(consents.c.no == row.no).values(values))
    mine = suppressions.c.key == key
    found = connection.execute(select(suppressions).where(mine)).all()
    moved = [
        (
            redaction.name,
            r.list_key,
            r.reason,
            redaction.apply(r.source),
            r.import_no,
            to_micros(r.created_at),
        )
        for r in found
    ]
    insert_many(connection, suppressions, moved, columns=_COLUMNS)
    connection.execute(delete(suppressions).where(mine))
    for row in found:
        scope = {"key": redaction.name, "list_key": row.list_key, "reason": row.reason}
        note = {"why": SOURCE, "change": ChangeKind.FORGOTTEN.value, "created_at": now}
        connection.execute(insert(consents).values(**scope, **note))
    return len(found)


def _hold(connection: Connection, name: str, now: datetime) -> None:
    """Suppress the pseudonym for all lists, also where the recipient was not suppressed before."""
    row = (name, ALL_LISTS, SuppressionReason.MANUAL.value, SOURCE, None, to_micros(now))
    insert_many(connection, suppressions, [row], columns=_COLUMNS)


_COLUMNS = ("key", "list_key", "reason", "source", "import_no", "created_at")
