"""What comes back, and what it does to the ledger; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import ALL, EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import CampaignRecord, Ledger, PlainSnapshotRow, SendPermit
from mailrunner.store.inbound_events import ListStatus, ReviewDecision
from mailrunner.store.report_rows import ReportRow
from mailrunner.store.schema import CAMPAIGN_SHIFT, returns
from tests.support.clocks import START, ManualClock
from tests.support.ledger_builder import (
    begin_sending,
    campaign_values,
    claim,
    claim_terms,
    load_campaign,
    send,
)

DAY = timedelta(days=1)
SAID = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12)  # who, and whether it is a no
ANA, BO = "ana@example.org", "bo@example.org"


def mailed(ledger: Ledger, keys: list[str], campaign_id: str = "spring") -> tuple[CampaignRecord, list[int]]:
    """A begun campaign whose messages were all sent, and their numbers."""
    campaign = load_campaign(ledger, keys, campaign_id)
    at = claim_terms(campaign)
    held = claim(ledger, at, token=1, most=len(keys))
    for delivery in held:
        send(ledger, at, delivery)
    return campaign, [delivery.id for delivery in held]


def fact(kind: EventKind, delivery: int | None = None, **parts: Any) -> InboundEvent:
    return InboundEvent(kind=kind, source=parts.pop("source", "inbox"), delivery=delivery, **parts)


def tell(ledger: Ledger, *facts: InboundEvent) -> list[IngestResult]:
    return ledger.inbound_events.ingest(facts)


def entries(ledger: Ledger, key: str = ANA) -> set[tuple[str, SuppressionReason]]:
    return {(entry.list_key, entry.reason) for entry in ledger.suppressions.entries(key)}


def row_of(ledger: Ledger, campaign: CampaignRecord, place: int = 0) -> ReportRow:
    return list(ledger.reports.rows(campaign.no))[place]


def recent(ledger: Ledger, campaign: CampaignRecord) -> str:
    found = ledger.campaigns.find(campaign.id)
    assert found is not None
    return found.recent


def recorded(ledger: Ledger) -> list[Any]:
    with ledger.database.read() as connection:
        return list(connection.execute(select(returns).order_by(returns.c.no)))


# --- clicks ----------------------------------------------------------------------------------------


def test_a_click_takes_the_person_off_the_deliverys_list(ledger: Ledger) -> None:
    _, (ana, _) = mailed(ledger, [ANA, BO])
    assert tell(ledger, fact(EventKind.UNSUBSCRIBED, ana, source="web")) == [IngestResult.RECORDED]
    (entry,) = ledger.suppressions.entries(ANA)
    assert (entry.list_key, entry.reason) == ("club news", SuppressionReason.UNSUBSCRIBE)
    assert entry.source == f"web: unsubscribed 2026-11-20 08:00 UTC, delivery {ana}"
    assert entries(ledger, BO) == set()


@pytest.mark.parametrize(("meant", "scope"), [(ALL, ALL_LISTS), ("board", "board")])
def test_a_click_may_name_another_list_or_all(ledger: Ledger, meant: str, scope: str) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana, list_key=meant))
    assert entries(ledger) == {(scope, SuppressionReason.UNSUBSCRIBE)}


def test_a_second_click_is_repeated_also_within_one_group(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    click = fact(EventKind.UNSUBSCRIBED, ana)
    assert tell(ledger, click, click) == [IngestResult.RECORDED, IngestResult.REPEATED]
    assert tell(ledger, replace(click, happened_at=START)) == [IngestResult.REPEATED]
    assert len(recorded(ledger)) == 1


def test_a_mind_can_be_changed_again_and_again(ledger: Ledger) -> None:
    campaign, (ana,) = mailed(ledger, [ANA])
    no, yes = fact(EventKind.UNSUBSCRIBED, ana), fact(EventKind.RESUBSCRIBED, ana)
    for _ in range(3):
        assert tell(ledger, no) == [IngestResult.RECORDED]
        assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
        assert tell(ledger, yes) == [IngestResult.RECORDED]
        assert tell(ledger, yes) == [IngestResult.REPEATED]
        assert entries(ledger) == set()
    assert ledger.inbound_events.counts(campaign.no) == {EventKind.RESUBSCRIBED: 1}
    history = ledger.suppressions.history(ANA)
    assert len(history) == 6
    assert history[-1].why == f"inbox: resubscribed 2026-11-20 08:00 UTC, delivery {ana}"


def test_within_one_group_the_last_word_about_a_person_holds(ledger: Ledger) -> None:
    _, (ana, bo) = mailed(ledger, [ANA, BO])
    no, yes = fact(EventKind.UNSUBSCRIBED, ana), fact(EventKind.RESUBSCRIBED, ana)
    assert tell(ledger, no, yes, fact(EventKind.UNSUBSCRIBED, bo), no) == [IngestResult.RECORDED] * 4
    assert entries(ledger) == entries(ledger, BO) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert tell(ledger, yes, no, yes) == [IngestResult.RECORDED] * 3
    assert entries(ledger) == set()


def test_putting_oneself_back_leaves_what_others_have_said(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana, list_key=ALL), fact(EventKind.COMPLAINED, ana))
    ledger.suppressions.add([ANA], list_key="club news", reason=SuppressionReason.MANUAL, source="a test")
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana), fact(EventKind.RESUBSCRIBED, ana))
    assert entries(ledger) == {
        (ALL_LISTS, SuppressionReason.UNSUBSCRIBE),
        (ALL_LISTS, SuppressionReason.COMPLAINT),
        ("club news", SuppressionReason.MANUAL),
    }


def test_putting_oneself_back_without_having_left_is_nothing(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    assert tell(ledger, fact(EventKind.RESUBSCRIBED, ana)) == [IngestResult.REPEATED]
    assert recorded(ledger) == []


def test_whoever_was_put_back_by_hand_can_leave_again_by_the_same_link(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.remove([ANA], list_key="club news", why="she phoned")
    assert tell(ledger, fact(EventKind.UNSUBSCRIBED, ana)) == [IngestResult.RECORDED]
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}


def test_an_old_mail_read_again_does_not_take_off_who_was_put_back_since(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    letter = fact(EventKind.UNSUBSCRIBED, ana, fingerprint="<1@example.org>")
    assert tell(ledger, letter) == [IngestResult.RECORDED]
    tell(ledger, fact(EventKind.RESUBSCRIBED, ana))
    assert tell(ledger, letter) == [IngestResult.REPEATED]
    assert entries(ledger) == set()


def test_undoing_an_import_leaves_who_has_clicked_since(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    number = ledger.suppressions.begin_import(
        file="old.csv", list_key="club news", reason=SuppressionReason.UNSUBSCRIBE
    )
    ledger.suppressions.import_chunk(number, [ANA, BO])
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.remove_import(number)
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert entries(ledger, BO) == set()


def test_a_click_stops_a_delivery_that_is_claimed_already(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    campaign = load_campaign(ledger, [ANA, BO], "summer")
    at = claim_terms(campaign)
    first, second = claim(ledger, at, token=2)
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana))
    assert begin_sending(ledger, at, first) is SendPermit.SUPPRESSED
    assert begin_sending(ledger, at, second) is SendPermit.GO


def test_a_duplicate_row_speaks_for_the_person_whose_address_it_has(ledger: Ledger) -> None:
    again = [
        PlainSnapshotRow(9, ANA, "", "Ana@Example.org", ("x",)),
        PlainSnapshotRow(10, None, "no address", "x", ("x",)),
    ]
    campaign = load_campaign(ledger, [ANA], more=again)
    first = campaign.no << CAMPAIGN_SHIFT
    effects = tell(ledger, fact(EventKind.UNSUBSCRIBED, first + 2), fact(EventKind.UNSUBSCRIBED, first + 3))
    assert effects == [IngestResult.RECORDED, IngestResult.UNKNOWN]
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}


def test_who_unsubscribes_by_address_alone_leaves_the_list_of_the_newest_message(ledger: Ledger) -> None:
    mailed(ledger, [ANA])
    tell(
        ledger,
        fact(EventKind.UNSUBSCRIBED, address="Ana@EXAMPLE.org"),
        fact(EventKind.UNSUBSCRIBED, address="x@y.org"),
    )
    assert entries(ledger) == {("club news", SuppressionReason.UNSUBSCRIBE)}
    assert entries(ledger, "x@y.org") == {(ALL_LISTS, SuppressionReason.UNSUBSCRIBE)}


# --- who is nobody ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-1, 2**40 + 999, 7 << 40, 2**62, 2**63 - 1, 2**64])
def test_a_number_of_no_delivery_changes_nothing(ledger: Ledger, number: int) -> None:
    mailed(ledger, [ANA])
    bounce = fact(EventKind.BOUNCED, number)
    assert tell(ledger, bounce, replace(bounce, address=ANA)) == [IngestResult.UNKNOWN] * 2
    assert [(row.key, row.delivery_id) for row in recorded(ledger)] == [(ANA, None)]
    assert entries(ledger) == set()
    assert ledger.inbound_events.token_holder(number) is None


def test_a_test_message_changes_nothing(ledger: Ledger) -> None:
    mailed(ledger, [ANA])
    everything = [fact(kind, 123, address=ANA) for kind in EventKind]
    assert tell(ledger, *everything) == [IngestResult.TEST] * len(EventKind)
    assert recorded(ledger) == [] and entries(ledger) == set()


def test_an_address_that_is_none_is_nobody(ledger: Ledger) -> None:
    facts = [fact(EventKind.BOUNCED, address=text) for text in ("", "nobody", "a@b@c", "\x00@example.org")]
    assert tell(ledger, *facts) == [IngestResult.UNKNOWN] * 4


def test_whatever_strangers_write_is_kept_without_harm(ledger: Ledger) -> None:
    campaign, (ana,) = mailed(ledger, [ANA])
    words = "\x00\ud800 \u202eno such\r\nuser" + "!" * 5_000
    odd = fact(
        EventKind.BOUNCED,
        ana,
        source="x" * 99,
        fingerprint="\ud800" * 99,
        code=2**40,
        enhanced_code="5" * 99,
        detail=words,
    )
    assert tell(ledger, odd, odd) == [IngestResult.RECORDED, IngestResult.REPEATED]
    row = row_of(ledger, campaign)
    assert (row.code, len(row.enhanced_code), len(row.reply)) == (None, 16, 1_000)
    assert row.reply.startswith("no such user!!!")


def test_a_time_that_cannot_be_is_the_time_of_receipt(ledger: Ledger) -> None:
    _, numbers = mailed(ledger, [f"{n}@example.org" for n in range(5)])
    moments = [
        START - DAY,
        START + DAY,
        None,
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 19),  # noqa: DTZ001 - as a mail's date in zone "-0000" is read
    ]
    tell(
        ledger, *(fact(EventKind.DELAYED, n, happened_at=at) for n, at in zip(numbers, moments, strict=True))
    )
    assert [row.happened_at for row in recorded(ledger)] == [START - DAY, *[START] * 4]


# --- the other kinds -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EventKind.DELAYED, EventKind.AUTO_REPLIED])
def test_what_only_informs_changes_nothing(ledger: Ledger, kind: EventKind) -> None:
    campaign, (ana,) = mailed(ledger, [ANA])
    assert tell(ledger, fact(kind, ana)) == [IngestResult.RECORDED]
    row = row_of(ledger, campaign)
    assert (row.state, row.came_back, row.came_back_at) == (State.SENT, "", None)
    assert entries(ledger) == set()
    assert ledger.inbound_events.counts(campaign.no) == {kind: 1}


def test_a_complaint_suppresses_for_all_lists_and_the_message_stays_sent(ledger: Ledger) -> None:
    campaign, (ana,) = mailed(ledger, [ANA])
    tell(ledger, fact(EventKind.COMPLAINED, ana), fact(EventKind.UNSUBSCRIBED, ana))
    assert entries(ledger) == {
        (ALL_LISTS, SuppressionReason.COMPLAINT),
        ("club news", SuppressionReason.UNSUBSCRIBE),
    }
    row = row_of(ledger, campaign)
    assert (row.state, row.came_back) == (State.SENT, "complained")


def test_a_notice_of_a_limit_pauses_the_account_from_when_it_was_written(
    ledger: Ledger, clock: ManualClock
) -> None:
    mailed(ledger, [ANA])
    notice = fact(
        EventKind.LIMIT_REACHED,
        identity="gmail/ana@gmail.com",
        happened_at=START,
        detail="You have reached a limit",
        fingerprint="<n@gmail.com>",
    )
    clock.turn(timedelta(hours=3))
    other = replace(notice, identity="gmail/else@gmail.com", fingerprint="else")
    assert tell(ledger, notice, other) == [IngestResult.RECORDED, IngestResult.UNKNOWN]
    account = ledger.accounts.find("gmail/ana@gmail.com")
    assert account is not None
    assert account.paused_until == START + DAY
    assert account.pause_reason.endswith("the account's limit is reached: You have reached a limit")


def test_a_notice_of_a_limit_read_too_late_pauses_nothing(ledger: Ledger, clock: ManualClock) -> None:
    mailed(ledger, [ANA])
    clock.turn(DAY)
    notice = fact(EventKind.LIMIT_REACHED, identity="gmail/ana@gmail.com", happened_at=START, fingerprint="n")
    assert tell(ledger, notice) == [IngestResult.RECORDED]
    account = ledger.accounts.find("gmail/ana@gmail.com")
    assert account is not None and account.paused_until is None


# --- requests --------------------------------------------------------------------------------------


def test_a_request_waits_for_a_person_to_decide(ledger: Ledger) -> None:
    campaign, (ana, bo) = mailed(ledger, [ANA, BO])
    tell(ledger, *(fact(EventKind.ASKED, n, detail="please, no more", fingerprint=f"{n}") for n in (ana, bo)))
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


def test_a_request_from_an_address_that_was_never_mailed_can_be_followed(ledger: Ledger) -> None:
    assert tell(ledger, fact(EventKind.ASKED, address="Cy@example.org", detail="stop")) == [
        IngestResult.RECORDED
    ]
    (asked,) = ledger.inbound_events.open_requests()
    assert (asked.key, asked.delivery, asked.list_name) == ("cy@example.org", None, "")
    assert ledger.inbound_events.review(asked.no, ReviewDecision.UNSUBSCRIBE)
    assert entries(ledger, "cy@example.org") == {(ALL_LISTS, SuppressionReason.UNSUBSCRIBE)}


# --- who is who ------------------------------------------------------------------------------------


def test_a_link_names_a_person_and_a_list(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    person = ledger.inbound_events.token_holder(ana)
    assert person is not None
    assert (person.key, person.list_key, person.list_name) == (ANA, "club news", "Club news")


def begun(ledger: Ledger, name: str, key: str, kind: str = "bulk") -> None:
    """A campaign of this name to one person, for a list of the same name."""
    facts = {"list_key": name, "list_name": name.title(), "kind": kind}
    campaign = ledger.snapshots.begin(campaign_values(name, ledger) | facts, run_no=1)
    assert campaign is not None
    ledger.snapshots.add(campaign.no, 0, [PlainSnapshotRow(2, key, "", key, (key,))], run_no=1)


def test_a_person_sees_the_lists_they_are_on_and_no_others(ledger: Ledger) -> None:
    _, (ana,) = mailed(ledger, [ANA])
    begun(ledger, "choir", ANA)
    begun(ledger, "board", BO)
    begun(ledger, "invoices", ANA, "transactional")
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana), fact(EventKind.UNSUBSCRIBED, ana, list_key="board"))
    assert ledger.inbound_events.lists_of(ANA) == [
        ListStatus("choir", "Choir", (), ()),
        ListStatus("club news", "Club news", (SuppressionReason.UNSUBSCRIBE,), ()),
    ]
    tell(ledger, fact(EventKind.BOUNCED, ana))
    assert [standing.everywhere for standing in ledger.inbound_events.lists_of(ANA)] == [
        (SuppressionReason.BOUNCE,)
    ] * 2
    assert ledger.inbound_events.lists_of("nobody@example.org") == []


def test_who_was_forgotten_still_counts_and_stays_forgotten(ledger: Ledger) -> None:
    campaign, (ana,) = mailed(ledger, [ANA])
    tell(ledger, fact(EventKind.UNSUBSCRIBED, ana))
    ledger.suppressions.erase([ANA])
    tell(ledger, fact(EventKind.COMPLAINED, ana), fact(EventKind.BOUNCED, address=ANA))
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=1)
    assert {row.key[0] for row in recorded(ledger)} == {"#"}
    assert all(entry.key.startswith("#") for entry in ledger.suppressions)


# --- many at once, and mishaps ---------------------------------------------------------------------


def test_hundreds_of_clicks_cost_few_statements(ledger: Ledger) -> None:
    keys = [f"{n}@example.org" for n in range(1_200)]
    _, numbers = mailed(ledger, keys)
    seen: list[str] = []
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    assert (
        tell(ledger, *(fact(EventKind.UNSUBSCRIBED, n) for n in numbers)) == [IngestResult.RECORDED] * 1_200
    )
    assert ledger.suppressions.count() == 1_200
    assert len(seen) < 40


def test_receivers_at_the_same_time_record_each_fact_once(ledger: Ledger) -> None:
    campaign, numbers = mailed(ledger, [f"{n}@example.org" for n in range(20)])
    facts = [fact(EventKind.UNSUBSCRIBED, n) for n in numbers] + [
        fact(EventKind.BOUNCED, n, fingerprint=f"b{n}") for n in numbers
    ]
    ready, found = Barrier(4), list[list[IngestResult]]()

    def work(order: int) -> None:
        ready.wait()
        mine = facts[::-1] if order % 2 else facts
        found.append(ledger.inbound_events.ingest(mine))

    threads = [Thread(target=work, args=(order,)) for order in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(effects.count(IngestResult.RECORDED) for effects in found) == 40
    assert len(recorded(ledger)) == 40
    assert recent(ledger, campaign) == "s" * 20 + "f" * 20
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=20)


def test_what_cannot_be_made_durable_leaves_nothing(tmp_path: Path, clock: ManualClock) -> None:
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    with Ledger.open(folder=tmp_path, url=url, clock=clock) as ledger:
        campaign, (ana, bo) = mailed(ledger, [ANA, BO])
        facts = [fact(EventKind.UNSUBSCRIBED, ana), fact(EventKind.BOUNCED, bo, fingerprint="b")]

        def fail(*_: object) -> None:
            raise OSError("the power went")

        event.listen(ledger.database.engine, "commit", fail)
        with pytest.raises(OSError, match="power"):
            tell(ledger, *facts)
        event.remove(ledger.database.engine, "commit", fail)
        assert recorded(ledger) == [] and ledger.suppressions.count() == 0
        assert ledger.deliveries.counts(campaign.no) == Counts(sent=2)
        assert tell(ledger, *facts) == [IngestResult.RECORDED] * 2


def test_however_they_are_grouped_the_last_word_of_each_person_holds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    with Ledger.open(folder=tmp_path, url=url, clock=ManualClock()) as ledger:
        people = [f"{n}@example.org" for n in range(3)]
        _, numbers = mailed(ledger, people)

        @settings(max_examples=60, deadline=None)
        @given(
            said=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12), cut=st.integers(0, 12)
        )
        def check(said: list[tuple[int, bool]], cut: int) -> None:
            words = [
                fact(EventKind.UNSUBSCRIBED if no else EventKind.RESUBSCRIBED, numbers[n]) for n, no in said
            ]
            tell(ledger, *words[:cut])
            tell(ledger, *words[cut:])
            for person, no in dict(said).items():
                assert bool(entries(ledger, people[person])) is no

        check()
