"""Answers that come when their campaign is cancelled: each is recorded, and none queues a delivery again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from mailrunner.model.circuit_breaker import AnswerMark
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Reply, Scope, Stage
from mailrunner.model.outcome_policy import Decision
from mailrunner.store import Answer, Batch, Ledger, Phase, SendPermit
from mailrunner.store.schema import accounts, deliveries
from tests.support.clocks import START, ManualClock
from tests.support.ledger_builder import begin_sending, claim, claim_terms, load_campaign, record

KEYS = ["a@example.org", "b@example.org"]
REPLY = Reply(Stage.EOD, 451, "4.3.0", "local error")


def decision(state: State, scope: Scope = Scope.RECIPIENT, **parts: object) -> Decision:
    kinds = {
        State.SENT: OutcomeKind.SENT,
        State.IN_DOUBT: OutcomeKind.IN_DOUBT,
        State.FAILED: OutcomeKind.REFUSED,
    }
    outcome = Outcome(kinds.get(state, OutcomeKind.DEFERRED), scope, "the server's words", reply=REPLY)
    return Decision(outcome=outcome, state=state, reason="why", **parts)  # type: ignore[arg-type]


LATER = START + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("answer", "state", "attempts", "code"),
    [
        (decision(State.SENT, mark=AnswerMark.SENT), "sent", 1, 451),
        (decision(State.FAILED, mark=AnswerMark.FAILED), "failed", 1, 451),
        (decision(State.IN_DOUBT), "in_doubt", 1, 451),
        (decision(State.QUEUED, not_before=LATER, waited=timedelta(minutes=5)), "skipped", 1, 451),
        (decision(State.QUEUED, Scope.CONNECTION, attempted=False, answered=False), "skipped", 0, 451),
    ],
    ids=["sent", "refused", "in doubt", "deferred", "connection lost"],
)
def test_an_answer_to_a_cancelled_campaign_is_recorded_and_queues_nothing(
    ledger: Ledger, answer: Decision, state: str, attempts: int, code: int
) -> None:
    campaign = load_campaign(ledger, KEYS)
    terms = claim_terms(campaign, "2/24h")
    first, _ = claim(ledger, terms, token=1)
    assert begin_sending(ledger, terms, first) is SendPermit.GO
    ledger.campaigns.cancel(campaign.no)
    assert record(ledger, terms, first, answer)
    with ledger.database.read() as connection:
        columns = (deliveries.c.state, deliveries.c.attempts, deliveries.c.code, deliveries.c.token)
        row = connection.execute(select(*columns).where(deliveries.c.id == first.id)).one()
    kept = first.token if state == "in_doubt" else None  # a late answer still belongs to this attempt
    assert tuple(row) == (state, attempts, code, kept)
    found = ledger.campaigns.find("spring")
    assert found is not None and found.phase is Phase.CANCELLED


def test_what_such_an_answer_says_of_others_still_holds(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, KEYS)
    terms = claim_terms(campaign)
    first, second = claim(ledger, terms, token=1)
    for each in (first, second):
        assert begin_sending(ledger, terms, each) is SendPermit.GO
    ledger.campaigns.cancel(campaign.no)
    until = clock.now() + timedelta(hours=24)
    pause = decision(State.QUEUED, Scope.ACCOUNT, attempted=False, pause_account_until=until)
    assert record(ledger, terms, first, pause)
    assert record(ledger, terms, second, decision(State.SENT, mark=AnswerMark.SENT))
    with ledger.database.read() as connection:
        row = connection.execute(select(accounts.c.paused_until, accounts.c.pause_reason)).one()
    assert tuple(row) == (until, "the server's words")


@pytest.mark.parametrize("accepted_at", [0, 1])
def test_of_answers_that_come_together_acceptances_are_heard_first(ledger: Ledger, accepted_at: int) -> None:
    """Whichever came first, an acceptance shows that the server knows recipients: the other is suppressed."""
    campaign = load_campaign(ledger, KEYS)
    terms = claim_terms(campaign)
    both = claim(ledger, terms, token=1)
    for each in both:
        assert begin_sending(ledger, terms, each) is SendPermit.GO
    unknown = decision(State.FAILED, mark=AnswerMark.FAILED, suppress=True)
    decisions = [unknown, unknown]
    decisions[accepted_at] = decision(State.SENT, mark=AnswerMark.SENT)
    answers = [Answer(*pair) for pair in zip(both, decisions, strict=True)]
    ledger.batches.commit(terms, Batch(answers=answers))
    dead = KEYS[1 - accepted_at]
    names = [each for each in KEYS if ledger.suppressions.entries(each)]
    assert names == [dead]
