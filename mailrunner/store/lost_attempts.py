"""Attempts that this machine began and the ledger has no record of: it was put back to an earlier state.

The server may have accepted them.  A delivery that waits as if its attempt had never been is in doubt from
then on, and each lost attempt counts as a used slot of its account: the provider counted it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mailrunner.store.quota_usage import UsageLog, account_scope, campaign_scope
from mailrunner.store.raw_sql import run, run_with_list
from mailrunner.store.schema import CAMPAIGN_SHIFT, TESTS, accounts
from mailrunner.store.send_journal import JournalEntry

REASON = "the ledger was put back to an earlier state; this machine had begun to send it before"
_KNOWN = "SELECT id, state, last_attempt_at FROM deliveries WHERE id IN (*)"
_IN_DOUBT = """
    UPDATE deliveries
    SET state = 'in_doubt', reason = ?, last_attempt_at = ?, not_before = ?, attempts = attempts + 1,
        token = NULL, account_no = NULL
    WHERE id = ? AND state IN ('queued', 'claimed')
"""
_WAITING = ("queued", "claimed")
_AT_ONCE = 1024


def any_lost(connection: Connection, entries: Sequence[JournalEntry]) -> bool:
    """True if a delivery of `entries` waits as if its attempt had never been."""
    return any(row[1] in _WAITING for _, row in _unknown(connection, entries) if row)


def leave_lost_in_doubt(connection: Connection, files: Iterable[list[JournalEntry]], now: datetime) -> int:
    """Leave in doubt what the ledger does not know of, and count its slots; how many deliveries."""
    slots: Counter[str] = Counter()
    number = 0
    for entries in files:
        for start in range(0, len(entries), _AT_ONCE):
            for entry, row in _unknown(connection, entries[start : start + _AT_ONCE]):
                slots[account_scope(entry.account_no)] += 1
                if row and row[1] in _WAITING:
                    run(connection, _IN_DOUBT, (REASON, entry.stamp, entry.stamp, entry.delivery_id))
                    slots[campaign_scope(entry.delivery_id >> CAMPAIGN_SHIFT)] += 1
                    number += 1
    known = {account_scope(no) for no in connection.execute(select(accounts.c.no)).scalars()}
    for scope, used in slots.items():
        if scope in known or not scope.startswith("account:"):
            UsageLog(connection, scope).add(now, used)
    return number


def _unknown(connection: Connection, entries: Sequence[JournalEntry]) -> list[tuple[JournalEntry, Any]]:
    """The attempts without a record, each with its delivery's row (None where there is none)."""
    ours = [entry for entry in entries if entry.delivery_id >> CAMPAIGN_SHIFT != TESTS]
    if not ours:
        return []
    rows = {row[0]: row for row in run_with_list(connection, _KNOWN, (), [one.delivery_id for one in ours])}
    found = []
    for entry in {one.delivery_id: one for one in ours}.values():
        row = rows.get(entry.delivery_id)
        if row is None or (row[2] or 0) < entry.stamp:
            found.append((entry, row))
    return found
