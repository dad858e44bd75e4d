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


_WORDS = {
    Why.DONE: "all done",
    Why.QUOTA: "the account's limit is reached",
    Why.WINDOW: "outside the sending window",
    Why.START: "not yet the campaign's start",
    Why.RETRY: "the server asked some recipients to wait",
    Why.ACCOUNT_PAUSED: "the account is paused",
    Why.SERVER: "the server cannot be reached",
    Why.LIMIT: "as many as --limit allows were sent",
    Why.OTHERS: "another process is still sending",
    Why.PAUSED: "paused",
    Why.CANCELLED: "cancelled",
    Why.STOPPED: "stopped",
    Why.CREDENTIALS: "the account's credentials were refused",
    Why.SETUP: "the server cannot be used as mailrunner.toml says",
    Why.DRIFT: "the campaign was changed",
    Why.INTERRUPTED: "interrupted",
}


def sentence_of(hold: Hold) -> str:
    """Why nothing more is sent now, in words."""
    words = _WORDS[hold.why]
    return f"{words}: {hold.sentence}" if hold.sentence and hold.sentence != words else words
