"""The rollback guard: `.mailrunner/ledger` beside `mailrunner.toml`.

A ledger that is missing, another one, or an older copy would let recipients be mailed twice.  The
guard holds the ledger's id and a counter that grows with each run (at its start, while it
lives, at its end).  A ledger with a lower count than the guard is an old copy.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mailrunner.errors import LedgerError
from mailrunner.model.private_file import make_folder, write

_HINT = (
    "put the right ledger back; if it is lost, `--new-ledger` begins an empty one, "
    "which has no record of messages sent before"
)


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """The identity of a ledger and its count."""

    ledger_id: str
    run_counter: int


class RollbackGuard:
    """The guard's file, read before a ledger is used and written after each count."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".mailrunner" / "ledger"

    def read(self) -> LedgerMark | None:
        """What was seen last; None where no ledger was used from this folder yet."""
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
            return LedgerMark(str(found["ledger"]), int(found["runs"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"{self.file} cannot be read, so the ledger cannot be checked against it",
                "restore the file, or delete it if you are sure that the ledger is the right one",
            ) from error

    def write(self, mark: LedgerMark) -> None:
        """Replace the file in one step; a count that is known already changes nothing."""
        seen = self.read()
        if seen is not None and seen.ledger_id == mark.ledger_id and seen.run_counter >= mark.run_counter:
            return
        try:
            make_folder(self.file.parent)
            fresh = self.file.with_name(f"ledger.{os.getpid()}.new")
            write(fresh, json.dumps({"ledger": mark.ledger_id, "runs": mark.run_counter}).encode())
            fresh.replace(self.file)
        except PermissionError:  # on Windows, while another process reads it: the next count will do
            fresh.unlink(missing_ok=True)
            if seen is None:
                raise LedgerError(f"{self.file} cannot be written", "check the folder's rights") from None
        except OSError as error:
            raise LedgerError(
                f"{self.file} cannot be written: {error.strerror}", "check the folder's rights"
            ) from error

    def begin(self, mark: LedgerMark) -> None:
        """Replace the mark of the ledger before: a new one begins."""
        self.file.unlink(missing_ok=True)
        self.write(mark)

    @staticmethod
    def check(seen: LedgerMark, found: LedgerMark) -> None:
        """Raise LedgerError unless `found`, the ledger's own mark, is the ledger that was seen last."""
        if seen.ledger_id != found.ledger_id:
            raise LedgerError("this is another ledger than the one used from this folder before", _HINT)
        if found.run_counter < seen.run_counter:
            raise LedgerError(
                f"this ledger is older than the one used last (run {found.run_counter} instead of "
                f"{seen.run_counter}): messages sent since are unknown to it",
                _HINT,
            )

    def missing(self, where: str) -> LedgerError:
        """The error for a ledger that is not there although one was used before."""
        return LedgerError(f"the ledger is missing: {where} is not there, but it was used before", _HINT)
