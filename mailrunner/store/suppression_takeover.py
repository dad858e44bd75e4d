"""The suppression list of a ledger that is lost or left, taken over into a new one.

With it come its history, its imports (so that one can still be undone), the lists it holds for, and the
pseudonyms of erased recipients: these are computed with the old ledger's id, which the new one keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from sqlalchemy import inspect, select, update

from mailrunner.clock import Clock
from mailrunner.errors import MailrunnerError
from mailrunner.model.number_and_noun import counted
from mailrunner.store.database import Database
from mailrunner.store.ledger_identity import mark_of
from mailrunner.store.opening import find_database
from mailrunner.store.rollback_guard import LedgerMark
from mailrunner.store.schema import consents, imports, ledger, lists, suppressions
from mailrunner.store.table_copy import copy_table, raise_counters

_TABLES = (lists, imports, suppressions, consents)


def take_over(
    new: Database, places: Sequence[str], seen: LedgerMark | None, *, clock: Clock
) -> tuple[str, ...]:
    """Take the list over from the first of these ledgers (URLs) that can be read; what to tell the user.

    `seen` is the mark of the ledger used last, of which a ledger that can be read must be the one.
    """
    for url in places:
        try:
            number = _taken(new, url, seen, clock)
        except MailrunnerError:
            continue
        if number is not None:
            return _taken_over(number)
    return _not_taken(seen)


def _taken(new: Database, url: str, seen: LedgerMark | None, clock: Clock) -> int | None:
    """The number of entries taken over; None if there is no ledger, or another."""
    old = find_database(url, clock=clock)
    if old is None:
        return None
    with closing(old), new.write() as target, old.read() as source:
        mark = mark_of(source)
        if mark is None or (seen is not None and mark.ledger_id != seen.ledger_id):
            return None
        for table in _TABLES:
            copy_table(source, target, table)
            raise_counters(source, target, table)
        columns = {column["name"] for column in inspect(source).get_columns("ledger")}
        older = source.execute(select(ledger.c.former_ids)).scalar() if "former_ids" in columns else ""
        target.execute(update(ledger).values(former_ids=f"{mark.ledger_id} {older or ''}".strip()))
        return mark.suppressed


def _taken_over(number: int) -> tuple[str, ...]:
    if not number:
        return ()
    return (f"the suppression list of the ledger before was taken over: {_entries(number)}",)


def _not_taken(seen: LedgerMark | None) -> tuple[str, ...]:
    number = seen.suppressed if seen else None
    known = "" if number is None else f", {_entries(number)} when a run counted them last,"
    return (
        f"the suppression list of the ledger before{known} is not in this one, as that ledger cannot be "
        "read: bring it back with mailrunner suppress import FILE",
    )


def _entries(number: int) -> str:
    return counted(number, "entry", "entries")
