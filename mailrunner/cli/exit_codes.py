"""Exit codes: the first that applies.  They are a contract; programs test against them."""

from __future__ import annotations

from enum import IntEnum

from mailrunner.model.wait_reason import WaitReason


class Exit(IntEnum):
    """What a command's end means."""

    DONE = 0  # all done; skipped and suppressed are no failures
    SOME_FAILED = 1  # all done, some failed or in doubt
    USAGE = 2
    LEDGER = 74  # the ledger or the disk failed; nothing is lost
    LATER = 75  # run again later
    STOPPED = 76  # sticky: sender or content refused, or too many failures
    CREDENTIALS = 77  # sticky
    SETUP = 78  # a file or the set-up is wrong, or drift: nothing was sent by this command
    INTERRUPTED = 130  # all recorded


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

_OF_WHY = {
    WaitReason.INTERRUPTED: Exit.INTERRUPTED,
    WaitReason.CREDENTIALS: Exit.CREDENTIALS,
    WaitReason.SETUP: Exit.SETUP,
    WaitReason.DRIFT: Exit.SETUP,
    WaitReason.STOPPED: Exit.STOPPED,
    WaitReason.DONE: Exit.DONE,
    WaitReason.CANCELLED: Exit.DONE,
}


def of_hold(why: WaitReason) -> Exit:
    """The exit code for what held a campaign back; all that passes by itself or by a person is 75."""
    return _OF_WHY.get(why, Exit.LATER)


def first_of(codes: list[Exit]) -> Exit:
    """The first code that applies over several campaigns."""
    return min(codes, key=_ORDER.index, default=Exit.DONE)
