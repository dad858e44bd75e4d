"""Inbound events and their effects on the ledger; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import ALL, EventKind, IngestResult
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import Ledger, PlainSnapshotRow, SendPermit
from mailrunner.store.inbound_events import ReviewDecision
from mailrunner.store.schema import CAMPAIGN_SHIFT
from tests.support.clocks import START, ManualClock
from tests.support.inbound_events import (
    ANA,
    BO,
    DAY,
    entries,
    event_of,
    ingest,
    recent_answers,
    recorded_events,
    report_row,
    sent_campaign,
)
from tests.support.ledger_builder import begin_sending, campaign_values, claim, claim_terms, load_campaign

# --- clicks ----------------------------------------------------------------------------------------


def test_a_click_unsubscribes_the_recipient_from_the_deliverys_list(ledger: Ledger) -> None:
    _, (ana, _) = sent_campaign(ledger, [ANA, BO])
    assert ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana, source="web")) == [IngestResult.RECORDED]
    (entry,) = ledger.suppressions.entries(ANA)
    assert (entry.list_key, entry.reason) == ("club news", SuppressionReason.UNSUBSCRIBE)
    assert entry.source == f"web: unsubscribed 2026-11-20 08:00 UTC, delivery {ana}"
    assert entries(ledger, BO) == set()


@pytest.mark.parametrize(("meant", "scope"), [(ALL, ALL_LISTS), ("board", "board")])
def test_a_click_may_name_another_list_or_all(ledger: Ledger, meant: str, scope: str) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana, list_key=meant))
    assert entries(ledger) == {(scope, SuppressionReason.UNSUBSCRIBE)}


def test_a_second_click_is_repeated_also_within_one_group(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    click = event_of(EventKind.UNSUBSCRIBED, ana)
    assert ingest(ledger, click, click) == [IngestResult.RECORDED, IngestResult.REPEATED]
    assert ingest(ledger, replace(click, happened_at=START)) == [IngestResult.REPEATED]
    assert len(recorded_events(ledger)) == 1


def test_a_recipient_can_unsubscribe_and_resubscribe_again_and_again(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    no, yes = event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.RESUBSCRIBED, ana)
    for _ in range(3):
        assert ingest(ledger, no) == [IngestResult.RECORDED]
        assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
        assert ingest(ledger, yes) == [IngestResult.RECORDED]
        assert ingest(ledger, yes) == [IngestResult.REPEATED]
        assert entries(ledger) == set()
    assert ledger.inbound_events.counts(campaign.no) == {EventKind.RESUBSCRIBED: 1}
    history = ledger.suppressions.history(ANA)
    assert len(history) == 6
    assert history[-1].why == f"inbox: resubscribed 2026-11-20 08:00 UTC, delivery {ana}"


def test_whoever_has_a_link_cannot_fill_the_ledger(ledger: Ledger, clock: ManualClock) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    no, yes = event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.RESUBSCRIBED, ana)
    for _ in range(60):
        ingest(ledger, no)
        ingest(ledger, yes)
        ingest(ledger, event_of(EventKind.AUTO_REPLIED, ana, fingerprint=str(len(recorded_events(ledger)))))

    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert ledger.inbound_events.counts(campaign.no)[EventKind.UNSUBSCRIBED] == 1
    assert len(ledger.suppressions.history(ANA)) == 41
    events = recorded_events(ledger)
    ingest(ledger, *(event_of(EventKind.AUTO_REPLIED, ana, fingerprint=f"more {n}") for n in range(60)))
    assert len(recorded_events(ledger)) <= 20 + 21 + 50 and len(events) <= 20 + 21 + 50

    clock.turn(timedelta(days=31))
    assert ingest(ledger, yes) == [IngestResult.RECORDED]
    assert entries(ledger) == set()


def test_too_many_mails_that_unsubscribe_still_unsubscribe(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    for number in range(60):
        ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana, fingerprint=f"mail {number}"))
    ledger.suppressions.remove([ANA], list_key="club news", why="she phoned")
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana, fingerprint="one more"))
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert len(recorded_events(ledger)) == 50


def test_within_one_group_the_last_event_of_a_recipient_holds(ledger: Ledger) -> None:
    _, (ana, bo) = sent_campaign(ledger, [ANA, BO])
    no, yes = event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.RESUBSCRIBED, ana)
    assert ingest(ledger, no, yes, event_of(EventKind.UNSUBSCRIBED, bo), no) == [IngestResult.RECORDED] * 4
    assert entries(ledger) == entries(ledger, BO) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert ingest(ledger, yes, no, yes) == [IngestResult.RECORDED] * 3
    assert entries(ledger) == set()


def test_resubscribing_leaves_entries_of_other_reasons_and_lists(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana, list_key=ALL), event_of(EventKind.COMPLAINED, ana))
    ledger.suppressions.add([ANA], list_key="club news", reason=SuppressionReason.MANUAL, source="a test")
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.RESUBSCRIBED, ana))
    assert entries(ledger) == {
        (ALL_LISTS, SuppressionReason.UNSUBSCRIBE),
        (ALL_LISTS, SuppressionReason.COMPLAINT),
        ("club news", SuppressionReason.MANUAL),
    }


def test_resubscribing_without_an_unsubscription_changes_nothing(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    assert ingest(ledger, event_of(EventKind.RESUBSCRIBED, ana)) == [IngestResult.REPEATED]
    assert recorded_events(ledger) == []


def test_after_a_manual_removal_the_same_link_unsubscribes_again(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.remove([ANA], list_key="club news", why="she phoned")
    assert ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana)) == [IngestResult.RECORDED]
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}


def test_an_old_mail_read_again_does_not_unsubscribe_after_a_resubscription(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    mail = event_of(EventKind.UNSUBSCRIBED, ana, fingerprint="<1@example.org>")
    assert ingest(ledger, mail) == [IngestResult.RECORDED]
    ingest(ledger, event_of(EventKind.RESUBSCRIBED, ana))
    assert ingest(ledger, mail) == [IngestResult.REPEATED]
    assert entries(ledger) == set()


def test_undoing_an_import_leaves_unsubscriptions_clicked_since(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    number = ledger.suppressions.begin_import(
        file="old.csv", list_key="club news", reason=SuppressionReason.UNSUBSCRIBE
    )
    ledger.suppressions.import_chunk(number, [ANA, BO])
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.remove_import(number)
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert entries(ledger, BO) == set()


def test_a_click_stops_a_delivery_that_is_claimed_already(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    campaign = load_campaign(ledger, [ANA, BO], "summer")
    at = claim_terms(campaign)
    first, second = claim(ledger, at, token=2)
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana))
    assert begin_sending(ledger, at, first) is SendPermit.SUPPRESSED
    assert begin_sending(ledger, at, second) is SendPermit.GO


def test_a_duplicate_rows_link_unsubscribes_the_recipient_of_its_address(ledger: Ledger) -> None:
    again = [
        PlainSnapshotRow(9, ANA, "", "Ana@Example.org", ("x",)),
        PlainSnapshotRow(10, None, "no address", "x", ("x",)),
    ]
    campaign = load_campaign(ledger, [ANA], more=again)
    first = campaign.no << CAMPAIGN_SHIFT
    results = ingest(
        ledger, event_of(EventKind.UNSUBSCRIBED, first + 2), event_of(EventKind.UNSUBSCRIBED, first + 3)
    )
    assert results == [IngestResult.RECORDED, IngestResult.UNKNOWN]
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}


def test_an_unsubscription_by_address_alone_is_for_the_list_of_the_newest_message(ledger: Ledger) -> None:
    sent_campaign(ledger, [ANA])
    ingest(
        ledger,
        event_of(EventKind.UNSUBSCRIBED, address="Ana@EXAMPLE.org"),
        event_of(EventKind.UNSUBSCRIBED, address="x@y.org"),
    )
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert entries(ledger, "x@y.org") == {(ALL_LISTS, SuppressionReason.UNSUBSCRIBE)}


# --- unknown recipients -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-1, 2**40 + 999, 7 << 40, 2**62, 2**63 - 1, 2**64])
def test_a_number_of_no_delivery_changes_nothing(ledger: Ledger, number: int) -> None:
    sent_campaign(ledger, [ANA])
    bounce = event_of(EventKind.BOUNCED, number)
    assert ingest(ledger, bounce, replace(bounce, address=ANA)) == [IngestResult.UNKNOWN] * 2
    assert [(row.key, row.delivery_id) for row in recorded_events(ledger)] == [(ANA, None)]
    assert entries(ledger) == set()
    assert ledger.inbound_events.token_holder(number) is None


def test_events_of_a_test_send_change_nothing(ledger: Ledger) -> None:
    sent_campaign(ledger, [ANA])
    everything = [event_of(kind, 123, address=ANA) for kind in EventKind]
    assert ingest(ledger, *everything) == [IngestResult.TEST] * len(EventKind)
    assert recorded_events(ledger) == [] and entries(ledger) == set()


def test_an_invalid_address_is_unknown(ledger: Ledger) -> None:
    events = [
        event_of(EventKind.BOUNCED, address=text) for text in ("", "nobody", "a@b@c", "\x00@example.org")
    ]
    assert ingest(ledger, *events) == [IngestResult.UNKNOWN] * 4


def test_hostile_reports_are_stored_without_harm(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    words = "\x00\ud800 \u202eno such\r\nuser" + "!" * 5_000
    odd = event_of(
        EventKind.BOUNCED,
        ana,
        source="x" * 99,
        fingerprint="\ud800" * 99,
        code=2**40,
        enhanced_code="5" * 99,
        detail=words,
    )
    assert ingest(ledger, odd, odd) == [IngestResult.RECORDED, IngestResult.REPEATED]
    row = report_row(ledger, campaign)
    assert (row.code, len(row.enhanced_code), len(row.reply)) == (None, 16, 1_000)
    assert row.reply.startswith("no such user!!!")


def test_an_implausible_time_is_replaced_by_the_time_of_receipt(ledger: Ledger) -> None:
    _, numbers = sent_campaign(ledger, [f"{n}@example.org" for n in range(5)])
    moments = [
        START - DAY,
        START + DAY,
        None,
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 19),  # noqa: DTZ001 - as a mail's date in zone "-0000" is read
    ]
    ingest(
        ledger,
        *(event_of(EventKind.DELAYED, n, happened_at=at) for n, at in zip(numbers, moments, strict=True)),
    )
    assert [row.happened_at for row in recorded_events(ledger)] == [START - DAY, *[START] * 4]


# --- the other kinds -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EventKind.DELAYED, EventKind.AUTO_REPLIED])
def test_events_that_only_inform_change_nothing(ledger: Ledger, kind: EventKind) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    assert ingest(ledger, event_of(kind, ana)) == [IngestResult.RECORDED]
    row = report_row(ledger, campaign)
    assert (row.state, row.came_back, row.came_back_at) == (State.SENT, "", None)
    assert entries(ledger) == set()
    assert ledger.inbound_events.counts(campaign.no) == {kind: 1}


def test_a_complaint_suppresses_for_all_lists_and_the_message_stays_sent(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.COMPLAINED, ana), event_of(EventKind.UNSUBSCRIBED, ana))
    assert entries(ledger) == {
        (ALL_LISTS, SuppressionReason.COMPLAINT),
        ("club news", SuppressionReason.UNSUBSCRIBE),
    }
    row = report_row(ledger, campaign)
    assert (row.state, row.came_back) == (State.SENT, "complained")


def test_a_notice_of_a_limit_pauses_the_account_from_when_it_was_written(
    ledger: Ledger, clock: ManualClock
) -> None:
    sent_campaign(ledger, [ANA])
    notice = event_of(
        EventKind.LIMIT_REACHED,
        identity="gmail/ana@gmail.com",
        happened_at=START,
        detail="You have reached a limit",
        fingerprint="<n@gmail.com>",
    )
    clock.turn(timedelta(hours=3))
    other = replace(notice, identity="gmail/else@gmail.com", fingerprint="else")
    assert ingest(ledger, notice, other) == [IngestResult.RECORDED, IngestResult.UNKNOWN]
    account = ledger.accounts.find("gmail/ana@gmail.com")
    assert account is not None
    assert account.paused_until == START + DAY
    assert account.pause_reason.endswith("the account's limit is reached: You have reached a limit")


def test_a_notice_of_a_limit_read_too_late_pauses_nothing(ledger: Ledger, clock: ManualClock) -> None:
    sent_campaign(ledger, [ANA])
    clock.turn(DAY)
    notice = event_of(
        EventKind.LIMIT_REACHED, identity="gmail/ana@gmail.com", happened_at=START, fingerprint="n"
    )
    assert ingest(ledger, notice) == [IngestResult.RECORDED]
    account = ledger.accounts.find("gmail/ana@gmail.com")
    assert account is not None and account.paused_until is None


# --- requests --------------------------------------------------------------------------------------


def test_an_unsubscribe_request_waits_for_the_users_decision(ledger: Ledger) -> None:
    campaign, (ana, bo) = sent_campaign(ledger, [ANA, BO])
    ingest(
        ledger,
        *(event_of(EventKind.ASKED, n, detail="please, no more", fingerprint=f"{n}") for n in (ana, bo)),
    )
    assert entries(ledger) == set()
    first, second = ledger.inbound_events.open_requests()
    assert (first.key, first.delivery, first.words) == (ANA, ana, "please, no more")
    assert (first.list_key, first.list_name) == ("club news", "Club news")
    assert ledger.inbound_events.review(first.no, ReviewDecision.UNSUBSCRIBE)
    assert ledger.inbound_events.review(second.no, ReviewDecision.IGNORE)
    assert not ledger.inbound_events.review(first.no, ReviewDecision.IGNORE)
    assert ledger.inbound_events.open_requests() == []
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert entries(ledger, BO) == set()
    assert ledger.inbound_events.counts(campaign.no) == {EventKind.ASKED: 2, EventKind.UNSUBSCRIBED: 1}


def test_a_request_from_an_address_that_was_never_mailed_can_be_accepted(ledger: Ledger) -> None:
    assert ingest(ledger, event_of(EventKind.ASKED, address="Cy@example.org", detail="stop")) == [
        IngestResult.RECORDED
    ]
    (asked,) = ledger.inbound_events.open_requests()
    assert (asked.key, asked.delivery, asked.list_name) == ("cy@example.org", None, "")
    assert ledger.inbound_events.review(asked.no, ReviewDecision.UNSUBSCRIBE)
    assert entries(ledger, "cy@example.org") == {(ALL_LISTS, SuppressionReason.UNSUBSCRIBE)}


# --- recipients of links ----------------------------------------------------------------------------------


def test_a_link_names_a_recipient_and_a_list(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    holder = ledger.inbound_events.token_holder(ana)
    assert holder is not None
    assert (holder.key, holder.list_key, holder.list_name) == (ANA, "club news", "Club news")


def begun(ledger: Ledger, name: str, key: str, kind: str = "bulk") -> None:
    """A campaign of this name to one holder, for a list of the same name."""
    events = {"list_key": name, "list_name": name.title(), "kind": kind}
    campaign = ledger.snapshots.begin(campaign_values(name, ledger) | events, run_no=1)
    assert campaign is not None
    ledger.snapshots.add(campaign.no, 0, [PlainSnapshotRow(2, key, "", key, (key,))], run_no=1)


def test_a_recipient_sees_their_own_lists_and_no_others(ledger: Ledger) -> None:
    _, (ana,) = sent_campaign(ledger, [ANA])
    begun(ledger, "choir", ANA)
    begun(ledger, "board", BO)
    begun(ledger, "invoices", ANA, "transactional")
    ingest(
        ledger, event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.UNSUBSCRIBED, ana, list_key="board")
    )
    assert list(ledger.inbound_events.lists_of(ANA).items()) == [
        ("choir", "Choir"),
        ("club news", "Club news"),
    ]
    assert ledger.inbound_events.reasons(ANA)["club news"] == (SuppressionReason.UNSUBSCRIBE,)
    ingest(ledger, event_of(EventKind.BOUNCED, ana))
    assert ledger.inbound_events.reasons(ANA)[ALL_LISTS] == (SuppressionReason.BOUNCE,)
    assert ledger.inbound_events.lists_of("nobody@example.org") == {}


def test_events_of_purged_rows_count_and_keep_them_purged(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.erase([ANA])
    ingest(ledger, event_of(EventKind.COMPLAINED, ana), event_of(EventKind.BOUNCED, address=ANA))
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=1)
    assert {row.key[0] for row in recorded_events(ledger)} == {"#"}
    assert all(entry.key.startswith("#") for entry in ledger.suppressions)


# --- many at once, and mishaps ---------------------------------------------------------------------


def test_hundreds_of_clicks_cost_few_statements(ledger: Ledger) -> None:
    keys = [f"{n}@example.org" for n in range(1_200)]
    _, numbers = sent_campaign(ledger, keys)
    seen: list[str] = []
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    assert (
        ingest(ledger, *(event_of(EventKind.UNSUBSCRIBED, n) for n in numbers))
        == [IngestResult.RECORDED] * 1_200
    )
    assert ledger.suppressions.count() == 1_200
    assert len(seen) < 40


def test_ingests_at_the_same_time_record_each_event_once(ledger: Ledger) -> None:
    campaign, numbers = sent_campaign(ledger, [f"{n}@example.org" for n in range(20)])
    events = [event_of(EventKind.UNSUBSCRIBED, n) for n in numbers] + [
        event_of(EventKind.BOUNCED, n, fingerprint=f"b{n}") for n in numbers
    ]
    ready, found = Barrier(4), list[list[IngestResult]]()

    def work(order: int) -> None:
        ready.wait()
        mine = events[::-1] if order % 2 else events
        found.append(ledger.inbound_events.ingest(mine))

    threads = [Thread(target=work, args=(order,)) for order in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results.count(IngestResult.RECORDED) for results in found) == 40
    assert len(recorded_events(ledger)) == 40
    assert recent_answers(ledger, campaign) == "s" * 20 + "f" * 20
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=20)


def test_an_ingest_that_cannot_be_made_durable_changes_nothing(tmp_path: Path, clock: ManualClock) -> None:
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    with Ledger.open(folder=tmp_path, url=url, clock=clock) as ledger:
        campaign, (ana, bo) = sent_campaign(ledger, [ANA, BO])
        events = [event_of(EventKind.UNSUBSCRIBED, ana), event_of(EventKind.BOUNCED, bo, fingerprint="b")]

        def fail(*_: object) -> None:
            raise OSError("the power went")

        event.listen(ledger.database.engine, "commit", fail)
        with pytest.raises(OSError, match="power"):
            ingest(ledger, *events)
        event.remove(ledger.database.engine, "commit", fail)
        assert recorded_events(ledger) == [] and ledger.suppressions.count() == 0
        assert ledger.deliveries.counts(campaign.no) == Counts(sent=2)
        assert ingest(ledger, *events) == [IngestResult.RECORDED] * 2


def test_however_events_are_grouped_the_last_of_each_recipient_holds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    clock = ManualClock()
    with Ledger.open(folder=tmp_path, url=url, clock=clock) as ledger:
        keys = [f"{n}@example.org" for n in range(3)]
        _, numbers = sent_campaign(ledger, keys)

        @settings(max_examples=60, deadline=None)
        @given(
            choices=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12), cut=st.integers(0, 12)
        )
        def check(choices: list[tuple[int, bool]], cut: int) -> None:
            events = [
                event_of(EventKind.UNSUBSCRIBED if no else EventKind.RESUBSCRIBED, numbers[n])
                for n, no in choices
            ]
            clock.turn(timedelta(days=31))  # each example within the events that one recipient may add
            ingest(ledger, *events[:cut])
            ingest(ledger, *events[cut:])
            for place, no in dict(choices).items():
                assert bool(entries(ledger, keys[place])) is no

        check()
