"""Reasons for a wait: why nothing can be sent just now, until when, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WaitReason(StrEnum):
    """The reason why the rest of a campaign waits; where there are several, the first here is reported."""

    INTERRUPTED = "interrupted"
    CREDENTIALS = "credentials"  # sticky
    SETUP = "set-up"  # the server cannot be used as the file says
    STOPPED = "stopped"  # sticky: sender or content refused, too many failures
    CANCELLED = "cancelled"
    PAUSED = "paused"  # by a user
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
    """A reason, the instant when it is worth trying again (None: waiting does not help), details in words."""

    reason: WaitReason
    until: datetime | None = None
    detail: str = ""


_WORDS = {
    WaitReason.DONE: "all done",
    WaitReason.QUOTA: "the account's limit is reached",
    WaitReason.WINDOW: "outside the sending window",
    WaitReason.START: "not yet the campaign's start",
    WaitReason.RETRY: "the server asked some recipients to wait",
    WaitReason.ACCOUNT_PAUSED: "the account is paused",
    WaitReason.SERVER: "the server cannot be reached",
    WaitReason.LIMIT: "as many as --limit allows were tried",
    WaitReason.OTHERS: "another process is still sending",
    WaitReason.PAUSED: "paused",
    WaitReason.CANCELLED: "cancelled",
    WaitReason.STOPPED: "stopped",
    WaitReason.CREDENTIALS: "the account's credentials were refused",
    WaitReason.SETUP: "the server cannot be used as mailrunner.toml says",
    WaitReason.DRIFT: "the campaign was changed",
    WaitReason.INTERRUPTED: "interrupted",
}


def sentence_of(wait: Wait) -> str:
    """A sentence, without capital and full stop, for the reason of `wait` and its details."""
    words = _WORDS[wait.reason]
    return f"{words}: {wait.detail}" if wait.detail and wait.detail != words else words
