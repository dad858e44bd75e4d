"""The machines that use one ledger: a row for each project folder in which a run was begun."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from mailrunner.model.quota import Limit
from mailrunner.store.raw_sql import run, to_micros
from mailrunner.store.schema import machines

_RECENT = timedelta(days=7)  # a machine that was not seen for longer is not waited for
_SEEN = """
    INSERT INTO machines (key, host, folder, seen_at, lineage, clock_ahead) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE
    SET seen_at = excluded.seen_at, lineage = excluded.lineage, clock_ahead = excluded.clock_ahead
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: its host name, its project's folder, and when a run there was seen last.

    `clock_ahead` is how far its clock was ahead of the ledger's then; negative: behind.
    """

    host: str
    folder: str
    seen_at: datetime
    clock_ahead: timedelta = timedelta(0)

    def __str__(self) -> str:
        return f"{self.host} ({self.folder})"


def machine_key(folder: Path) -> str:
    """The key of this machine's row."""
    return hashlib.sha256(f"{socket.gethostname()}\n{folder.resolve()}".encode()).hexdigest()[:32]


def lineage_told(connection: Connection, folder: Path) -> str:
    """The lineage that this machine was told of last; "" for a machine that the ledger does not know."""
    row = select(machines.c.lineage).where(machines.c.key == machine_key(folder))
    return connection.execute(row).scalar() or ""


def note_machine(
    connection: Connection, folder: Path, now: datetime, lineage: str, *, clock_ahead: timedelta
) -> None:
    """Record that a run is begun here, on the database of `lineage`, and how this machine's clock is."""
    place = (machine_key(folder), socket.gethostname(), str(folder.resolve()))
    run(connection, _SEEN, (*place, to_micros(now), lineage, round(clock_ahead.total_seconds())))


def all_machines(connection: Connection) -> list[Machine]:
    """All machines, the one seen last first."""
    columns = (machines.c.host, machines.c.folder, machines.c.seen_at, machines.c.clock_ahead)
    rows = connection.execute(select(*columns).order_by(machines.c.seen_at.desc()))
    return [Machine(host, folder, seen, timedelta(seconds=ahead)) for host, folder, seen, ahead in rows]


def untold(connection: Connection, now: datetime, lineage: str) -> list[Machine]:
    """The machines seen lately that have not brought their journal to the database of `lineage`."""
    rows = connection.execute(
        select(machines.c.host, machines.c.folder, machines.c.seen_at)
        .where(machines.c.lineage != lineage, machines.c.seen_at > now - _RECENT)
        .order_by(machines.c.host, machines.c.folder)
    )
    return [Machine(*row) for row in rows]


def note_limits(connection: Connection, folder: Path, identity: str, limits: Sequence[Limit]) -> None:
    """Record the limits that this machine's file has for an account."""
    mine = machines.c.key == machine_key(folder)
    said = json.loads(connection.execute(select(machines.c.limits).where(mine)).scalar() or "{}")
    said[identity] = [limit.written for limit in limits]
    connection.execute(update(machines).where(mine).values(limits=json.dumps(said)))


def limits_of_others(
    connection: Connection, folder: Path, identity: str, now: datetime
) -> list[tuple[Machine, list[Limit]]]:
    """The limits that the files of the other machines seen lately have for an account."""
    rows = connection.execute(
        select(machines.c.host, machines.c.folder, machines.c.seen_at, machines.c.limits)
        .where(machines.c.key != machine_key(folder), machines.c.seen_at > now - _RECENT)
        .order_by(machines.c.host, machines.c.folder)
    )
    return [
        (Machine(*row), [Limit.parse(text) for text in json.loads(said).get(identity, ())])
        for *row, said in rows
    ]


def forget_machine(connection: Connection, host: str) -> int:
    """Delete the rows of a machine that is gone for good; how many there were."""
    return connection.execute(delete(machines).where(machines.c.host == host)).rowcount


def tell_all(connection: Connection, lineage: str) -> None:
    """Record that every machine knows the database of `lineage`: the ledger was moved there in order."""
    connection.execute(update(machines).values(lineage=lineage))
