"""Usage, pauses and stops that an account takes over from the identity an older ledger knew it by.

Before 0.2.0 all accounts at SendGrid were one, `sendgrid/apikey`: whose the slots were that it used cannot be
told any more.  So each account that it may have been takes over all of it: a cap is kept for certain, and a
pause or stop holds.  What is kept by the old identity stays, for the next account that comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mailrunner.store.accounts import ensure_account
from mailrunner.store.database import Database
from mailrunner.store.quota_usage import account_scope
from mailrunner.store.schema import accounts, usage

_SEPARATOR = "\n"  # stands in no identity


def take_over_accounts(database: Database, pairs: Iterable[tuple[str, str]]) -> None:
    """Let accounts take over what older identities used, paused and stopped.

    `pairs` are a former identity and the present one.  Each pair is taken over once; those that are the
    same, and those whose former identity the ledger does not know, are nothing.
    """
    wanted = {(former, identity) for former, identity in pairs if former != identity}
    if not wanted:
        return
    with database.read() as connection:
        due = _due(connection, wanted)
    if not due:
        return
    with database.write() as connection:
        database.lock_ledger(connection)
        for former, identity in sorted(_due(connection, wanted)):
            _take_over(connection, database, former, identity)


def _due(connection: Connection, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    rows = connection.execute(select(accounts.c.identity, accounts.c.formerly))
    formerly = {row.identity: row.formerly.split(_SEPARATOR) for row in rows}
    return {
        (former, identity)
        for former, identity in wanted
        if former in formerly and former not in formerly.get(identity, ())
    }


def _take_over(connection: Connection, database: Database, former: str, identity: str) -> None:
    own = ensure_account(connection, database, identity)
    database.lock_account(connection, own.no)
    old, new = _row(connection, former), _row(connection, identity)
    pauses = [(each.paused_until, each.pause_reason) for each in (old, new) if each.paused_until is not None]
    values: dict[str, Any] = {
        "formerly": _SEPARATOR.join(filter(None, (new.formerly, former))),
        "refused": json.dumps({**json.loads(old.refused), **json.loads(new.refused)}),
        "learned": json.dumps({**json.loads(old.learned), **json.loads(new.learned)}),
        "stop_reason": new.stop_reason or old.stop_reason,
    }
    if pauses:
        values["paused_until"], values["pause_reason"] = max(pauses, key=lambda pause: pause[0])
    connection.execute(update(accounts).where(accounts.c.no == own.no).values(**values))
    for series in ("starts", "answers"):
        _add_usage(connection, account_scope(old.no), account_scope(own.no), series)


def _row(connection: Connection, identity: str) -> Any:
    return connection.execute(select(accounts).where(accounts.c.identity == identity)).one()


def _add_usage(connection: Connection, old: str, new: str, series: str) -> None:
    """Add the slots that one scope used to those of another, each at its time."""
    used: dict[Any, int] = {}
    for scope in (old, new):
        for stamp, slots in _slots(connection, scope, series):
            used[stamp] = used.get(stamp, 0) + slots
    connection.execute(delete(usage).where(usage.c.scope == new, usage.c.series == series))
    total, rows = 0, []
    for stamp in sorted(used):
        total += used[stamp]
        rows.append({"scope": new, "series": series, "total": total, "stamp": stamp})
    if rows:
        connection.execute(insert(usage), rows)


def _slots(connection: Connection, scope: str, series: str) -> Sequence[tuple[Any, int]]:
    """The slots used at each stamp, oldest first; what was before the oldest is counted there."""
    found = connection.execute(
        select(usage.c.stamp, usage.c.total)
        .where(usage.c.scope == scope, usage.c.series == series)
        .order_by(usage.c.total)
    ).all()
    return [(row.stamp, row.total - (found[n - 1].total if n else 0)) for n, row in enumerate(found)]
