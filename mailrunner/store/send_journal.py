"""The journal of sends that this machine began, beside the ledger's rollback guard: `.mailrunner/begun/`.

A ledger that was put back to an earlier state, or that failed over to a standby which was behind, has no
record of the last messages.  The machines that began them do.  An entry is three whole numbers of 64
bits: the delivery's id, the instant of its attempt (microseconds since 1970) and the number of its
account.  There is a file for each run; those older than a month are removed.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from mailrunner.store.private_file import make_folder, opener

KEPT = timedelta(days=31)
_SIZE = 3 * 8  # bytes of an entry


class JournalEntry(NamedTuple):
    """One attempt: `stamp` in microseconds since 1970, as `deliveries.last_attempt_at` has it."""

    delivery_id: int
    stamp: int
    account_no: int


class SendJournal:
    """The journal of one project folder and one ledger: another ledger numbers its deliveries alike."""

    def __init__(self, project: Path, ledger_id: str) -> None:
        self.folder = project / ".mailrunner" / "begun" / ledger_id

    def open(self, run_no: int, now: datetime) -> FileIO | None:
        """A new file to write entries to, unbuffered; None where the folder cannot be written to.

        Without a journal a run is as safe as the ledger; nothing is refused for want of it.
        """
        with suppress(OSError):
            make_folder(self.folder)
            self._remove_old(now)
            name = f"{now:%Y%m%dT%H%M%S}-{run_no}-{os.getpid()}-{time.monotonic_ns()}"
            return FileIO(self.folder / name, "xb", opener=opener)
        return None

    def entries(self) -> Iterator[list[JournalEntry]]:
        """All entries of each file, the newest file last; what a full disk cut off is left out."""
        for file in self._files():
            content = file.read_bytes()
            numbers = array("q", content[: len(content) // _SIZE * _SIZE])
            yield list(map(JournalEntry, numbers[::3], numbers[1::3], numbers[2::3]))

    def latest(self) -> list[JournalEntry]:
        """The last entries of the newest file that has any, at most sixty-four."""
        for file in reversed(self._files()):
            size = file.stat().st_size // _SIZE * _SIZE
            if size:
                with file.open("rb") as stream:
                    stream.seek(max(0, size - 64 * _SIZE))
                    numbers = array("q", stream.read(min(size, 64 * _SIZE)))
                return list(map(JournalEntry, numbers[::3], numbers[1::3], numbers[2::3]))
        return []

    def clear(self, *, keep: FileIO | None = None) -> None:
        """Remove all files but the one that is being written."""
        for file in self._files():
            if keep is None or Path(str(keep.name)) != file:
                file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.is_dir() else []

    def _remove_old(self, now: datetime) -> None:
        horizon = f"{now - KEPT:%Y%m%dT%H%M%S}"
        for file in self._files():
            if file.name < horizon:
                file.unlink(missing_ok=True)
