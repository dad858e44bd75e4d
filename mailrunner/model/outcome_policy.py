"""Decides what an outcome does to the delivery, to the account and to the campaign.  Pure.

Only an outcome that concerns the recipient moves that recipient's delivery on, and one in which the
connection ended in the recipient's turn; every other one puts it back as it was and says what to pause
or stop instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from mailrunner.model.circuit_breaker import AnswerMark, is_anyone_accepted
from mailrunner.model.delivery import State
from mailrunner.model.number_and_noun import counted
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope, Stage
from mailrunner.model.retry import next_try

# After a lost connection other messages go first, so that one that makes a server hang up cannot
# hold all of them back; after a refusal that may be our fault, as their answers tell whose it is.
_OTHERS_FIRST = timedelta(seconds=5)
_SOON = 2  # tries whose loss may have been chance: the next follows behind the other messages


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The waits of deliveries and accounts: the campaign's `give_up_after`, the preset's pauses.

    `resend_in_doubt` is the campaign's `on_in_doubt = "resend"`.
    """

    give_up_after: timedelta
    quota_pause: timedelta
    throttle_pause: timedelta
    resend_in_doubt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The changes to record for an outcome.

    `state`, `reason`, `not_before` are the delivery's; `attempted` says whether the try is charged
    to it, `waited` is added to the time it was told to wait.  `answered`: a quota slot was used.
    `mark` goes to the campaign's recent answers.  The last four concern more than one delivery.
    """

    outcome: Outcome
    state: State
    reason: str = ""
    not_before: datetime | None = None
    attempted: bool = True
    waited: timedelta = timedelta(0)
    answered: bool = True
    mark: AnswerMark | None = None
    suppress: bool = False
    pause_account_until: datetime | None = None
    stop_credentials: bool = False
    stop_campaign: bool = False


def decide(
    outcome: Outcome,
    *,
    attempts: int,
    waited: timedelta,
    policy: RetryPolicy,
    now: datetime,
    random: Random,
) -> Decision:
    """Decide what `outcome` does.

    `attempts` is the number of tries made including this one, `waited` the sum of the waits this
    delivery was given before.
    """
    if outcome.kind is OutcomeKind.SENT:
        return Decision(
            outcome=outcome,
            state=State.SENT,
            mark=AnswerMark.SENT,
            pause_account_until=_pause(outcome, policy, now) if outcome.quota else None,
        )
    concerns_delivery = outcome.scope is Scope.RECIPIENT or outcome.implicated
    if not concerns_delivery and outcome.kind is not OutcomeKind.IN_DOUBT:
        return _as_it_was(outcome, policy, now)
    if outcome.implicated and attempts <= _SOON:
        return _later(outcome, now + _OTHERS_FIRST, now)
    again = (
        next_try(
            attempts=attempts,
            waited=waited,
            give_up_after=policy.give_up_after,
            retry_after=outcome.retry_after,
            now=now,
            random=random,
        )
        if _may_try_again(outcome, policy)
        else None
    )
    pause = _pause(outcome, policy, now)
    return _later(outcome, again, now, pause) if again else _for_good(outcome, attempts, pause)


def unless_our_fault(decision: Decision, recent: str, *, attempts: int, now: datetime) -> Decision:
    """Suppress no address, nor call a message too big, while `recent`, the last answers, speaks against us.

    Where the server accepted no other recipient, one that it calls unknown is held: queued again behind
    the others.  Refused once more, still without an acceptance, the delivery fails and the address is
    not suppressed; where all that was answered so far is that messages are too big, the campaign stops
    instead.  `attempts` is the number of tries made including this one.
    """
    doubtful = decision.suppress or decision.outcome.too_big
    if not doubtful or is_anyone_accepted(recent):
        return decision
    all_too_big = decision.outcome.too_big and set(recent) == {AnswerMark.TOO_BIG}
    if attempts > 1 and not all_too_big:
        reason = decision.reason + _NOT_SUPPRESSED * decision.suppress
        return replace(decision, suppress=False, reason=reason)
    held = _later(decision.outcome, now + _OTHERS_FIRST, now)
    mark = AnswerMark.UNKNOWN if decision.suppress else AnswerMark.TOO_BIG
    return replace(held, mark=mark, stop_campaign=attempts > 1)


_NOT_SUPPRESSED = " (not suppressed: the server accepted no other recipient)"


def _may_try_again(outcome: Outcome, policy: RetryPolicy) -> bool:
    if outcome.kind is OutcomeKind.IN_DOUBT:
        return policy.resend_in_doubt
    return outcome.kind is OutcomeKind.DEFERRED


def _as_it_was(outcome: Outcome, policy: RetryPolicy, now: datetime) -> Decision:
    """Put the delivery back, nothing charged, and say what else is to pause or to stop."""
    return Decision(
        outcome=outcome,
        state=State.QUEUED,
        not_before=now + _OTHERS_FIRST if outcome.scope is Scope.CONNECTION else None,
        attempted=False,
        answered=outcome.offered,
        mark=AnswerMark.CONTENT if _is_verdict_on_content(outcome) else None,
        pause_account_until=_pause(outcome, policy, now),
        stop_credentials=outcome.scope is Scope.CREDENTIALS,
        stop_campaign=outcome.scope is Scope.CAMPAIGN and outcome.at_once,
    )


def _later(outcome: Outcome, again: datetime, now: datetime, pause: datetime | None = None) -> Decision:
    return Decision(
        outcome=outcome,
        state=State.QUEUED,
        reason=outcome.reason,
        not_before=again,
        waited=again - now,
        answered=outcome.offered,
        mark=AnswerMark.DEFERRED if outcome.scope is Scope.RECIPIENT else None,
        pause_account_until=pause,
    )


def _for_good(outcome: Outcome, attempts: int, pause: datetime | None) -> Decision:
    if outcome.kind is OutcomeKind.IN_DOUBT:
        return Decision(
            outcome=outcome, state=State.IN_DOUBT, reason=outcome.reason, pause_account_until=pause
        )
    return Decision(
        outcome=outcome,
        state=State.FAILED,
        reason=_given_up(outcome, attempts) + outcome.reason,
        answered=outcome.offered,
        mark=AnswerMark.FAILED,
        suppress=outcome.suppress,
    )


def _given_up(outcome: Outcome, attempts: int) -> str:
    if outcome.kind is not OutcomeKind.DEFERRED:
        return ""
    ended = ", the last of which ended the connection" if outcome.implicated else ""
    return f"given up after {counted(attempts, 'try', 'tries')}{ended}: "


def _is_verdict_on_content(outcome: Outcome) -> bool:
    return outcome.scope is Scope.CAMPAIGN and not outcome.at_once


def _pause(outcome: Outcome, policy: RetryPolicy, now: datetime) -> datetime | None:
    if outcome.scope is not Scope.ACCOUNT and not outcome.quota:
        return None
    default = policy.quota_pause if outcome.quota else policy.throttle_pause
    return now + (outcome.retry_after or default)


# -- A run's own limit

_CONTENT_STAGES = (Stage.DATA, Stage.EOD)
_OF_ALL = (Scope.ACCOUNT, Scope.CREDENTIALS, Scope.CAMPAIGN)
_MAY_BE_TAKEN = (OutcomeKind.SENT, OutcomeKind.IN_DOUBT)


class SendLimit:
    """The rest of `--limit N` in a run: N attempts that reach DATA, N more that are answered before.

    A recipient that is greylisted or unknown takes no place; but where all are, twice N are tried and not
    the whole list.  Claimed deliveries are taken from it first, and given back if they were not begun.
    """

    def __init__(self, number: int | None) -> None:
        """`number` is N; None: no limit."""
        self._left = number
        self._spare = number or 0

    @property
    def is_reached(self) -> bool:
        """True if nothing more may be claimed."""
        return self._left == 0

    def most(self, wanted: int) -> int:
        """How many of `wanted` deliveries may be claimed."""
        return wanted if self._left is None else min(wanted, self._left)

    def take(self, number: int) -> None:
        """Count claimed deliveries."""
        if self._left is not None:
            self._left -= number

    def give_back(self, number: int) -> None:
        """Count deliveries that were claimed and not tried."""
        self.take(-number)

    def note(self, outcome: Outcome) -> None:
        """Count what came of an attempt; what concerns more than the recipient stops the run by itself."""
        if self._left is None:
            return
        if outcome.scope not in _OF_ALL and _reached_data(outcome):
            return
        if outcome.scope not in _OF_ALL and outcome.offered:
            if not self._spare:
                return
            self._spare -= 1
        self.give_back(1)


def _reached_data(outcome: Outcome) -> bool:
    if outcome.kind in _MAY_BE_TAKEN:
        return True
    return outcome.reply.stage in _CONTENT_STAGES if outcome.reply else outcome.offered
