"""What a look into the Sent folder proves, and what the ledger knows of the circumstances."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.delivery import Counts
from mailrunner.model.in_doubt import ANSWER, INDEX, Lookup, LookupEvidence, resolve
from mailrunner.model.outcome_policy import Decision
from mailrunner.store import Ledger, Run, SendPermit
from tests.store.test_ledger import DOUBT, SENT, claim, load, send, terms
from tests.support.clocks import ManualClock

# -- The ledger's part, on each database


def test_neighbours_are_what_the_same_run_sent_within_the_time_nearest_first(
    ledger: Ledger, clock: ManualClock
) -> None:
    campaign = load(ledger, [f"{n}@example.org" for n in range(8)])
    at = terms(campaign)

    def go_on(run: Run, *settlements: Decision, minutes: int = 10) -> list[int]:
        sent = claim(ledger, at, run.next_token(), most=len(settlements))
        for delivery, settlement in zip(sent, settlements, strict=True):
            clock.turn(timedelta(minutes=minutes))
            send(ledger, at, delivery, settlement)
        return [delivery.id for delivery in sent]

    before = Run.begin(ledger.database)
    go_on(before, SENT)
    before.end()
    clock.turn(timedelta(minutes=1))
    run = Run.begin(ledger.database)
    first, second, _, fourth = go_on(run, SENT, SENT, DOUBT, SENT)
    go_on(run, SENT, minutes=61)
    run.end()
    [doubt] = ledger.decisions.doubts(campaign.no)
    hour = timedelta(hours=1)
    nearest = ledger.decisions.neighbours(campaign.no, doubt, within=hour, most=9)
    assert (set(nearest[:2]), nearest[2:]) == ({second, fourth}, [first])
    assert len(ledger.decisions.neighbours(campaign.no, doubt, within=hour, most=1)) == 1


def test_a_decision_about_one_attempt_does_not_touch_the_next(ledger: Ledger) -> None:
    campaign = load(ledger, ["a@example.org"])
    at = terms(campaign)
    send(ledger, at, claim(ledger, at, token=1)[0], DOUBT)
    old = ledger.decisions.doubts(campaign.no)
    assert ledger.decisions.settle_as_not_sent(campaign.no, old) == 1
    send(ledger, at, claim(ledger, at, token=2)[0], DOUBT)
    assert ledger.decisions.settle_as_not_sent(campaign.no, old) == 0
    assert ledger.decisions.settle_as_sent(old, reason="found") == 0
    assert ledger.deliveries.counts(campaign.no) == Counts(in_doubt=1)


def test_a_run_that_is_silent_but_not_gone_is_suspended(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load(ledger, ["a@example.org"])
    at = terms(campaign)
    run = Run.begin(ledger.database)
    [delivery] = claim(ledger, at, run.next_token())
    assert ledger.deliveries.begin_sending(delivery, at) is SendPermit.GO
    clock.turn(timedelta(minutes=21))
    assert ledger.deliveries.take_over() == 1
    [doubt] = ledger.decisions.doubts(campaign.no)
    assert ledger.decisions.is_sender_suspended(doubt)
    run.renew()
    assert not ledger.decisions.is_sender_suspended(doubt)
    clock.turn(timedelta(minutes=21))
    run.end()
    assert not ledger.decisions.is_sender_suspended(doubt)


# -- The judgement

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROOF = LookupEvidence(
    folder="",
    attempted_at=NOW - ANSWER - INDEX,
    provider="Gmail",
    files_submissions=True,
    keeps_message_id=True,
    sender_lives=False,
    trash_searched=True,
    neighbour_found=True,
)


def test_complete_proof_of_absence_is_believed() -> None:
    assert resolve(PROOF, now=NOW).lookup is Lookup.ABSENT


@pytest.mark.parametrize(
    "missing",
    [
        {"files_submissions": False},
        {"keeps_message_id": False},
        {"sender_lives": True},
        {"trash_searched": False},
        {"neighbour_found": False},
        {"attempted_at": None},
        {"attempted_at": NOW - ANSWER - INDEX + timedelta(microseconds=1)},
    ],
    ids=lambda missing: next(iter(missing)),
)
def test_each_part_of_the_proof_is_needed(missing: dict[str, object]) -> None:
    verdict = resolve(replace(PROOF, **missing), now=NOW)  # type: ignore[arg-type]
    assert verdict.lookup is Lookup.UNDECIDED
    assert verdict.reason.startswith("not found")


@given(
    evidence=st.builds(
        LookupEvidence,
        folder=st.sampled_from(["Sent", "Trash"]),
        attempted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_what_is_found_is_sent_whatever_else_is_known(evidence: LookupEvidence) -> None:
    assert resolve(evidence, now=NOW).lookup is Lookup.FOUND


@given(ago=st.timedeltas(timedelta(), timedelta(days=9)))
def test_to_look_again_is_only_advised_when_it_can_help(ago: timedelta) -> None:
    verdict = resolve(replace(PROOF, attempted_at=NOW - ago), now=NOW)
    if verdict.look_again_at is None:
        assert verdict.lookup is Lookup.ABSENT
    else:
        later = resolve(replace(PROOF, attempted_at=NOW - ago), now=verdict.look_again_at)
        assert (verdict.lookup, later.lookup) == (Lookup.UNDECIDED, Lookup.ABSENT)
