"""The suppression list: entries by key, each for one list or all, with reason and source.

Entries are never changed: adding one that is there already changes nothing, and one that is removed
leaves a record of why (`consents`), so that the two tables together are the history of every entry.

Each list also has the number of entries that held for it at the last check: a suppression list that was
lost would suppress no recipient, as one that is still empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import (
    Connection,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from mailrunner.errors import Problem
from mailrunner.model.delivery import State
from mailrunner.model.number_and_noun import counted
from mailrunner.model.suppression import (
    ALL_LISTS,
    ChangeKind,
    Pseudonyms,
    SuppressionChange,
    SuppressionEntry,
    SuppressionReason,
    governing,
    is_domain,
)
from mailrunner.store.database import Database
from mailrunner.store.erasure import Erased, empty_log, erase, overwrite_deleted, pseudonyms_of
from mailrunner.store.schema import campaigns, consents, deliveries, imports, lists, suppressions
from mailrunner.store.suppression_entries import (
    entries_of,
    reaches_beyond_keys,
    remove_entries,
    remove_keys,
    suppress,
)

_CHUNK = 5_000
_COLUMNS = (
    suppressions.c.key,
    suppressions.c.list_key,
    suppressions.c.reason,
    suppressions.c.source,
    suppressions.c.created_at,
    suppressions.c.import_no,
)


@dataclass(frozen=True, slots=True)
class Import:
    """One file that was imported."""

    no: int
    file: str
    list_key: str
    reason: SuppressionReason
    added: int
    created_at: datetime
    removed_at: datetime | None


class Suppressions:
    """The suppression list of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, keys: Sequence[str], *, list_key: str = ALL_LISTS, reason: SuppressionReason, source: str
    ) -> int:
        """Add an entry for each key; return how many were new."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            return suppress(connection, keys, list_key=list_key, reason=reason, source=source, now=now)

    def remove(self, keys: Sequence[str], *, list_key: str, why: str) -> int:
        """Remove the entries of exactly this scope, keeping the reason why; return how many there were."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            return remove_keys(connection, keys, list_key=list_key, why=why, now=now)

    def erase(self, keys: Sequence[str]) -> list[Erased]:
        """Erase the addresses of these recipients everywhere, all or none; what was erased for each.

        Raises UserError while a message to one of them is on its way.
        """
        with self._database.write() as connection:
            overwrite_deleted(connection)
            now = self._database.now(connection)
            done = [erase(connection, key, now=now) for key in keys]
        empty_log(self._database)
        return done

    def history(self, key: str) -> list[SuppressionChange]:
        """The changes of all entries under which this recipient can be found, the oldest first."""
        with self._database.read() as connection:
            names = pseudonyms_of(connection).all(key)
            there = connection.execute(select(*_COLUMNS).where(suppressions.c.key.in_(names)))
            events = [_added(row, row.created_at) for row in there]
            for row in connection.execute(select(consents).where(consents.c.key.in_(names))):
                if row.added_at is not None:
                    events.append(_added(row, row.added_at))
                events.append(_changed(row))
        return sorted(events, key=lambda event: event.at)

    def pseudonyms(self) -> Pseudonyms:
        """The pseudonyms of this ledger."""
        with self._database.read() as connection:
            return pseudonyms_of(connection)

    def count_queued(self, campaign_no: int, lists: Collection[str], *, transactional: bool) -> int:
        """The number of queued deliveries that are suppressed now, for the plan."""
        mine = (deliveries.c.campaign_no == campaign_no, deliveries.c.state == State.QUEUED)
        queued = select(deliveries.c.key).where(*mine)
        number = 0
        with self._database.read() as connection:
            if not reaches_beyond_keys(connection):
                queued = queued.where(exists().where(suppressions.c.key == deliveries.c.key))
            rows = connection.execution_options(yield_per=_CHUNK).execute(queued)
            for part in rows.scalars().partitions():
                number += sum(
                    governing(found, lists=lists, transactional=transactional) is not None
                    for found in entries_of(connection, part).values()
                )
        return number

    def check_not_emptied(self, wanted: Collection[str]) -> Problem | None:
        """The problem where entries held for one of these lists (keys), and now most of them are missing.

        Otherwise remember how many hold now.  `confirm_empty` says that it is right so.
        """
        with self._database.write() as connection:
            for known in connection.execute(select(lists).where(lists.c.key.in_(wanted))).all():
                held = _held(connection, known.key)
                if _looks_lost(known.suppressed, held):
                    return _emptied(known.name, known.suppressed, held)
                if held != known.suppressed:
                    _expect(connection, known.key, held)
        return None

    def confirm_empty(self, list_key: str | None) -> list[str]:
        """Accept that most entries are missing for this list, or for any (None); the names of those lists."""
        names = []
        with self._database.write() as connection:
            for known in connection.execute(select(lists).order_by(lists.c.name)).all():
                held = _held(connection, known.key)
                if list_key in (None, known.key) and _looks_lost(known.suppressed, held):
                    _expect(connection, known.key, held)
                    names.append(known.name)
        return names

    def entries(self, key: str) -> list[SuppressionEntry]:
        """All entries of one key."""
        with self._database.read() as connection:
            return entries_of(connection, [key]).get(key, [])

    def __iter__(self) -> Iterator[SuppressionEntry]:
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

    def matching(self, keys: Iterable[str]) -> dict[str, list[SuppressionEntry]]:
        """The entries of each of many keys; keys without entries are left out."""
        with self._database.read() as connection:
            return entries_of(connection, list(keys))

    def begin_import(self, *, file: str, list_key: str, reason: SuppressionReason) -> int:
        """Open an import; its number undoes it."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            row = {"file": file, "list_key": list_key, "reason": reason, "added": 0, "created_at": now}
            number: int = connection.execute(insert(imports).values(row).returning(imports.c.no)).scalar_one()
            return number

    def on_current_lists(self, keys: Collection[str]) -> set[str]:
        """Which of `keys` are mailed now: by the newest campaign of each list, or one not finished.

        A domain is if any address there is.
        """
        newest = select(func.max(campaigns.c.no)).group_by(campaigns.c.list_key)
        unfinished = campaigns.c.finished_at.is_(None)
        current = select(campaigns.c.no).where(campaigns.c.no.in_(newest) | unfinished)
        found: set[str] = set()
        waiting = iter([key for key in keys if not is_domain(key)])
        with self._database.read() as connection:
            numbers = list(connection.execute(current).scalars())
            mine = (deliveries.c.campaign_no.in_(numbers), deliveries.c.state != State.SKIPPED)
            for domain in filter(is_domain, keys if numbers else ()):
                there = deliveries.c.key.endswith(domain, autoescape=True)
                if connection.execute(select(deliveries.c.id).where(*mine, there).limit(1)).first():
                    found.add(domain)
            while numbers and (chunk := list(islice(waiting, 500))):
                asked = select(deliveries.c.key).where(*mine, deliveries.c.key.in_(chunk))
                found.update(connection.execute(asked).scalars())
        return found

    def import_chunk(
        self,
        number: int,
        keys: Sequence[str],
        *,
        list_key: str | None = None,
        reason: SuppressionReason | None = None,
    ) -> int:
        """Add a chunk of an open import; return how many were new.  Short, so that runs go on meanwhile.

        `list_key` and `reason` are the import's own unless they are given.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            one = connection.execute(select(imports).where(imports.c.no == number)).one()
            added = suppress(
                connection,
                keys,
                list_key=one.list_key if list_key is None else list_key,
                reason=reason or SuppressionReason(one.reason),
                source=f"import {number}: {one.file}",
                now=now,
                import_no=number,
            )
            connection.execute(
                update(imports).where(imports.c.no == number).values(added=imports.c.added + added)
            )
            return added

    def remove_import(self, number: int) -> int | None:
        """Remove the entries that import `number` added; None if there is no such import."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            known = connection.execute(
                update(imports).where(imports.c.no == number).values(removed_at=now)
            ).rowcount
            if not known:
                return None
            mine = suppressions.c.import_no == number
            return remove_entries(
                connection, mine, change=ChangeKind.UNDONE, why=f"import {number} undone", now=now
            )

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
            return [Import(r.no, r.file, r.list_key, SuppressionReason(r.reason), *r[4:]) for r in rows]


def _held(connection: Connection, list_key: str) -> int:
    """The number of entries that hold for a list."""
    holding = or_(suppressions.c.list_key == list_key, suppressions.c.list_key == ALL_LISTS)
    number: int = connection.execute(
        select(func.count()).select_from(suppressions).where(holding)
    ).scalar_one()
    return number


def _looks_lost(before: int, now: int) -> bool:
    """True if more than half are missing; removals by our own commands have lowered `before` already."""
    return now * 2 < before


def _expect(connection: Connection, list_key: str, number: int) -> None:
    connection.execute(update(lists).where(lists.c.key == list_key).values(suppressed=number))


def _entry(row) -> SuppressionEntry:  # type: ignore[no-untyped-def]
    return SuppressionEntry(
        row.key, row.list_key, SuppressionReason(row.reason), row.source, row.created_at, row.import_no
    )


def _emptied(name: str, before: int, now: int) -> Problem:
    entries = counted(before, "entry", "entries")
    left = f"only {now:,} of {entries} that" if now else f"none of {entries} that"
    return Problem(
        f'{left} held for the list "{name}" are on the suppression list: it looks lost',
        hint="bring it back with: mailrunner suppress import FILE; "
        f'if it is right so: mailrunner suppress confirm-empty --list "{name}"',
    )


def _added(row, at: datetime) -> SuppressionChange:  # type: ignore[no-untyped-def]
    return SuppressionChange(
        at=at,
        change=ChangeKind.ADDED,
        name=row.key,
        list_key=row.list_key,
        reason=SuppressionReason(row.reason),
        source=row.source,
    )


def _changed(row) -> SuppressionChange:  # type: ignore[no-untyped-def]
    return SuppressionChange(
        at=row.created_at,
        change=ChangeKind(row.change),
        name=row.key,
        list_key=row.list_key,
        reason=SuppressionReason(row.reason),
        source=row.source,
        why=row.why,
    )
