"""Why nothing can be sent just now, and until when: the words behind "run again later"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Why(StrEnum):
    """What holds the rest of a campaign back; where there are several, the first here is told."""

    INTERRUPTED = "interrupted"
    CREDENTIALS = "credentials"  # sticky
    SETUP = "set-up"  # the server cannot be used as the file says
    STOPPED = "stopped"  # sticky: sender or content refused, too many failures
    CANCELLED = "cancelled"
    PAUSED = "paused"  # by a person
    DRIFT = "drift"  # another process accepted other content
    SERVER = "server"  # unreachable or busy
    ACCOUNT_PAUSED = "account paused"
    LIMIT = "limit"  # --limit
    START = "start"
    WINDOW = "window"
    QUOTA = "quota"
    RETRY = "retry"  # the server asked some recipients to wait
    OTHERS = "others"  # another process holds what is left
    DONE = "done"  # nothing is left to be sent


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason, the instant when it is worth trying again (None: not by waiting), a sentence."""

    why: Why
    until: datetime | None = None
    sentence: str = ""
