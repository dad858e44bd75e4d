"""The contract of the ledger; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts, State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.quota import Limit
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import Answer, Batch, Delivery, Ledger, Phase, PlainSnapshotRow, Run, SendPermit
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import (
    IN_DOUBT,
    SENT,
    begin_sending,
    campaign_values,
    claim,
    claim_terms,
    load_campaign,
    record,
    refused_claim,
    send,
)


def test_a_delivery_goes_from_queued_to_sent(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    at = claim_terms(campaign)
    for delivery in claim(ledger, at, token=1):
        send(ledger, at, delivery)
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=2)
    assert refused_claim(ledger, at).reason is WaitReason.DONE
    assert ledger.campaigns.finish(campaign.no) == Counts(sent=2)
    found = ledger.campaigns.find("spring")
    assert found is not None and found.phase is Phase.FINISHED


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        (
            [
                PlainSnapshotRow(9, "b@example.org", "", "B@example.org", ("x",)),
                PlainSnapshotRow(10, "c@example.org", "", "c", ("y",)),
            ],
            Counts(queued=3, skipped=2),
        ),
        (
            [PlainSnapshotRow(row, None, "the address is empty", "", ("",)) for row in (7, 8)],
            Counts(queued=2, skipped=3),
        ),
    ],
    ids=["duplicates", "rows with a problem"],
)
def test_duplicates_and_rows_with_a_problem_are_skipped(
    ledger: Ledger, more: list[PlainSnapshotRow], counts: Counts
) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org", "a@example.org"], more=more)
    assert ledger.deliveries.counts(campaign.no) == counts


def test_two_claims_never_hold_the_same_delivery(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(30)])
    at = claim_terms(campaign)
    held = [d.id for token in range(1, 4) for d in claim(ledger, at, token=token)]
    assert len(set(held)) == 30
    assert refused_claim(ledger, at, token=9).reason is WaitReason.OTHERS


def test_a_claim_reserves_its_slots_and_a_release_gives_them_back(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(10)])
    at = claim_terms(campaign, "4/24h")
    held = claim(ledger, at, token=1)
    assert len(held) == 4
    assert refused_claim(ledger, at).reason is WaitReason.QUOTA
    assert ledger.deliveries.release(held) == 4
    assert len(claim(ledger, at, token=2)) == 4


def test_claims_continue_in_the_queue_and_then_find_what_was_released(ledger: Ledger) -> None:
    at = claim_terms(load_campaign(ledger, [f"{n}@example.org" for n in range(6)]))
    first, second = claim(ledger, at, token=1, most=2), claim(ledger, at, token=2, most=2)
    assert ledger.deliveries.release(first) == 2
    third = claim(ledger, at, token=3)
    assert [one.key[0] for one in (*second, *third)] == ["2", "3", "4", "5"]
    assert [one.id for one in claim(ledger, at, token=4)] == [one.id for one in first]
    assert refused_claim(ledger, at).reason is WaitReason.OTHERS


def test_deliveries_left_for_want_of_slots_are_found_by_the_next_claim(
    ledger: Ledger, clock: ManualClock
) -> None:
    at = claim_terms(load_campaign(ledger, [f"{n}@example.org" for n in range(6)]), "2/24h")
    keys = []
    for token in (1, 2, 3):
        held = claim(ledger, at, token=token, most=5)
        keys += [one.key[0] for one in held]
        for one in held:
            send(ledger, at, one)
        clock.turn(timedelta(hours=25))
    assert keys == ["0", "1", "2", "3", "4", "5"]


def test_more_are_claimed_begun_and_recorded_at_once_than_a_statement_takes(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(2_500)])
    at = claim_terms(campaign)
    held = claim(ledger, at, token=1, most=2_500)
    assert len({one.id for one in held}) == 2_500
    assert set(ledger.batches.commit(at, Batch(starting=held)).permits) == {SendPermit.GO}
    done = ledger.batches.commit(at, Batch(answers=[Answer(one, SENT) for one in held]))
    assert done.recorded == [SENT] * 2_500
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=2_500)


def test_two_campaigns_share_the_cap_of_one_account(ledger: Ledger) -> None:
    one = claim_terms(load_campaign(ledger, ["a@example.org", "b@example.org"], "one"), "3/24h")
    two = claim_terms(load_campaign(ledger, ["c@example.org", "d@example.org"], "two"), "3/24h")
    for delivery in claim(ledger, one, token=1):
        send(ledger, one, delivery)
    assert len(claim(ledger, two, token=2)) == 1


def test_a_used_slot_is_back_exactly_a_window_after_its_answer(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    at = claim_terms(campaign, "1/24h")
    (first,) = claim(ledger, at, token=1)
    assert begin_sending(ledger, at, first) is SendPermit.GO
    clock.turn(timedelta(minutes=5))  # the server takes its time
    assert record(ledger, at, first)
    waiting = refused_claim(ledger, at)
    assert (waiting.reason, waiting.until) == (WaitReason.QUOTA, clock.now() + timedelta(hours=24))
    clock.turn(timedelta(hours=24) - timedelta(microseconds=1))
    assert refused_claim(ledger, at).reason is WaitReason.QUOTA
    clock.turn(timedelta(microseconds=1))
    assert len(claim(ledger, at, token=3)) == 1


def test_a_clock_that_was_set_back_opens_nothing_until_it_is_where_it_was(
    ledger: Ledger, clock: ManualClock
) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    at = claim_terms(campaign, "1/24h")
    send(ledger, at, claim(ledger, at, token=1)[0])
    clock.turn(timedelta(days=-3))
    assert refused_claim(ledger, at).until == clock.now() + timedelta(days=4)
    clock.turn(timedelta(days=4))
    assert len(claim(ledger, at, token=2)) == 1


def test_a_slot_of_a_short_window_leaves_when_that_has_passed_since_the_answer(
    ledger: Ledger, clock: ManualClock
) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(5)])
    at = claim_terms(campaign, pace=["2/second"])
    held = claim(ledger, at, token=1)
    assert len(held) == 2
    for delivery in held:
        assert begin_sending(ledger, at, delivery) is SendPermit.GO
    second = timedelta(seconds=1)
    clock.turn(3 * second)  # they were on their way: the server may see them only now
    assert refused_claim(ledger, at).until == clock.now() + second
    record(ledger, at, held[0])
    assert refused_claim(ledger, at).until == clock.now() + second
    clock.turn(second)
    (third,) = claim(ledger, at, token=2)
    send(ledger, at, third)
    clock.turn(7 * second)  # what has no answer after so long has arrived: its machine may be dead
    assert len(claim(ledger, at, token=3)) == 2


@pytest.mark.parametrize(
    ("list_key", "claimed"), [(ALL_LISTS, ["b"]), ("club news", ["b"]), ("offers", ["a", "b"])]
)
def test_a_recipient_suppressed_for_the_list_or_all_is_passed_over(
    ledger: Ledger, list_key: str, claimed: list[str]
) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    ledger.suppressions.add(
        ["a@example.org"], reason=SuppressionReason.UNSUBSCRIBE, source="test", list_key=list_key
    )
    assert [d.key[0] for d in claim(ledger, claim_terms(campaign), token=1)] == claimed
    passed = 2 - len(claimed)
    assert ledger.deliveries.counts(campaign.no) == Counts(in_flight=len(claimed), suppressed=passed)


def test_a_recipient_suppressed_after_the_claim_gets_nothing(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    (held,) = claim(ledger, claim_terms(campaign), token=1)
    ledger.suppressions.add(
        ["a@example.org"], reason=SuppressionReason.UNSUBSCRIBE, source="t", list_key="club news"
    )
    assert begin_sending(ledger, claim_terms(campaign), held) is SendPermit.SUPPRESSED
    assert ledger.deliveries.counts(campaign.no) == Counts(suppressed=1)


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.CANCELLED])
def test_a_pause_or_cancel_is_obeyed_before_the_next_sending(ledger: Ledger, phase: Phase) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    at = claim_terms(campaign)
    held = claim(ledger, at, token=1, most=1)[0]
    ledger.campaigns.pause(campaign.no) if phase is Phase.PAUSED else ledger.campaigns.cancel(campaign.no)
    assert begin_sending(ledger, at, held) is SendPermit.HELD
    assert ledger.deliveries.counts(campaign.no).in_flight == 0
    assert refused_claim(ledger, at).reason in (WaitReason.PAUSED, WaitReason.CANCELLED)


def test_a_quota_reply_pauses_the_account_and_fails_no_delivery(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    (held,) = claim(ledger, at, token=1)
    until = clock.now() + timedelta(hours=24)
    spent = Outcome(OutcomeKind.DEFERRED, Scope.ACCOUNT, "Daily user sending limit exceeded", quota=True)
    send(
        ledger,
        at,
        held,
        Decision(outcome=spent, state=State.QUEUED, attempted=False, pause_account_until=until),
    )
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=1)
    waiting = refused_claim(ledger, at)
    assert (waiting.reason, waiting.until) == (WaitReason.ACCOUNT_PAUSED, until)
    clock.turn(timedelta(hours=24))
    assert claim(ledger, at, token=2)[0].attempts == 0


def test_a_deferred_delivery_waits_for_its_time(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    later = clock.now() + timedelta(minutes=5)
    again = Decision(
        outcome=Outcome(OutcomeKind.DEFERRED, Scope.RECIPIENT, "greylisted"),
        state=State.QUEUED,
        not_before=later,
        waited=timedelta(minutes=5),
    )
    send(ledger, at, claim(ledger, at, token=1)[0], again)
    assert refused_claim(ledger, at) == Wait(WaitReason.RETRY, later)
    clock.turn(timedelta(minutes=5))
    (held,) = claim(ledger, at, token=2)
    assert (held.attempts, held.waited) == (1, timedelta(minutes=5))


def test_a_lost_claim_records_nothing(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    (stale,) = claim(ledger, at, token=1)
    ledger.deliveries.release([stale])
    (held,) = claim(ledger, at, token=2)
    assert begin_sending(ledger, at, stale) is SendPermit.LOST
    assert begin_sending(ledger, at, held) is SendPermit.GO
    assert not record(ledger, at, stale)
    assert record(ledger, at, held)


def test_a_late_250_moves_in_doubt_to_sent_for_the_same_try_only(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    (held,) = claim(ledger, at, token=1)
    send(ledger, at, held, IN_DOUBT)
    assert ledger.deliveries.counts(campaign.no) == Counts(in_doubt=1)
    other_try = Delivery(held.id, 99, held.row, held.key, held.address, held.values, 1, held.waited)
    assert not record(ledger, at, other_try)
    assert record(ledger, at, held)
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=1)


def test_a_dead_runs_claims_are_queued_again_and_its_messages_in_flight_are_in_doubt(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org", "c@example.org"])
    at = claim_terms(campaign, "3/24h")
    dead = Run.begin(ledger.database)
    in_flight, *_ = claim(ledger, at, token=dead.next_token())
    assert begin_sending(ledger, at, in_flight) is SendPermit.GO
    assert ledger.deliveries.recover() == 0  # its lock is held: it lives
    dead._lock.release()  # what the operating system does for a killed process
    assert ledger.deliveries.recover() == 1
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=2, in_doubt=1)
    assert len(claim(ledger, at, token=7)) == 2  # the one in doubt keeps its slot


def test_a_suspended_run_loses_its_claims_when_its_lease_is_over(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    suspended = Run.begin(ledger.database)
    (held,) = claim(ledger, at, token=suspended.next_token())
    assert begin_sending(ledger, at, held) is SendPermit.GO
    clock.turn(timedelta(hours=1))
    assert ledger.deliveries.recover() == 1
    assert record(ledger, at, held)  # its late 250 arrives
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=1)
    suspended.end()


def test_a_test_send_uses_a_slot_and_leaves_no_delivery(ledger: Ledger, clock: ManualClock) -> None:
    account = ledger.accounts.ensure("gmail/ana@gmail.com")
    limits = [Limit.parse("1/24h")]
    facts = {"limits": limits, "reserve": 0, "zone": ZoneInfo("UTC")}
    assert ledger.accounts.begin_test(account.no, token=1, **facts) is None  # type: ignore[arg-type]
    ledger.accounts.end_test(account.no, token=1, answered=True)
    second = ledger.accounts.begin_test(account.no, token=2, **facts)  # type: ignore[arg-type]
    assert second == Wait(WaitReason.QUOTA, clock.now() + timedelta(hours=24))


def test_an_interrupted_snapshot_is_begun_again(ledger: Ledger) -> None:
    campaign = ledger.snapshots.begin(campaign_values("spring", ledger), run_no=1)
    assert campaign is not None
    ledger.snapshots.add(campaign.no, 0, [PlainSnapshotRow(2, "a@example.org", "", "a", ("a",))], run_no=1)
    reopened = ledger.snapshots.begin(campaign_values("spring", ledger), run_no=2)
    assert reopened is not None and (reopened.no, reopened.phase) == (campaign.no, Phase.LOADING)
    assert ledger.deliveries.counts(campaign.no) == Counts()
    with pytest.raises(LedgerError, match="taken over"):
        ledger.snapshots.add(
            campaign.no, 1, [PlainSnapshotRow(3, "b@example.org", "", "b", ("b",))], run_no=1
        )


def test_a_campaign_that_was_begun_meanwhile_is_never_loaded_again(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org"])
    at = claim_terms(campaign)
    send(ledger, at, claim(ledger, at, token=1)[0])
    late = ledger.snapshots.begin(campaign_values("spring", ledger), run_no=9)
    assert late is not None and late.phase is Phase.BEGUN
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=1)


def test_two_runs_that_compare_a_changed_list_do_not_disturb_each_other(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    both = [
        PlainSnapshotRow(n, key, "", key, (key,))
        for n, key in enumerate(["a@example.org", "b@example.org"], 2)
    ]
    ledger.snapshots.add_incoming(campaign.no, both, run_no=5)
    ledger.snapshots.add_incoming(campaign.no, both, run_no=6)
    ledger.snapshots.clear_incoming(6)
    assert not ledger.snapshots.compare(campaign.no, run_no=5)
    ledger.snapshots.hold_back(campaign.no, run_no=5)
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=2)


def test_no_delivery_is_queued_in_a_cancelled_campaign(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org", "c@example.org"])
    at = claim_terms(campaign)
    first, second, _ = claim(ledger, at, token=1)
    assert begin_sending(ledger, at, first) is SendPermit.GO
    assert ledger.campaigns.cancel(campaign.no) == 0
    too_late = Decision(outcome=IN_DOUBT.outcome, state=State.QUEUED, attempted=False, stop_campaign=True)
    assert record(ledger, at, first, too_late)
    ledger.deliveries.release([second])
    assert ledger.deliveries.counts(campaign.no) == Counts(skipped=2, in_flight=1)


def test_a_run_that_ends_frees_what_it_still_holds(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    at = claim_terms(campaign)
    run = Run.begin(ledger.database)
    in_flight, _ = claim(ledger, at, token=run.next_token())
    assert begin_sending(ledger, at, in_flight) is SendPermit.GO
    run.end()  # as after an unexpected error
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=1, in_doubt=1)


def test_of_two_twins_only_one_begins(ledger: Ledger) -> None:
    load_campaign(ledger, ["a@example.org"], "spring")
    other = ledger.snapshots.begin(campaign_values("spring-2", ledger), run_no=2)
    assert other is not None
    ledger.snapshots.add(other.no, 0, [PlainSnapshotRow(2, "a@example.org", "", "a", ("a",))], run_no=2)
    ledger.snapshots.finish(other.no, run_no=2)
    assert ledger.campaigns.begin_first(other, again=False) == ("spring", 1)
    assert ledger.campaigns.begin_first(other, again=True) is True


def test_a_longer_pause_of_an_account_stays(ledger: Ledger, clock: ManualClock) -> None:
    account = ledger.accounts.ensure("gmail/ana@gmail.com")
    day, hour = (clock.now() + timedelta(hours=hours) for hours in (24, 1))
    ledger.accounts.pause(account.no, until=day, reason="daily limit")
    ledger.accounts.pause(account.no, until=hour, reason="too many log-ins")
    found = ledger.accounts.find("gmail/ana@gmail.com")
    assert found is not None and (found.paused_until, found.pause_reason) == (day, "daily limit")


def test_credentials_that_were_refused_stay_known_beside_others(ledger: Ledger) -> None:
    account = ledger.accounts.ensure("gmail/ana@gmail.com")
    ledger.accounts.stop(account.no, reason="wrong", digest="one")
    ledger.accounts.stop(account.no, reason="wrong too", digest="two")
    ledger.accounts.lift_stop(account.no, digest="two")
    found = ledger.accounts.find("gmail/ana@gmail.com")
    assert found is not None and (found.stop_reason, found.refused) == ("", {"one": "wrong"})


def test_many_suppressed_recipients_are_passed_over_in_short_transactions(ledger: Ledger) -> None:
    keys = [f"{n}@example.org" for n in range(1_200)]
    campaign = load_campaign(ledger, [*keys, "last@example.org"])
    ledger.suppressions.add(keys, reason=SuppressionReason.UNSUBSCRIBE, source="t")
    assert [d.key for d in claim(ledger, claim_terms(campaign), token=1)] == ["last@example.org"]
    assert ledger.deliveries.counts(campaign.no) == Counts(in_flight=1, suppressed=1_200)


def test_list_drift_is_found_skipped_queued_again_and_refreshed(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [f"{n}@example.org" for n in range(100)])
    changed = [
        PlainSnapshotRow(n + 2, f"{n}@example.org", "", f"{n}@example.org", (f"{n}@example.org",))
        for n in range(97)
    ]
    changed[5] = PlainSnapshotRow(7, "5@example.org", "", "5@example.org", ("edited",))
    changed.append(PlainSnapshotRow(200, "new@example.org", "", "new@example.org", ("new@example.org",)))
    ledger.snapshots.clear_incoming(5)
    ledger.snapshots.add_incoming(campaign.no, changed, run_no=5)
    drift = ledger.snapshots.compare(campaign.no, run_no=5)
    assert (drift.new, drift.edited, drift.left, drift.back, drift.is_alarming) == (1, 1, 3, 0, False)
    ledger.snapshots.hold_back(campaign.no, run_no=5)
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=97, skipped=3)
    ledger.snapshots.refresh(campaign.no, run_no=5)
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=98, skipped=3)
    ledger.snapshots.add_incoming(
        campaign.no, [PlainSnapshotRow(300, "99@example.org", "", "99@example.org", ("x",))], run_no=5
    )
    assert ledger.snapshots.compare(campaign.no, run_no=5).back == 1
    ledger.snapshots.hold_back(campaign.no, run_no=5)
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=99, skipped=2)


def test_the_same_message_to_some_of_the_same_recipients_is_a_twin(ledger: Ledger) -> None:
    load_campaign(ledger, ["a@example.org", "b@example.org"], "spring")
    other = load_campaign(ledger, ["b@example.org", "c@example.org"], "spring-2")
    assert ledger.campaigns.twin(other) == ("spring", 1)
    apart = load_campaign(ledger, ["d@example.org"], "spring-3")
    assert ledger.campaigns.twin(apart) is None


def test_an_import_adds_once_and_can_be_undone(ledger: Ledger) -> None:
    ledger.suppressions.add(["a@example.org"], reason=SuppressionReason.IMPORT, source="by hand")
    number = ledger.suppressions.begin_import(
        file="subscribers.csv", list_key="", reason=SuppressionReason.IMPORT
    )
    assert ledger.suppressions.import_chunk(number, ["a@example.org", "b@example.org"]) == 1
    assert ledger.suppressions.count() == 2
    assert ledger.suppressions.remove_import(number) == 1
    assert [entry.key for entry in ledger.suppressions] == ["a@example.org"]
    assert ledger.suppressions.remove_import(99) is None


def test_every_secret_ever_used_still_verifies(ledger: Ledger) -> None:
    (first,) = ledger.signing_keys(None)
    assert ledger.signing_keys(None) == (first,)
    own, *before = ledger.signing_keys("own")
    assert before == [first]
    other, *before = ledger.signing_keys("other")
    assert before == [own, first] and other not in before


def test_two_ledgers_with_one_secret_sign_differently(ledger: Ledger, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/second/mailrunner.db"
    with Ledger.open(folder=tmp_path / "second", url=url, clock=ManualClock()) as second:
        assert second.signing_keys("same") != ledger.signing_keys("same")


def test_a_recipient_that_was_tried_and_erased_is_no_new_row(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["a@example.org", "b@example.org"])
    terms = claim_terms(campaign)
    (first,) = claim(ledger, terms, token=1, most=1)
    send(ledger, terms, first)
    ledger.suppressions.erase(["a@example.org", "b@example.org"])
    rows = [
        PlainSnapshotRow(n, key, "", key, (key,))
        for n, key in enumerate(["a@example.org", "b@example.org"], 2)
    ]
    ledger.snapshots.add_incoming(campaign.no, rows, run_no=5)
    assert ledger.snapshots.compare(campaign.no, run_no=5).new == 1  # whose turn had not come
    assert ledger.deliveries.states_of(campaign.no, ["a@example.org", "b@example.org"]) == {
        "a@example.org": "sent"
    }
    assert ledger.deliveries.last_due(campaign.no) is None
