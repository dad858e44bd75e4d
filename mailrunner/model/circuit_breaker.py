"""The circuit breaker: a campaign stops by itself when too many of its last answers were bad.

The ledger keeps the last 100 answers of a campaign as a string of marks, one letter each.  Only what
concerns the list or the content is remembered: a lost connection or a spent quota is neither.
"""

from __future__ import annotations

from enum import StrEnum

_REMEMBERED = 100
_ENOUGH = 20  # fewer answers than this say nothing about a list
_VERDICTS = 3


class AnswerMark(StrEnum):
    """One answer, as one letter of the ledger's string."""

    SENT = "s"
    FAILED = "f"  # refused for good, a row that cannot be rendered, a hard bounce
    CONTENT = "c"  # a verdict on the content: spam


def remember(recent: str, mark: str) -> str:
    """Append `mark` and keep the last 100."""
    return (recent + mark)[-_REMEMBERED:]


def is_failing(recent: str, share: float | None) -> bool:
    """Tell whether at least `share` (0 to 1) of the last 100 answers failed, once there are 20.

    `share` is the campaign's `stop_if_failing`; None switches the breaker off.
    """
    last = recent[-_REMEMBERED:]
    if share is None or len(last) < _ENOUGH:
        return False
    return last.count(AnswerMark.FAILED) >= max(1, share * len(last))


def is_content_refused(recent: str) -> bool:
    """Tell whether 3 of the last 20 answers were verdicts on the content."""
    return recent[-_ENOUGH:].count(AnswerMark.CONTENT) >= _VERDICTS


def stop_reason(recent: str, share: float | None) -> str:
    """Return why a campaign with these last answers should stop, or "" if it may go on."""
    if is_content_refused(recent):
        return "3 of the last 20 messages were refused for their content"
    if share is not None and is_failing(recent, share):
        return f"{share:.0%} or more of the last {len(recent)} messages failed"
    return ""
