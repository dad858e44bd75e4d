"""Why nothing can be sent just now, and until when: the words behind "run again later"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Why(StrEnum):
    """What holds the rest of a campaign back."""

    DONE = "done"  # nothing is left to be sent
    QUOTA = "quota"
    WINDOW = "window"
    START = "start"
    RETRY = "retry"  # the server asked some recipients to wait
    ACCOUNT_PAUSED = "account paused"
    SERVER = "server"  # unreachable or busy
    LIMIT = "limit"  # --limit
    OTHERS = "others"  # another process holds what is left
    PAUSED = "paused"  # by a person
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # sticky: sender or content refused, too many failures
    CREDENTIALS = "credentials"  # sticky
    DRIFT = "drift"  # another process accepted other content
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason, the instant when it is worth trying again (None: not by waiting), a sentence."""

    why: Why
    until: datetime | None = None
    sentence: str = ""
