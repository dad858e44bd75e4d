"""A CSV list at an https address: read once, when the snapshot is made; later runs do without the server.

A run that goes on needs of the list no more than its columns and the knowledge that it is the same.  Those
are kept beside the ledger's guard, and no row is.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailrunner.clock import SystemClock, rfc3339
from mailrunner.errors import Problem, UserError
from mailrunner.recipients.address_cell import has_names
from mailrunner.recipients.csv_file import CsvFile
from mailrunner.recipients.published.fetch import fetch, shown
from mailrunner.recipients.source import Row, Source
from mailrunner.store.private_file import make_folder, write


class PublishedCsv(CsvFile):
    """The list as the server gives it now; fetched whole by the constructor, which raises UserError.

    `note` is the file for what later runs need.  The octets lie in a private file of this process.
    """

    def __init__(self, url: str, note: Path, **keys: Any) -> None:
        octets = fetch(url)
        self._note, self._read_at = note, rfc3339(SystemClock().now()) or ""
        self._digest = hashlib.sha256(octets).hexdigest()
        folder = tempfile.TemporaryDirectory(prefix="mailrunner-list-")
        self._remove = weakref.finalize(self, folder.cleanup)
        path = Path(folder.name) / "list.csv"
        write(path, octets)
        super().__init__(path, shown(url), keys.pop("encoding"), keys.pop("delimiter"), **keys)

    def stat_mark(self) -> str:
        return f"read {self._read_at} {self._digest}"

    def remarks(self) -> list[str]:
        return [
            f"{self.label} was read at {self._read_at}; a run reads it once, when it begins",
            *super().remarks(),
        ]

    def keep(self) -> None:
        known = {
            "columns": self.columns,
            "first_row": self.first_row,
            "has_names": has_names(self, self._email),
            "mark": self.stat_mark(),
            "digest": self._digest,
            "read_at": self._read_at,
        }
        make_folder(self._note.parent)
        write(self._note, json.dumps(known).encode())


class KeptList(Source):
    """A published list whose snapshot was made: what is known of it without asking the server.

    Reading rows fetches it anew, and raises UserError where its columns are others by now.
    """

    def __init__(self, url: str, note: Path, known: dict[str, Any], keys: dict[str, Any]) -> None:
        super().__init__(shown(url))
        self._url, self._note, self._known, self._keys = url, note, known, keys
        self._email = str(keys["email"])

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._known["columns"])

    @property
    def first_row(self) -> int:
        return int(self._known["first_row"])

    def fingerprint(self) -> str:
        return str(self._known["digest"])

    def stat_mark(self) -> str:
        return str(self._known["mark"])

    def sample(self) -> list[Row]:
        """One row that is like the list's: with a name before the address where those had one."""
        email = "A name <name@example.org>" if self._known["has_names"] else ""
        return [(self.first_row, tuple(email if name == self._email else "" for name in self.columns))]

    def remarks(self) -> list[str]:
        return [f"{self.label} was read at {self._known['read_at']}; --refresh reads it again"]

    def _rows(self) -> Iterator[Row]:
        fresh = PublishedCsv(self._url, self._note, **self._keys)
        if fresh.columns != self.columns:
            hint = "use --refresh to read the list again"
            raise UserError(Problem("its columns are others than at first", self.label, hint=hint))
        fresh.left_out = self.left_out
        return fresh.rows()


def open_published(url: str, note: Path, *, fresh: bool, **keys: Any) -> Source:
    """The list at `url`; without `fresh`, what is known of it where its snapshot was made."""
    known = None if fresh else _known(note)
    return KeptList(url, note, known, keys) if known else PublishedCsv(url, note, **keys)


def note_of(folder: Path, campaign: str, url: str) -> Path:
    """The file for what is known of a campaign's list: another one for another address."""
    name = hashlib.sha256(f"{campaign}\0{url}".encode()).hexdigest()[:16]
    return folder / ".mailrunner" / "lists" / f"{name}.json"


def _known(note: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    needed = {"columns", "first_row", "has_names", "mark", "digest", "read_at"}
    return known if isinstance(known, dict) and needed <= known.keys() else None
