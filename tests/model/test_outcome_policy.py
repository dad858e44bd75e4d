"""What each outcome does: one table of kind and scope, and for each row every field of the decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from mailrunner.model.circuit_breaker import AnswerMark
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Reply, Scope, Stage
from mailrunner.model.outcome_policy import (
    Decision,
    RetryPolicy,
    SendLimit,
    decide,
    unless_our_fault,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TWO_DAYS = timedelta(hours=48)
QUOTA_PAUSE, THROTTLE_PAUSE = timedelta(hours=24), timedelta(minutes=10)
ASKED = timedelta(minutes=42)
POLICY = RetryPolicy(give_up_after=TWO_DAYS, quota_pause=QUOTA_PAUSE, throttle_pause=THROTTLE_PAUSE)
RESEND = RetryPolicy(
    give_up_after=TWO_DAYS, quota_pause=QUOTA_PAUSE, throttle_pause=THROTTLE_PAUSE, resend_in_doubt=True
)
ENDED = "given up after 3 tries, the last of which ended the connection: "


class Longest(Random):
    """Draws the upper bound, so that the longest wait is known."""

    def uniform(self, a: float, b: float) -> float:
        return b


def decided(
    outcome: Outcome, attempts: int = 1, waited: timedelta = timedelta(0), policy: RetryPolicy = POLICY
) -> Decision:
    return decide(outcome, attempts=attempts, waited=waited, policy=policy, now=NOW, random=Longest())


def outcome_of(kind: OutcomeKind, scope: Scope, **parts: Any) -> Outcome:
    return Outcome(kind, scope, "the reason", **parts)


# Without the fields that are as by default.
AGAIN = {"state": State.QUEUED, "attempted": False}
FIRST_RETRY = timedelta(minutes=5) * 1.1
LATER = {
    "state": State.QUEUED,
    "reason": "the reason",
    "not_before": NOW + FIRST_RETRY,
    "waited": FIRST_RETRY,
    "mark": AnswerMark.DEFERRED,
}
FAILED = {"state": State.FAILED, "reason": "the reason", "mark": AnswerMark.FAILED}
SENT, DEFERRED, REFUSED, IN_DOUBT = OutcomeKind
RECIPIENT, ACCOUNT, CREDENTIALS, CAMPAIGN, CONNECTION = Scope
SOON = NOW + timedelta(seconds=5)

TABLE: list[tuple[OutcomeKind, Scope, dict[str, Any], dict[str, Any]]] = [
    (SENT, RECIPIENT, {}, {"state": State.SENT, "mark": AnswerMark.SENT}),
    (DEFERRED, RECIPIENT, {}, LATER),
    (
        *(DEFERRED, RECIPIENT, {"retry_after": ASKED}),
        LATER | {"not_before": NOW + ASKED * 1.1, "waited": ASKED * 1.1},
    ),
    (DEFERRED, RECIPIENT, {"offered": False}, LATER | {"answered": False}),
    (REFUSED, RECIPIENT, {}, FAILED),
    (REFUSED, RECIPIENT, {"suppress": True}, FAILED | {"suppress": True}),
    (REFUSED, RECIPIENT, {"offered": False}, FAILED | {"answered": False}),
    (IN_DOUBT, RECIPIENT, {}, {"state": State.IN_DOUBT, "reason": "the reason"}),
    (IN_DOUBT, CONNECTION, {}, {"state": State.IN_DOUBT, "reason": "the reason"}),
    (DEFERRED, ACCOUNT, {}, AGAIN | {"pause_account_until": NOW + THROTTLE_PAUSE}),
    (DEFERRED, ACCOUNT, {"quota": True}, AGAIN | {"pause_account_until": NOW + QUOTA_PAUSE}),
    (DEFERRED, ACCOUNT, {"retry_after": ASKED}, AGAIN | {"pause_account_until": NOW + ASKED}),
    (
        *(DEFERRED, ACCOUNT, {"quota": True, "retry_after": ASKED}),
        AGAIN | {"pause_account_until": NOW + ASKED},
    ),
    (
        *(DEFERRED, ACCOUNT, {"offered": False}),
        AGAIN | {"answered": False, "pause_account_until": NOW + THROTTLE_PAUSE},
    ),
    (REFUSED, CREDENTIALS, {}, AGAIN | {"stop_credentials": True}),
    (REFUSED, CREDENTIALS, {"offered": False}, AGAIN | {"answered": False, "stop_credentials": True}),
    (REFUSED, CAMPAIGN, {"at_once": True}, AGAIN | {"stop_campaign": True}),
    (REFUSED, CAMPAIGN, {}, AGAIN | {"mark": AnswerMark.CONTENT}),
    (DEFERRED, CONNECTION, {}, AGAIN | {"not_before": SOON}),
    (DEFERRED, CONNECTION, {"offered": False}, AGAIN | {"not_before": SOON, "answered": False}),
    (
        *(DEFERRED, CONNECTION, {"implicated": True}),
        {
            "state": State.QUEUED,
            "reason": "the reason",
            "not_before": SOON,
            "waited": timedelta(seconds=5),
        },
    ),
]


@pytest.mark.parametrize(("kind", "scope", "parts", "fields"), TABLE)
def test_an_outcome_of_this_kind_and_scope_decides_every_field(
    kind: OutcomeKind, scope: Scope, parts: dict[str, Any], fields: dict[str, Any]
) -> None:
    outcome = outcome_of(kind, scope, **parts)
    assert decided(outcome) == Decision(outcome=outcome, **fields)


@pytest.mark.parametrize(
    ("attempts", "waited", "is_last"),
    [(2, TWO_DAYS, False), (3, TWO_DAYS - timedelta(seconds=1), False), (3, TWO_DAYS, True)],
)
@pytest.mark.parametrize(
    ("scope", "parts", "words"),
    [
        (RECIPIENT, {}, "given up after 3 tries: "),
        (CONNECTION, {"implicated": True}, ENDED),
        (CONNECTION, {"implicated": True, "offered": False}, ENDED),
    ],
)
def test_patience_ends_with_give_up_after_and_three_tries_and_never_suppresses(
    attempts: int, waited: timedelta, is_last: bool, scope: Scope, parts: dict[str, Any], words: str
) -> None:
    outcome = outcome_of(DEFERRED, scope, **parts)
    decision = decided(outcome, attempts, waited)
    if is_last:
        assert decision == Decision(
            outcome=outcome,
            state=State.FAILED,
            reason=f"{words}the reason",
            mark=AnswerMark.FAILED,
            answered=outcome.offered,
        )
    else:
        assert (decision.state, decision.attempted, decision.suppress) == (State.QUEUED, True, False)


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, timedelta(seconds=5)),
        (2, timedelta(seconds=5)),
        (3, timedelta(minutes=22)),
        (4, timedelta(minutes=44)),
    ],
)
def test_a_message_met_by_a_third_loss_waits_as_after_a_deferral(attempts: int, wait: timedelta) -> None:
    decision = decided(outcome_of(DEFERRED, CONNECTION, implicated=True), attempts)
    assert (decision.not_before, decision.waited, decision.attempted) == (NOW + wait, wait, True)


def test_a_neighbour_is_never_charged_however_often_it_rode_along() -> None:
    decision = decided(outcome_of(DEFERRED, CONNECTION), 99, TWO_DAYS * 9)
    assert (decision.state, decision.attempted, decision.waited) == (State.QUEUED, False, timedelta(0))


@pytest.mark.parametrize(("attempts", "state"), [(1, State.QUEUED), (3, State.IN_DOUBT)])
def test_a_doubt_is_sent_again_only_where_the_campaign_says_so(attempts: int, state: State) -> None:
    doubt = outcome_of(IN_DOUBT, RECIPIENT)
    assert decided(doubt, attempts, TWO_DAYS, POLICY).state is State.IN_DOUBT
    decision = decided(doubt, attempts, TWO_DAYS, RESEND)
    assert (decision.state, decision.reason) == (state, "the reason")


# -- Suppressions that may be our own fault

DEAD = decided(outcome_of(REFUSED, RECIPIENT, suppress=True))


def test_an_unknown_recipient_is_suppressed_where_another_was_accepted() -> None:
    assert unless_our_fault(DEAD, "fffsf", attempts=1, now=NOW) == DEAD
    assert unless_our_fault(DEAD, "s", attempts=9, now=NOW) == DEAD


def test_an_unknown_recipient_is_held_once_where_none_was_accepted() -> None:
    assert unless_our_fault(DEAD, "fuuuu", attempts=1, now=NOW) == Decision(
        outcome=DEAD.outcome,
        state=State.QUEUED,
        reason="the reason",
        not_before=SOON,
        waited=timedelta(seconds=5),
        mark=AnswerMark.UNKNOWN,
    )


def test_refused_again_where_none_was_accepted_it_fails_and_is_not_suppressed() -> None:
    assert unless_our_fault(DEAD, "", attempts=2, now=NOW) == Decision(
        outcome=DEAD.outcome,
        state=State.FAILED,
        reason="the reason (not suppressed: the server accepted no other recipient)",
        mark=AnswerMark.FAILED,
    )


def test_a_decision_that_suppresses_no_address_is_left_as_it_was() -> None:
    for kind, scope, parts, _ in TABLE:
        decision = decided(outcome_of(kind, scope, **(parts | {"suppress": False})))
        assert unless_our_fault(decision, "", attempts=1, now=NOW) is decision


# What `--limit` counts: how many of its two places an attempt takes for good.
AT_RCPT, AT_DATA, AT_EOD = (
    {"reply": Reply(stage, 451, "", "")} for stage in (Stage.RCPT, Stage.DATA, Stage.EOD)
)


@pytest.mark.parametrize(
    ("kind", "scope", "parts", "places", "spares"),
    [
        (SENT, RECIPIENT, {}, 1, 0),
        (IN_DOUBT, CONNECTION, {}, 1, 0),
        (IN_DOUBT, RECIPIENT, AT_RCPT, 1, 0),
        (DEFERRED, RECIPIENT, AT_DATA, 1, 0),
        (REFUSED, RECIPIENT, AT_EOD, 1, 0),
        (DEFERRED, RECIPIENT, AT_RCPT, 0, 1),
        (REFUSED, RECIPIENT, AT_RCPT, 0, 1),
        (DEFERRED, CONNECTION, {}, 1, 0),  # lost after it was offered
        (DEFERRED, CONNECTION, {"offered": False}, 0, 0),
        (REFUSED, RECIPIENT, {"offered": False, **AT_RCPT}, 0, 0),
        *((DEFERRED, scope, AT_EOD, 0, 0) for scope in (ACCOUNT, CREDENTIALS, CAMPAIGN)),
    ],
)
def test_a_limit_is_used_up_by_what_reached_data_and_by_twice_as_many_tries(
    kind: OutcomeKind, scope: Scope, parts: dict[str, Any], places: int, spares: int
) -> None:
    limit = SendLimit(2)
    assert (limit.is_reached, limit.most(9)) == (False, 2)
    limit.take(1)
    limit.note(outcome_of(kind, scope, **parts))
    assert limit.most(9) == 2 - places
    refused = outcome_of(DEFERRED, RECIPIENT, **AT_RCPT)
    tries = 0
    while not limit.is_reached:
        limit.take(1)
        limit.note(refused)
        tries += 1
    assert tries == 2 - places + 2 - spares


def test_without_a_limit_nothing_is_counted() -> None:
    limit = SendLimit(None)
    limit.take(5)
    limit.note(outcome_of(SENT, RECIPIENT))
    limit.give_back(1)
    assert (limit.is_reached, limit.most(9)) == (False, 9)


def test_a_limit_of_nothing_is_reached_from_the_beginning() -> None:
    assert (SendLimit(0).is_reached, SendLimit(0).most(3)) == (True, 0)


def test_a_message_at_which_the_account_was_slowed_down_again_and_again_pauses_it_too() -> None:
    slowed = outcome_of(OutcomeKind.DEFERRED, Scope.ACCOUNT, implicated=True)
    for attempts, pause in ((1, None), (2, None), (3, NOW + THROTTLE_PAUSE)):
        assert decided(slowed, attempts=attempts).pause_account_until == pause


def test_a_message_that_is_too_big_is_held_once_where_none_was_accepted() -> None:
    big = decided(outcome_of(OutcomeKind.REFUSED, Scope.RECIPIENT, offered=False, too_big=True))
    assert big.state is State.FAILED
    for recent, attempts, state, mark, stops in (
        ("", 1, State.QUEUED, AnswerMark.TOO_BIG, False),
        ("bbbb", 1, State.QUEUED, AnswerMark.TOO_BIG, False),
        ("b", 2, State.QUEUED, AnswerMark.TOO_BIG, True),
        ("", 2, State.FAILED, AnswerMark.FAILED, False),
        ("fb", 2, State.FAILED, AnswerMark.FAILED, False),
        ("db", 2, State.FAILED, AnswerMark.FAILED, False),
        ("s", 1, State.FAILED, AnswerMark.FAILED, False),
    ):
        found = unless_our_fault(big, recent, attempts=attempts, now=NOW)
        assert (found.state, found.mark, found.suppress) == (state, mark, False)
        assert found.stop_campaign is stops
        assert found.reason == "the reason"
