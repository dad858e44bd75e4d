"""The suppression table: who said no, to what, why, and how it came to be known.

Entries are never changed: adding one that is there already changes nothing, and removing leaves a
record of who consented and why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, delete, func, insert, select, update

from mailrunner.delivery import State
from mailrunner.store.database import Database, insert_many
from mailrunner.store.schema import campaigns, consents, deliveries, imports, suppressions, to_micros
from mailrunner.suppression import ALL_LISTS, Entry, Reason

_CHUNK = 5_000
_COLUMNS = (
    suppressions.c.key,
    suppressions.c.list_key,
    suppressions.c.reason,
    suppressions.c.source,
    suppressions.c.created_at,
    suppressions.c.import_no,
)


_OWN_COLUMNS = ("key", "list_key", "reason", "source", "import_no", "created_at")


@dataclass(frozen=True, slots=True)
class Import:
    """One file that was read into the table."""

    no: int
    file: str
    list_key: str
    reason: Reason
    added: int
    created_at: datetime
    removed_at: datetime | None


class Suppressions:
    """The table in one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, keys: Sequence[str], *, list_key: str = ALL_LISTS, reason: Reason, source: str) -> int:
        """Add an entry for each key; say how many were new."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            return suppress(connection, keys, list_key=list_key, reason=reason, source=source, now=now)

    def remove(self, keys: Sequence[str], *, list_key: str, why: str) -> int:
        """Remove the entries of exactly this scope, keeping the reason why; say how many there were."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            mine = (suppressions.c.key.in_(keys), suppressions.c.list_key == list_key)
            found = connection.execute(select(*_COLUMNS).where(*mine)).all()
            for row in found:
                proof = {"key": row.key, "list_key": row.list_key, "reason": row.reason}
                connection.execute(insert(consents).values(**proof, why=why, created_at=now))
            connection.execute(delete(suppressions).where(*mine))
            return len(found)

    def entries(self, key: str) -> list[Entry]:
        """All entries of one key."""
        with self._database.read() as connection:
            return entries_of(connection, [key]).get(key, [])

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, by key, streamed."""
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_CHUNK).execute(
                select(*_COLUMNS).order_by(suppressions.c.key, suppressions.c.list_key, suppressions.c.no)
            )
            for row in rows:
                yield _entry(row)

    def count(self) -> int:
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(suppressions)).scalar_one()

    def matching(self, keys: Iterable[str]) -> dict[str, list[Entry]]:
        """The entries of each of many keys; keys without entries are left out."""
        with self._database.read() as connection:
            return entries_of(connection, list(keys))

    def begin_import(self, *, file: str, list_key: str, reason: Reason) -> int:
        """Open an import; its number undoes it."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            row = {"file": file, "list_key": list_key, "reason": reason, "added": 0, "created_at": now}
            number: int = connection.execute(insert(imports).values(row).returning(imports.c.no)).scalar_one()
            return number

    def on_current_lists(self, keys: Collection[str]) -> set[str]:
        """Which of `keys` are mailed now: by the newest campaign of each list, or one not finished."""
        newest = select(func.max(campaigns.c.no)).group_by(campaigns.c.list_key)
        unfinished = campaigns.c.finished_at.is_(None)
        current = select(campaigns.c.no).where(campaigns.c.no.in_(newest) | unfinished)
        found: set[str] = set()
        waiting = iter(keys)
        with self._database.read() as connection:
            numbers = list(connection.execute(current).scalars())
            mine = (deliveries.c.campaign_no.in_(numbers), deliveries.c.state != State.SKIPPED)
            while numbers and (chunk := list(islice(waiting, 500))):
                asked = select(deliveries.c.key).where(*mine, deliveries.c.key.in_(chunk))
                found.update(connection.execute(asked).scalars())
        return found

    def import_chunk(
        self, number: int, keys: Sequence[str], *, list_key: str | None = None, reason: Reason | None = None
    ) -> int:
        """Add a chunk of an open import; say how many were new.  Short, so that runs go on meanwhile.

        `list_key` and `reason` are the import's own unless they are given.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            one = connection.execute(select(imports).where(imports.c.no == number)).one()
            added = suppress(
                connection,
                keys,
                list_key=one.list_key if list_key is None else list_key,
                reason=reason or Reason(one.reason),
                source=f"import {number}: {one.file}",
                now=now,
                import_no=number,
            )
            connection.execute(
                update(imports).where(imports.c.no == number).values(added=imports.c.added + added)
            )
            return added

    def remove_import(self, number: int) -> int | None:
        """Take out what import `number` added; None if there is no such import."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            known = connection.execute(
                update(imports).where(imports.c.no == number).values(removed_at=now)
            ).rowcount
            if not known:
                return None
            return connection.execute(delete(suppressions).where(suppressions.c.import_no == number)).rowcount

    def imports(self) -> list[Import]:
        """All imports, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    imports.c.no,
                    imports.c.file,
                    imports.c.list_key,
                    imports.c.reason,
                    imports.c.added,
                    imports.c.created_at,
                    imports.c.removed_at,
                ).order_by(imports.c.no)
            )
            return [Import(r.no, r.file, r.list_key, Reason(r.reason), *r[4:]) for r in rows]


def entries_of(connection: Connection, keys: Sequence[str]) -> dict[str, list[Entry]]:
    """The entries of each key, in one look-up a few hundred keys."""
    found: dict[str, list[Entry]] = defaultdict(list)
    waiting = iter(keys)
    while chunk := list(islice(waiting, 500)):
        for row in connection.execute(select(*_COLUMNS).where(suppressions.c.key.in_(chunk))):
            found[row.key].append(_entry(row))
    return dict(found)


def suppress(
    connection: Connection,
    keys: Sequence[str],
    *,
    reason: Reason,
    source: str,
    now: datetime,
    list_key: str = ALL_LISTS,
    import_no: int | None = None,
) -> int:
    """Add entries inside the caller's transaction; one that is there already stays as it was."""
    moment = to_micros(now)
    rows = [(key, list_key, reason.value, source, import_no, moment) for key in keys]
    return insert_many(connection, suppressions, rows, columns=_OWN_COLUMNS)


def _entry(row) -> Entry:  # type: ignore[no-untyped-def]
    return Entry(row.key, row.list_key, Reason(row.reason), row.source, row.created_at, row.import_no)
