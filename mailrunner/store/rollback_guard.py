"""The rollback guard: `.mailrunner/ledger` beside `mailrunner.toml`.

A ledger that is missing, another one, or an older copy would let recipients be mailed twice.  The
guard holds the ledger's id and a counter that grows with each run (at its start, while it
lives, at its end).  A ledger with a lower count than the guard is an old copy.  It also holds where that
ledger lies, so that one which never sent anything may be replaced, and how long its suppression list was.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import make_url

from mailrunner.errors import LedgerError
from mailrunner.store.private_file import make_folder, write

_NEW = "`--new-ledger` begins an empty one, which has no record of messages sent before"
_HINT = f"put the right ledger back; if it is lost, {_NEW}"
CONFIRM = (
    "put the right ledger back; if this is the right one, type on every machine that sends from it: "
    "mailrunner resume --same-ledger; what a machine began and the ledger does not know is in doubt then"
)
_DEFAULT_PLACE = "sqlite:///data/mailrunner.db"  # as mailrunner.toml has it by default


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """The identity of a ledger, its count, and how many entries its suppression list had then.

    `suppressed` is None where a version before 0.2.0 wrote the guard.
    """

    ledger_id: str
    run_counter: int
    suppressed: int | None = None
    lineage: str = ""  # of the database that was used last


class RollbackGuard:
    """The guard's file, read before a ledger is used and written after each count; `url` is the ledger's."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.file = folder / ".mailrunner" / "ledger"

    def read(self) -> LedgerMark | None:
        """What was seen last; None where no ledger was used from this folder yet."""
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
            lineage = str(found.get("lineage", ""))
            return LedgerMark(str(found["ledger"]), int(found["runs"]), found.get("suppressed"), lineage)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LedgerError(
                f"{self.file} cannot be read, so the ledger cannot be checked against it",
                "restore the file, or delete it if you are sure that the ledger is the right one",
            ) from error

    def last_url(self) -> str:
        """Where the ledger that was used last lies, without a password; the default place if unknown."""
        try:
            place = json.loads(self.file.read_text(encoding="utf-8")).get("place")
        except (OSError, ValueError, AttributeError):
            place = None
        return _at(self.folder, str(place or _DEFAULT_PLACE))

    def write(self, mark: LedgerMark) -> None:
        """Replace the file in one step; a count that is known already changes nothing."""
        seen = self.read()
        if seen is not None and seen.ledger_id == mark.ledger_id:
            mark = replace(mark, lineage=mark.lineage or seen.lineage)
            if seen.run_counter >= mark.run_counter and seen.lineage == mark.lineage:
                return
        try:
            make_folder(self.file.parent)
            # A worker's shares are threads of one process, which count at the same moments.
            fresh = self.file.with_name(f"ledger.{os.getpid()}.{threading.get_ident()}.new")
            write(fresh, json.dumps(self._as_json(mark)).encode())
            fresh.replace(self.file)
        except PermissionError:  # on Windows, while another process reads it: the next count will do
            fresh.unlink(missing_ok=True)
            if seen is None:
                raise LedgerError(f"{self.file} cannot be written", "check the folder's rights") from None
        except OSError as error:
            raise LedgerError(
                f"{self.file} cannot be written: {error.strerror}", "check the folder's rights"
            ) from error

    def _as_json(self, mark: LedgerMark) -> dict[str, object]:
        return {
            "ledger": mark.ledger_id,
            "runs": mark.run_counter,
            "suppressed": mark.suppressed,
            "lineage": mark.lineage,
            "place": _place(self.folder, self.url),
        }

    def begin(self, mark: LedgerMark) -> None:
        """Replace the mark of the ledger before: a new one begins."""
        self.file.unlink(missing_ok=True)
        self.write(mark)

    def missing(self) -> LedgerError:
        """The error for a place without a ledger, although one was used before."""
        return LedgerError(
            f"the ledger is missing: {shown(self.url)} holds none, but one was used before", self._hint()
        )

    def other(self) -> LedgerError:
        """The error for another ledger than the one used before."""
        return LedgerError("this is another ledger than the one used from this folder before", self._hint())

    def older(self, seen: LedgerMark, found: LedgerMark) -> LedgerError:
        """The error for an old copy."""
        return LedgerError(
            f"this ledger is older than the one used last (run {found.run_counter} instead of "
            f"{seen.run_counter}): messages sent since are unknown to it",
            CONFIRM,
        )

    def _hint(self) -> str:
        last = self.last_url()
        if last == _at(self.folder, _place(self.folder, self.url)):
            return _HINT
        return (
            f"the one used before is {shown(last)}: put that into mailrunner.toml again, and to move it: "
            f"mailrunner ledger copy URL; if it is lost, {_NEW}"
        )


def shown(url: str) -> str:
    """A ledger's place for people: the path of a file, or a URL without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ""
    return parsed.set(password=None).render_as_string()


def _place(folder: Path, url: str) -> str:
    """A ledger's place as the guard keeps it: without a password, a file in the project from its folder."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        return "sqlite:///" + (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
    return parsed.set(password=None).render_as_string()


def _at(folder: Path, place: str) -> str:
    """The URL of a kept place."""
    parsed = make_url(place)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return place
    return f"sqlite:///{(folder / parsed.database).as_posix()}"
