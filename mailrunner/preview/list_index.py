"""The rows of a list, to be searched and ordered while the list is still being read.

A temporary SQLite database, which the system removes with the process, holds the cells: a list may be larger
than memory.  `read` fills it; what rendering finds out about each row (`rendering_pass`) is kept beside it.
Messages are not kept.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from mailrunner.errors import MailrunnerError
from mailrunner.preview.sample import Extremes
from mailrunner.recipients.reader import RecipientList, RecipientRow, flag_duplicates

PAGE = 50  # rows of one list on the screen
MOST_DOMAINS = 10_000  # of which recipients are counted
_BATCH = 256
_FIRST = 3
_OTHERS = 10  # rows that follow the odd ones, however many these are
_SCHEMA = """
PRAGMA cache_size = -65536;
CREATE TABLE rows (place INTEGER PRIMARY KEY, problem TEXT, entry TEXT, name TEXT, mark TEXT);
CREATE TABLE texts (place INTEGER PRIMARY KEY, found TEXT);
CREATE INDEX by_name ON rows (name, place);
CREATE INDEX unusable ON rows (place) WHERE problem != '';
CREATE TABLE odd (place INTEGER, reason TEXT, from_rendering INTEGER);
CREATE INDEX odd_places ON odd (place);
"""
_RENDERED = """
DROP TABLE IF EXISTS rendered;
DELETE FROM odd WHERE from_rendering;
CREATE TABLE rendered (place INTEGER PRIMARY KEY, weight INTEGER, findings INTEGER, problem TEXT);
CREATE INDEX by_weight ON rendered (weight DESC, place);
CREATE INDEX unrendered ON rendered (place) WHERE problem != '';
"""
_SELECT = """
SELECT rows.place, entry, rows.problem, ifnull(rendered.problem, ''), ifnull(weight, 0), mark,
  ifnull((SELECT group_concat(reason, '; ') FROM odd WHERE odd.place = rows.place), '')
FROM rows LEFT JOIN rendered ON rendered.place = rows.place
"""
# By the word of a query, the condition and order of its rows; :after is the last place of the page before.
_SHOWN = {
    "rows": "WHERE rows.place > :after ORDER BY rows.place LIMIT :most",
    "odd": "WHERE rows.place IN (SELECT place FROM odd) ORDER BY rows.place",
    "others": """WHERE rows.place > :after AND rows.place NOT IN (SELECT place FROM odd)
      ORDER BY rows.place LIMIT :most""",
    "names": """WHERE :after = 0 OR (name, rows.place) > (SELECT name, place FROM rows WHERE place = :after)
      ORDER BY name, rows.place LIMIT :most""",
    # A table of its own: a search that finds nothing reads all of it.
    "found": """WHERE rows.place IN (
        SELECT place FROM texts WHERE place > :after AND instr(found, :text) > 0 ORDER BY place LIMIT :most)
      ORDER BY rows.place""",
    "finding": "WHERE rows.place > :after AND findings & :bit ORDER BY rows.place LIMIT :most",
    "problems": """WHERE rows.place IN (
        SELECT place FROM
          (SELECT place FROM rows WHERE problem != '' AND place > :after ORDER BY place LIMIT :most)
        UNION SELECT place FROM
          (SELECT place FROM rendered WHERE problem != '' AND place > :after ORDER BY place LIMIT :most))
      ORDER BY rows.place LIMIT :most""",
    "one": "WHERE rows.place = :after",
    "marked": "WHERE mark = :text ORDER BY rows.place LIMIT 1",
}
# Its own first table, as the order is the other one's.
_HEAVIEST = """WHERE rows.place IN (SELECT place FROM rendered, (SELECT :weight AS most)
    WHERE weight <= most AND (weight < most OR place > :after) ORDER BY weight DESC, place LIMIT :most)
  ORDER BY weight DESC, rows.place"""


@dataclass(frozen=True, slots=True)
class IndexedRow:
    """One row; `place` counts the recipients of the list from 1, `reason` says what is odd about it.

    `problem` says why it gets no message, `failure` why none could be made of it.  `weight` is that of its
    HTML in octets, 0 while that is not known; `mark` is the same for this recipient in a changed list.
    """

    place: int
    entry: RecipientRow
    problem: str
    failure: str
    weight: int
    mark: str
    reason: str


@dataclass(frozen=True, slots=True)
class RenderedRow:
    """The result of rendering the row at `place`: `findings` has a bit for each kind of finding."""

    place: int
    weight: int = 0
    findings: int = 0
    problem: str = ""


class ListIndex:
    """All rows of a list; `read` runs in a thread of its own, everything else in any."""

    def __init__(self, recipients: RecipientList) -> None:
        self._recipients = recipients
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA + _RENDERED)
        self.rows = self.usable = self.problems = 0
        self.domains: Counter[str] = Counter()
        self.is_read, self.error = threading.Event(), ""

    def stop(self) -> None:
        """Let `read` end soon."""
        self._stopping.set()

    def read(self) -> None:
        """Read the list; what is wrong with it stands in `error`, and `is_read` is set at the end."""
        try:
            self._read_list()
        except MailrunnerError as error:
            self.error = str(error)
        except sqlite3.Error as error:  # the disk for temporary files is full, or cannot be written
            self.error = f"the list cannot be searched: {error}"
        self.is_read.set()

    def row(self, place: int, mark: str = "") -> IndexedRow | None:
        """The row at a place; where its mark is another, that of the recipient with this mark, if any."""
        found = next(iter(self._select(_SHOWN["one"], after=place)), None)
        if not mark or (found and found.mark == mark):
            return found
        return next(iter(self._select(_SHOWN["marked"], text=mark)), None)

    def find(
        self, text: str = "", *, show: str = "odd", after: int = 0, finding: int = 0
    ) -> list[IndexedRow]:
        """Up to PAGE rows behind the place `after`, which ends the page before.

        A text is looked for in all cells of all rows; else rows with the finding of this bit; else `show`
        is "odd" (the odd ones, then the others), "rows", "names", "heaviest" or "problems".
        """
        if wanted := text.strip().casefold():
            return self._select(_SHOWN["found"], after=after, text=wanted)
        if finding:
            return self._select(_SHOWN["finding"], after=after, bit=finding)
        if show == "odd":
            return self._odd_first(after)
        if show == "heaviest":
            before = self.row(after)
            return self._select(_HEAVIEST, after=after, weight=before.weight if before else 2**62)
        return self._select(_SHOWN[show], after=after)

    def usable_after(self, place: int) -> list[IndexedRow]:
        """The next rows that can have a message."""
        where = "WHERE rows.place > :after AND rows.problem = '' ORDER BY rows.place LIMIT :most"
        return self._select(where, after=place, most=_BATCH)

    def forget_rendered(self) -> None:
        """Let what was found out by rendering go, as messages are other ones now."""
        with self._lock:
            self._database.executescript(_RENDERED)

    def put_rendered(self, rows: Iterable[RenderedRow], odd: Iterable[tuple[int, str]] = ()) -> None:
        """Keep what rendering found out, and for odd rows why they are."""
        values = [(row.place, row.weight, row.findings, row.problem) for row in rows]
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO rendered VALUES (?,?,?,?)", values)
            self._database.executemany("INSERT INTO odd VALUES (?,?,1)", list(odd))
            self._database.execute("COMMIT")

    def _odd_first(self, after: int) -> list[IndexedRow]:
        odd = [] if after else self._select(_SHOWN["odd"])
        return odd + self._select(_SHOWN["others"], after=after, most=max(PAGE - len(odd), _OTHERS))

    def _select(self, where: str, **values: int | str) -> list[IndexedRow]:
        # `where` is a text of this module, never of a query.
        given = {"after": 0, "most": PAGE, "text": "", "bit": 0, "weight": 0, **values}
        with self._lock:
            found = self._database.execute(_SELECT + where, given).fetchall()
        return [IndexedRow(place, _row_of(entry), *rest) for place, entry, *rest in found]

    def _read_list(self) -> None:
        extremes = Extremes(self._recipients.columns)
        places: dict[int, int] = {}
        rows: list[tuple[int, str, RecipientRow]] = []
        for place, (entry, is_duplicate) in enumerate(flag_duplicates(self._recipients.chunks()), 1):
            if self._stopping.is_set():
                return
            problem = entry.problem or ("the address stands in an earlier row" if is_duplicate else "")
            rows.append((place, problem, entry))
            if not problem:
                self.usable += 1
                self._count_domain(entry)
                extremes.consider(entry)
                places.setdefault(entry.row, place)
            self.problems += bool(problem)
            if len(rows) == _BATCH:
                self._insert(rows)
            self.rows = place
            if len(places) > _BATCH:
                places = {number: at for number, at in places.items() if extremes.has(number)}
        self._insert(rows)
        first = [(one.place, "among the first") for one in self.find(show="rows")[:_FIRST]]
        odd = [(places[entry.row], reason) for entry, reason in extremes.specimens()]
        with self._lock:
            self._database.executemany("INSERT INTO odd VALUES (?,?,0)", [*first, *odd])

    def _count_domain(self, entry: RecipientRow) -> None:
        domain = (entry.key or "").rpartition("@")[2]
        if domain in self.domains or len(self.domains) < MOST_DOMAINS:
            self.domains[domain] += 1

    def _insert(self, rows: list[tuple[int, str, RecipientRow]]) -> None:
        texts = [(place, _searched(entry)) for place, _, entry in rows]
        values = [(place, problem, *_stored(entry)) for place, problem, entry in rows]
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO rows VALUES (?,?,?,?,?)", values)
            self._database.executemany("INSERT INTO texts VALUES (?,?)", texts)
            self._database.execute("COMMIT")
        rows.clear()


def _searched(entry: RecipientRow) -> str:
    """The text of a row in which is searched."""
    further = (text for text in (entry.address, entry.name) if text not in entry.values)
    return _storable("\n".join((*entry.values, *further)).casefold())


def _stored(entry: RecipientRow) -> tuple[str, str, str]:
    """The row as JSON, by what it is ordered, and its mark."""
    mark = hashlib.blake2b((entry.key or entry.address).encode("utf-8", "replace"), digest_size=4).hexdigest()
    # A lone surrogate is no text for SQLite; in JSON it is an escape.
    return json.dumps(entry), _storable(_sort_key(entry.name or entry.address)), mark


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _sort_key(text: str) -> str:
    """A text as names are ordered: without regard to case and accents."""
    if text.isascii():
        return text.casefold()
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def _row_of(text: str) -> RecipientRow:
    row, address, wire, key, problem, values, name = json.loads(text)
    return RecipientRow(row, address, wire, key, problem, tuple(values), name)
