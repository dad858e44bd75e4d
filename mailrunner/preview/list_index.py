"""The rows of a list, to be searched while the list is still being read.

A temporary SQLite database, which the system removes with the process, holds the cells: a list may be larger
than memory.  `fill` reads the list, then renders each row once, to find those that have no message and to
tell the kinds of message apart.  Messages are not kept.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailrunner.errors import MailrunnerError, RowError
from mailrunner.preview.sample import Extremes
from mailrunner.recipients.reader import RecipientList, RecipientRow, flag_duplicates
from mailrunner.rendering import Message

PAGE = 50  # rows of one list on the screen
MOST_KINDS = 50  # above that a template writes what is no value, and its kinds say nothing
_BATCH = 256
_FIRST = 3
_SCHEMA = """
CREATE TABLE rows (
  place INTEGER PRIMARY KEY, row INTEGER, address TEXT, name TEXT, problem TEXT, entry TEXT, found TEXT,
  reason TEXT NOT NULL DEFAULT '');
CREATE INDEX odd ON rows (place) WHERE reason != '';
CREATE INDEX unusable ON rows (place) WHERE problem != '';
"""
_COLUMNS = "place, entry, problem, reason"
_SHOWN = {"odd": "reason != ''", "all": "1", "problems": "problem != ''"}


@dataclass(frozen=True, slots=True)
class IndexedRow:
    """One row; `place` counts the recipients of the list from 1, `reason` says what is odd about it."""

    place: int
    entry: RecipientRow
    problem: str
    reason: str


@dataclass(slots=True)
class MessageKind:
    """Messages with the same wording, and the place of the first of them."""

    first: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the list is read and rendered; `error` ends both."""

    read: int
    usable: int
    rendered: int
    problems: int
    is_read: bool
    is_done: bool
    error: str


class ListIndex:
    """All rows of a list; `fill` runs in a thread of its own, everything else in any."""

    def __init__(self, recipients: RecipientList, render: Callable[[RecipientRow], Message]) -> None:
        self._recipients, self._render = recipients, render
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._kinds: dict[int, MessageKind] = {}
        self._read = self._usable = self._rendered = self._problems = 0
        self._is_read = self._is_done = False
        self._error = ""

    def stop(self) -> None:
        """Let `fill` end soon."""
        self._stopping.set()

    def fill(self) -> None:
        """Read the list, then render its rows; what is wrong with the list stands in `progress`."""
        try:
            self._read_list()
            self._is_read = True
            self._render_rows()
        except MailrunnerError as error:
            self._error = str(error)
        except sqlite3.Error as error:  # the disk for temporary files is full, or cannot be written
            self._error = f"the list cannot be searched: {error}"
        self._is_done = True

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(
            self._read,
            self._usable,
            self._rendered,
            self._problems,
            self._is_read,
            self._is_done,
            self._error,
        )

    @property
    def kinds(self) -> list[MessageKind]:
        """The kinds of message so far, the most frequent first; empty where they cannot be told apart."""
        # A copy, in one step: the other thread may add one meanwhile.
        found = sorted(self._kinds.copy().values(), key=lambda kind: -kind.count)
        return found if len(found) <= MOST_KINDS else []

    def row(self, place: int) -> IndexedRow | None:
        """One row."""
        return next(self._select("place = ?", (place,), 1), None)

    def find(self, text: str, *, show: str = "odd", after: int = 0) -> list[IndexedRow]:
        """Up to PAGE rows in the list's order, behind `after`.

        A text is looked for in all cells of all rows; else `show` is "odd", "all" or "problems".
        """
        if wanted := text.strip().casefold():
            return list(self._select("place > ? AND instr(found, ?) > 0", (after, wanted), PAGE))
        return list(self._select(f"place > ? AND {_SHOWN.get(show, '1')}", (after,), PAGE))

    def _select(self, where: str, values: tuple[int | str, ...], most: int) -> Iterator[IndexedRow]:
        # `where` is a text of this module, never of a query.
        statement = f"SELECT {_COLUMNS} FROM rows WHERE {where} ORDER BY place LIMIT {most}"  # noqa: S608
        with self._lock:
            found = self._database.execute(statement, values).fetchall()
        for place, entry, problem, reason in found:
            yield IndexedRow(place, _row_of(entry), problem, reason)

    def _read_list(self) -> None:
        extremes = Extremes(self._recipients.columns)
        places: dict[int, int] = {}
        rows: list[tuple[object, ...]] = []
        for place, (entry, is_duplicate) in enumerate(flag_duplicates(self._recipients.chunks()), 1):
            if self._stopping.is_set():
                return
            problem = entry.problem or ("the address stands in an earlier row" if is_duplicate else "")
            rows.append((place, entry.row, entry.address, entry.name, problem, *_texts_of(entry)))
            if not problem:
                self._usable += 1
                extremes.consider(entry)
                places.setdefault(entry.row, place)
            self._problems += bool(problem)
            if len(rows) == _BATCH:
                self._insert(rows)
            self._read = place
            if len(places) > _BATCH:
                places = {number: at for number, at in places.items() if extremes.has(number)}
        self._insert(rows)
        for first in self.find("", show="all")[:_FIRST]:
            self._mark(first.place, "among the first")
        for entry, reason in extremes.specimens():
            self._mark(places[entry.row], reason)

    def _insert(self, rows: list[tuple[object, ...]]) -> None:
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO rows (place, row, address, name, problem, entry, found) VALUES (?,?,?,?,?,?,?)",
                rows,
            )
            self._database.execute("COMMIT")
        rows.clear()

    def _render_rows(self) -> None:
        after = 0
        while not self._stopping.is_set():
            found = list(self._select("place > ? AND problem = ''", (after,), _BATCH))
            if not found:
                return
            for one in found:
                if self._stopping.is_set():
                    return
                self._look_at(one)
            after = found[-1].place

    def _look_at(self, one: IndexedRow) -> None:
        try:
            message = self._render(one.entry)
        except RowError as error:
            self._problems += 1
            with self._lock:
                self._database.execute(
                    "UPDATE rows SET problem = ?, reason = 'has no message' WHERE place = ?",
                    (str(error), one.place),
                )
        else:
            self._count(one, message)
        self._rendered += 1

    def _count(self, one: IndexedRow, message: Message) -> None:
        if len(self._kinds) > MOST_KINDS:
            return
        wording = _wording_of(message)
        if wording not in self._kinds:
            # The first message of a shape is made without a plan, which keeps fixed text and values apart.
            wording = _wording_of(self._render(one.entry))
        if wording not in self._kinds:
            self._kinds[wording] = MessageKind(one.place)
            if len(self._kinds) > 1:
                self._mark(one.place, "the first with this wording")
        self._kinds[wording].count += 1

    def _mark(self, place: int, reason: str) -> None:
        with self._lock:
            self._database.execute(
                "UPDATE rows SET reason = ltrim(reason || '; ' || ?, '; ') WHERE place = ?", (reason, place)
            )


def _wording_of(message: Message) -> int:
    """A number for the fixed texts of a message."""
    return hash((message.html_segments or message.text_segments).statics)


def _texts_of(entry: RecipientRow) -> tuple[str, str]:
    """The row as JSON, and what is searched in it."""
    found = "\n".join((entry.address, entry.name, *entry.values)).casefold()
    # A lone surrogate is no text for SQLite; in JSON it is an escape.
    return json.dumps(entry), found.encode("utf-8", "replace").decode()


def _row_of(text: str) -> RecipientRow:
    row, address, wire, key, problem, values, name = json.loads(text)
    return RecipientRow(row, address, wire, key, problem, tuple(values), name)
