"""Why nothing can be sent just now, and until when: the words behind "run again later"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WaitReason(StrEnum):
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
class Wait:
    """One reason, the instant when it is worth trying again (None: not by waiting), a sentence."""

    why: WaitReason
    until: datetime | None = None
    sentence: str = ""


_WORDS = {
    WaitReason.DONE: "all done",
    WaitReason.QUOTA: "the account's limit is reached",
    WaitReason.WINDOW: "outside the sending window",
    WaitReason.START: "not yet the campaign's start",
    WaitReason.RETRY: "the server asked some recipients to wait",
    WaitReason.ACCOUNT_PAUSED: "the account is paused",
    WaitReason.SERVER: "the server cannot be reached",
    WaitReason.LIMIT: "as many as --limit allows were sent",
    WaitReason.OTHERS: "another process is still sending",
    WaitReason.PAUSED: "paused",
    WaitReason.CANCELLED: "cancelled",
    WaitReason.STOPPED: "stopped",
    WaitReason.CREDENTIALS: "the account's credentials were refused",
    WaitReason.SETUP: "the server cannot be used as mailrunner.toml says",
    WaitReason.DRIFT: "the campaign was changed",
    WaitReason.INTERRUPTED: "interrupted",
}


def sentence_of(hold: Wait) -> str:
    """Why nothing more is sent now, in words."""
    words = _WORDS[hold.why]
    return f"{words}: {hold.sentence}" if hold.sentence and hold.sentence != words else words
