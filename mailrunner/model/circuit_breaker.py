"""The circuit breaker: a campaign stops by itself when too many of its last answers were bad.

The ledger keeps the last 100 answers of a campaign as a string of marks, one letter each.  Only what
concerns the list or the content is remembered: a lost connection or a spent quota is neither.

The same marks tell whether a server that calls a recipient unknown may be believed: one that calls
every recipient unknown rather wants a login, or is the wrong one (OpenSMTPD: "550 Invalid recipient").
In the same way one for which each message is too big.
"""

from __future__ import annotations

from enum import StrEnum

_REMEMBERED = 100
_ENOUGH = 20  # fewer answers than this say nothing about a list
_VERDICTS = 3
_NEAR = 5  # answers among which one acceptance shows that the server takes mail from us
_UNKNOWN = 5  # so many unknown recipients and no other answer: it is rather our fault


class AnswerMark(StrEnum):
    """One answer, as one letter of the ledger's string."""

    SENT = "s"
    FAILED = "f"  # refused for good, a row that cannot be rendered, a hard bounce
    CONTENT = "c"  # a verdict on the content: spam
    UNKNOWN = "u"  # called unknown where no recipient was accepted: held, to be tried again
    TOO_BIG = "b"  # larger than the server takes, where none was accepted: held as well
    DEFERRED = "d"  # put off for now; only the first where no recipient was accepted


def remember(recent: str, mark: str) -> str:
    """Append `mark` and keep the last 100; a deferral says nothing where others were taken or put off."""
    if mark == AnswerMark.DEFERRED and (mark in recent or AnswerMark.SENT in recent):
        return recent
    return (recent + mark)[-_REMEMBERED:]


def is_failing(recent: str, share: float | None) -> bool:
    """Tell whether at least `share` (0 to 1) of the last 100 answers failed, once there are 20.

    `share` is the campaign's `stop_if_failing`; None switches the breaker off.  Recipients that are held
    as unknown count until one is accepted: they are then tried again, and their own answers count.
    """
    last = _answers(recent)
    if share is None or len(last) < _ENOUGH:
        return False
    held = last.rpartition(AnswerMark.SENT)[2].count(AnswerMark.UNKNOWN)
    return last.count(AnswerMark.FAILED) + held >= max(1, share * len(last))


def is_content_refused(recent: str) -> bool:
    """Tell whether 3 of the last 20 answers were verdicts on the content."""
    return _answers(recent)[-_ENOUGH:].count(AnswerMark.CONTENT) >= _VERDICTS


def is_anyone_accepted(recent: str) -> bool:
    """Tell whether one of the last 5 answers was an acceptance."""
    return AnswerMark.SENT in _answers(recent)[-_NEAR:]


def is_no_recipient_known(recent: str) -> bool:
    """Tell whether 5 recipients were called unknown, and none was accepted, put off or told anything else."""
    others = {AnswerMark.SENT, AnswerMark.DEFERRED, AnswerMark.CONTENT}
    return recent.count(AnswerMark.UNKNOWN) >= _UNKNOWN and others.isdisjoint(recent)


def is_no_message_small_enough(recent: str) -> bool:
    """Tell whether 5 messages were too big for the server, and none was accepted."""
    return recent.count(AnswerMark.TOO_BIG) >= _UNKNOWN and AnswerMark.SENT not in recent


def stop_reason(recent: str, share: float | None) -> str:
    """Return why a campaign with these last answers should stop, or "" if it may go on."""
    if is_no_recipient_known(recent):
        return (
            "no recipient so far is known to the server, which may be our fault, so none was suppressed: "
            "does it want user and password, is its host the right one?"
        )
    if is_no_message_small_enough(recent):
        return (
            "each message so far is larger than the server takes (SIZE in its reply to EHLO), so none "
            "failed: is its host the right one, can attachments become links?"
        )
    if is_content_refused(recent):
        return "3 of the last 20 messages were refused for their content"
    if share is not None and is_failing(recent, share):
        return f"{share:.0%} or more of the last {len(_answers(recent))} messages failed"
    return ""


def _answers(recent: str) -> str:
    """The last answers without deferrals, which are none yet."""
    return recent[-_REMEMBERED:].replace(AnswerMark.DEFERRED, "")
