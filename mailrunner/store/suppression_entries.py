"""Entries of the suppression list inside the caller's transaction: look up, add, remove.

Entries are never changed but for the import that brought them; one that is removed leaves a record of why
(`consents`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, literal, select, true, update

from mailrunner.model.suppression import ALL_LISTS, ChangeKind, SuppressionEntry, SuppressionReason
from mailrunner.store.erasure import pseudonyms_of
from mailrunner.store.raw_sql import from_micros, insert_many, run, run_with_list, to_micros
from mailrunner.store.schema import BEYOND_KEYS, consents, lists, suppressions

_ASKED = 200  # keys in one look-up; each may stand under three names or more
_KEPT_COLUMNS = ("key", "list_key", "reason", "why", "created_at", "change", "source", "added_at")
_OWN_COLUMNS = ("key", "list_key", "reason", "source", "import_no", "created_at")

_OF_NAMES = """
    SELECT key, list_key, reason, source, created_at, import_no FROM suppressions WHERE key IN (*)
"""


def entries_of(connection: Connection, keys: Iterable[str]) -> dict[str, list[SuppressionEntry]]:
    """The entries of each key, also under its domain and its pseudonym; one query for 200 keys."""
    names_of = pseudonyms_of(connection).all if reaches_beyond_keys(connection) else None
    found: dict[str, list[SuppressionEntry]] = defaultdict(list)
    waiting = iter(dict.fromkeys(keys))
    while chunk := list(islice(waiting, _ASKED)):
        asked: dict[str, list[str]] = defaultdict(list)
        for key in chunk:
            for name in names_of(key) if names_of else (key,):
                asked[name].append(key)
        for name, list_key, reason, source, created_at, import_no in run_with_list(
            connection, _OF_NAMES, (), list(asked)
        ):
            entry = SuppressionEntry(
                name, list_key, SuppressionReason(reason), source, from_micros(created_at), import_no
            )
            for key in asked[name]:
                found[key].append(entry)
    return dict(found)


def remove_keys(
    connection: Connection,
    keys: Sequence[str],
    *,
    list_key: str,
    why: str,
    now: datetime,
    reasons: Collection[SuppressionReason] = tuple(SuppressionReason),
) -> int:
    """Remove the entries of exactly this scope, inside the caller's transaction; return how many.

    Entries under a recipient's pseudonym are theirs too; those of a whole domain are not.
    """
    pseudonyms = pseudonyms_of(connection)
    names = [name for key in keys for name in pseudonyms.own(key)]
    mine = suppressions.c.key.in_(names) & (suppressions.c.list_key == list_key)
    mine &= suppressions.c.reason.in_([reason.value for reason in reasons])
    return remove_entries(connection, mine, change=ChangeKind.REMOVED, why=why, now=now)


_BEYOND = f"SELECT no FROM suppressions WHERE {BEYOND_KEYS} LIMIT 1"  # noqa: S608 - the words of the index


def reaches_beyond_keys(connection: Connection) -> bool:
    """True if there are entries of domains or pseudonyms, which a key alone does not find."""
    return run(connection, _BEYOND).fetchone() is not None


def suppress(
    connection: Connection,
    keys: Sequence[str],
    *,
    reason: SuppressionReason,
    source: str,
    now: datetime,
    list_key: str = ALL_LISTS,
    import_no: int | None = None,
) -> int:
    """Add entries inside the caller's transaction; one that is there already stays as it was.

    One that another import had brought is not removed any more when that is undone.
    """
    moment = to_micros(now)
    rows = [(key, list_key, reason.value, source, import_no, moment) for key in keys]
    added = insert_many(connection, suppressions, rows, columns=_OWN_COLUMNS)
    if added < len(rows):
        _keep(connection, keys, list_key=list_key, reason=reason, but=import_no)
    return added


def _keep(
    connection: Connection, keys: Sequence[str], *, list_key: str, reason: SuppressionReason, but: int | None
) -> None:
    """Let these entries stay whichever import is undone, but for those that import `but` itself brought."""
    mine = (suppressions.c.list_key == list_key, suppressions.c.reason == reason.value)
    others = suppressions.c.import_no.is_not(None) if but is None else suppressions.c.import_no != but
    waiting = iter(keys)
    while chunk := list(islice(waiting, _ASKED)):
        kept = update(suppressions).where(*mine, others, suppressions.c.key.in_(chunk))
        connection.execute(kept.values(import_no=None))


def remove_entries(
    connection: Connection, mine: ColumnElement[bool], *, change: ChangeKind, why: str, now: datetime
) -> int:
    kept = select(
        suppressions.c.key,
        suppressions.c.list_key,
        suppressions.c.reason,
        literal(why),
        literal(now, consents.c.created_at.type),
        literal(change.value),
        suppressions.c.source,
        suppressions.c.created_at,
    ).where(mine)
    connection.execute(insert(consents).from_select(_KEPT_COLUMNS, kept))
    scopes = select(suppressions.c.list_key, func.count()).where(mine).group_by(suppressions.c.list_key)
    removed: dict[str, int] = dict(connection.execute(scopes).all())
    connection.execute(delete(suppressions).where(mine))
    for scope, number in removed.items():
        fewer = case((lists.c.suppressed > number, lists.c.suppressed - number), else_=0)
        held_for = lists.c.key == scope if scope != ALL_LISTS else true()
        connection.execute(update(lists).where(held_for).values(suppressed=fewer))
    return sum(removed.values())
