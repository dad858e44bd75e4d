"""Messages that were caught: the newest ones, in a database that vanishes with the process."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

MOST_MESSAGES, MOST_OCTETS = 1_000, 200_000_000  # the oldest go first
_LONGEST = 500  # characters of a header in the list
_TABLE = """
CREATE TABLE caught (no INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, sender TEXT, recipient TEXT, subject TEXT,
  message_id TEXT, list_id TEXT, answer TEXT, size INTEGER, stored INTEGER, data BLOB);
CREATE INDEX caught_twice ON caught (recipient, message_id);
"""
_LISTED = """
SELECT no, at, sender, recipient, subject, message_id, list_id, answer, size,
  message_id <> '' AND answer = '' AND EXISTS (SELECT 1 FROM caught AS o WHERE o.recipient = caught.recipient
    AND o.message_id = caught.message_id AND o.answer = '' AND o.no <> caught.no) AS twice
FROM caught
"""
_FIND = "(recipient LIKE :q ESCAPE '!' OR subject LIKE :q ESCAPE '!' OR list_id LIKE :q ESCAPE '!')"
_TOO_MANY = "DELETE FROM caught WHERE no <= (SELECT max(no) FROM caught) - ?"
_OLDEST = "DELETE FROM caught WHERE no = (SELECT min(no) FROM caught)"
GROUPS = ("recipient", "subject", "list_id")


class Arrival(NamedTuple):
    """One message to one recipient; `answer` is what it was refused with, "" where it was accepted."""

    sender: str
    recipient: str
    subject: str
    message_id: str
    list_id: str
    answer: str
    data: bytes


class Caught(NamedTuple):
    """One line of the list; `twice`: this recipient got the same message more than once."""

    no: int
    at: str
    sender: str
    recipient: str
    subject: str
    message_id: str
    list_id: str
    answer: str
    size: int
    twice: bool


class CaughtMessages:
    """The messages, for several threads."""

    def __init__(self, *, most: int = MOST_MESSAGES, octets: int = MOST_OCTETS) -> None:
        self._most, self._octets, self._stored = most, octets, 0
        self._lock = threading.Lock()
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLE)

    def add(self, arrival: Arrival, at: datetime) -> int:
        """Keep one message, and forget the oldest where there is no room; returns its number."""
        packed = zlib.compress(arrival.data, 1)
        texts = [text.encode("utf-8", "replace").decode()[:_LONGEST] for text in arrival[:-1]]
        values = (f"{at:%H:%M:%S}", *texts, len(arrival.data), len(packed), packed)
        with self._lock:
            no = self._run(
                "INSERT INTO caught (at, sender, recipient, subject, message_id, list_id, answer, size,"
                " stored, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            self._run(_TOO_MANY, (self._most,))
            while self._run("SELECT coalesce(sum(stored), 0) FROM caught").fetchone()[0] > self._octets:
                self._run(_OLDEST)
        return no or 0

    def listed(
        self, *, find: str = "", group: str = "", value: str = "", twice: bool = False
    ) -> list[Caught]:
        """The newest first: those with `find` in them, and `value` as their `group` (one of `GROUPS`)."""
        conditions, values = ["1"], {"q": f"%{_literal(find)}%", "value": value}
        if find:
            conditions.append(_FIND)
        if group in GROUPS:
            conditions.append(f"{group} = :value")
        if twice:
            conditions.append("(twice OR answer <> '')")
        with self._lock:
            rows = self._run(
                f"{_LISTED} WHERE {' AND '.join(conditions)} ORDER BY no DESC", values
            ).fetchall()
        return [_caught(row) for row in rows]

    def groups(self, group: str) -> list[tuple[str, int]]:
        """The values of one of `GROUPS` with the number of messages, the most frequent first."""
        if group not in GROUPS:
            return []
        order = (
            f"SELECT {group}, count(*) AS n FROM caught GROUP BY {group} ORDER BY n DESC, {group} LIMIT 100"  # noqa: S608 - one of GROUPS
        )
        with self._lock:
            return self._run(order).fetchall()

    def message(self, no: int) -> tuple[Caught, bytes] | None:
        """One message with its octets; None where it is not there (any more)."""
        with self._lock:
            row = self._run(f"{_LISTED} WHERE no = ?", (no,)).fetchone()
            data = self._run("SELECT data FROM caught WHERE no = ?", (no,)).fetchone()
        return (_caught(row), zlib.decompress(data[0])) if row else None

    def empty(self) -> None:
        """Forget all."""
        with self._lock:
            self._run("DELETE FROM caught")

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _run(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        return self._database.execute(statement, values)


def _caught(row: Sequence[Any]) -> Caught:
    return Caught._make((*row[:-1], bool(row[-1])))


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
