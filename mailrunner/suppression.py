"""Who said no: the reasons, their order, and which entry governs a message.

Pure: the ledger hands in the entries of one key.  An entry without a list holds for all lists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why a person gets no mail, the strongest first."""

    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    BOUNCE = "bounce"
    MANUAL = "manual"
    IMPORT = "import"


_ORDER = {reason: rank for rank, reason in enumerate(Reason)}
ALL_LISTS = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the suppression table; `list_key` is "" where it holds for all lists."""

    key: str
    list_key: str
    reason: Reason
    source: str
    created_at: datetime
    import_no: int | None = None

    @property
    def scope(self) -> str:
        return f'list "{self.list_key}"' if self.list_key else "all lists"

    def __str__(self) -> str:
        return f"suppressed for {self.scope}: {self.reason}"


def list_key(name: str) -> str:
    """The key of a list: casefolded, blanks and punctuation collapsed to one blank."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return re.sub(r"[\W_]+", " ", folded).strip()


def governing(entries: Iterable[Entry], *, lists: Collection[str], transactional: bool) -> Entry | None:
    """Return the entry that stops a message to one of `lists`: all lists first, then by reason."""
    holding = [e for e in entries if _holds(e, lists, transactional)]
    return min(holding, key=lambda e: (e.list_key != ALL_LISTS, _ORDER[e.reason]), default=None)


def _holds(entry: Entry, lists: Collection[str], transactional: bool) -> bool:
    if not transactional:
        return entry.list_key == ALL_LISTS or entry.list_key in lists
    # An invoice goes out although its reader left the newsletter, but not to a dead address,
    # to someone who complained, or to someone a person took off everything.
    if entry.reason in (Reason.BOUNCE, Reason.COMPLAINT):
        return True
    return entry.reason is Reason.MANUAL and entry.list_key == ALL_LISTS
