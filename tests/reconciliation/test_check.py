"""Reconciliation: what the ledger knows of deliveries in doubt, and what a lookup proves."""

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
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import (
    IN_DOUBT,
    SENT,
    begin_sending,
    claim,
    claim_terms,
    load_campaign,
    send,
)

# -- The ledger's part, on each database


def test_neighbours_are_what_the_same_run_sent_within_the_time_nearest_first(
    ledger: Ledger, clock: ManualClock
) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(8)])
    at = claim_terms(campaign)

    def send_more(run: Run, *decisions: Decision, minutes: int = 10) -> list[int]:
        sent = claim(ledger, at, run.next_token(), most=len(decisions))
        for delivery, decision in zip(sent, decisions, strict=True):
            clock.turn(timedelta(minutes=minutes))
            send(ledger, at, delivery, decision)
        return [delivery.id for delivery in sent]

    before = Run.begin(ledger.database)
    send_more(before, SENT)
    before.end()
    clock.turn(timedelta(minutes=1))
    run = Run.begin(ledger.database)
    first, second, _, fourth = send_more(run, SENT, SENT, IN_DOUBT, SENT)
    send_more(run, SENT, minutes=61)
    run.end()
    [doubt] = ledger.manual_actions.in_doubt(campaign.no)
    hour = timedelta(hours=1)
    nearest = ledger.manual_actions.sent_nearby(campaign.no, doubt, within=hour, most=9)
    assert (set(nearest[:2]), nearest[2:]) == ({second, fourth}, [first])
    assert len(ledger.manual_actions.sent_nearby(campaign.no, doubt, within=hour, most=1)) == 1


def test_a_decision_about_one_attempt_does_not_touch_the_next(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    send(ledger, at, claim(ledger, at, token=1)[0], IN_DOUBT)
    old = ledger.manual_actions.in_doubt(campaign.no)
    assert ledger.manual_actions.resolve_as_not_sent(campaign.no, old) == old
    send(ledger, at, claim(ledger, at, token=2)[0], IN_DOUBT)
    assert ledger.manual_actions.resolve_as_not_sent(campaign.no, old) == []
    assert ledger.manual_actions.resolve_as_sent(old, reason="found") == []
    assert ledger.deliveries.counts(campaign.no) == Counts(in_doubt=1)


def test_a_run_without_a_lease_that_holds_its_lock_is_suspended(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    run = Run.begin(ledger.database)
    [delivery] = claim(ledger, at, run.next_token())
    assert begin_sending(ledger, at, delivery) is SendPermit.GO
    clock.turn(timedelta(minutes=21))
    assert ledger.deliveries.recover() == 1
    [doubt] = ledger.manual_actions.in_doubt(campaign.no)
    assert ledger.manual_actions.is_sender_suspended(doubt)
    run.renew()
    assert not ledger.manual_actions.is_sender_suspended(doubt)
    clock.turn(timedelta(minutes=21))
    run.end()
    assert not ledger.manual_actions.is_sender_suspended(doubt)


# -- The resolution

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


def test_a_complete_proof_of_absence_is_accepted() -> None:
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
    resolution = resolve(replace(PROOF, **missing), now=NOW)  # type: ignore[arg-type]
    assert resolution.lookup is Lookup.UNDECIDED
    assert resolution.reason.startswith("not found")


@given(
    evidence=st.builds(
        LookupEvidence,
        folder=st.sampled_from(["Sent", "Trash"]),
        attempted_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_a_message_that_is_found_was_sent_whatever_else_is_known(evidence: LookupEvidence) -> None:
    assert resolve(evidence, now=NOW).lookup is Lookup.FOUND


@given(ago=st.timedeltas(timedelta(), timedelta(days=9)))
def test_another_lookup_is_only_advised_when_it_can_help(ago: timedelta) -> None:
    resolution = resolve(replace(PROOF, attempted_at=NOW - ago), now=NOW)
    if resolution.look_again_at is None:
        assert resolution.lookup is Lookup.ABSENT
    else:
        later = resolve(replace(PROOF, attempted_at=NOW - ago), now=resolution.look_again_at)
        assert (resolution.lookup, later.lookup) == (Lookup.UNDECIDED, Lookup.ABSENT)
