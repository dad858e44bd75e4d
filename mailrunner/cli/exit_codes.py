"""Exit codes, and which one applies.  They are a contract; programs test against them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Self

from mailrunner.model.wait_reason import WaitReason

if TYPE_CHECKING:
    from mailrunner.sending.run import RunResult


class Exit(IntEnum):
    """The exit code of a command, with its meaning for the user."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_, member.meaning = code, meaning
        return member

    DONE = 0, "Done. Skipped and suppressed recipients are no failures."
    SOME_FAILED = 1, "Done, but some messages failed or are in doubt."
    USAGE = 2, "The command line is wrong."
    LEDGER = 74, "The ledger or the disk failed. Nothing is lost."
    LATER = 75, "Run it again later: a limit, a closed sending window, a server that cannot be reached."
    STOPPED = 76, "The campaign is stopped: sender or content refused, or too many failures."
    CREDENTIALS = 77, "The account's credentials were refused."
    SETUP = 78, "A file or the set-up is wrong, or the campaign has changed. This command sent nothing."
    INTERRUPTED = 130, "Interrupted. Everything is recorded."


_ORDER = (
    Exit.INTERRUPTED,
    Exit.LEDGER,
    Exit.CREDENTIALS,
    Exit.SETUP,
    Exit.STOPPED,
    Exit.LATER,
    Exit.SOME_FAILED,
    Exit.DONE,
)

_OF_REASON = {
    WaitReason.INTERRUPTED: Exit.INTERRUPTED,
    WaitReason.CREDENTIALS: Exit.CREDENTIALS,
    WaitReason.SETUP: Exit.SETUP,
    WaitReason.DRIFT: Exit.SETUP,
    WaitReason.STOPPED: Exit.STOPPED,
    WaitReason.DONE: Exit.DONE,
    WaitReason.CANCELLED: Exit.DONE,
}


def of_wait(reason: WaitReason) -> Exit:
    """The exit code for a wait; every reason that passes by itself, or that a user can lift, is 75."""
    return _OF_REASON.get(reason, Exit.LATER)


def of_run(result: RunResult) -> Exit:
    """The exit code of one campaign's run."""
    code = of_wait(result.wait.reason)
    if code is Exit.DONE and (result.counts.failed or result.counts.in_doubt):
        return Exit.SOME_FAILED
    return code


def first_of(codes: list[Exit]) -> Exit:
    """The first code that applies over several campaigns; DONE for none."""
    return min(codes, key=_ORDER.index, default=Exit.DONE)
