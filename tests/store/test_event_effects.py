"""Bounces and delivery notices; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind, IngestResult
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import Ledger, SendPermit
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
from tests.support.ledger_builder import (
    IN_DOUBT,
    SENT,
    begin_sending,
    claim,
    claim_terms,
    load_campaign,
    record,
    send,
)

GONE: dict[str, Any] = {"code": 550, "enhanced_code": "5.1.1", "detail": "no such user"}


def test_a_bounce_fails_the_delivery_and_suppresses_the_recipient(ledger: Ledger, clock: ManualClock) -> None:
    campaign, (ana, _) = sent_campaign(ledger, [ANA, BO])
    clock.turn(DAY)
    assert ingest(ledger, event_of(EventKind.BOUNCED, ana, address="forward@example.net", **GONE)) == [
        IngestResult.RECORDED
    ]
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=1, failed=1)
    row = report_row(ledger, campaign)
    assert (row.state, row.reason) == (State.FAILED, "bounced: 550 5.1.1 no such user")
    assert (row.code, row.enhanced_code, row.reply) == (550, "5.1.1", "no such user")
    assert (row.finished_at, row.came_back, row.came_back_at) == (START, "bounced", START + DAY)
    assert entries(ledger) == {(ALL_LISTS, SuppressionReason.BOUNCE)}
    assert entries(ledger, "forward@example.net") == set()
    assert recent_answers(ledger, campaign) == "ssf"


def test_a_refusal_for_the_senders_sake_fails_and_suppresses_no_recipient(ledger: Ledger) -> None:
    campaign, (ana, _) = sent_campaign(ledger, [ANA, BO])
    spam = {"code": 550, "enhanced_code": "5.7.1", "detail": "message rejected as spam"}
    assert ingest(ledger, event_of(EventKind.REFUSED, ana, **spam)) == [IngestResult.RECORDED]
    row = report_row(ledger, campaign)
    assert (row.state, row.reason) == (State.FAILED, "refused: 550 5.7.1 message rejected as spam")
    assert row.came_back == "refused"
    assert entries(ledger) == set()
    assert recent_answers(ledger, campaign) == "ssf"


def test_the_same_bounce_read_twice_counts_once(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    bounce = event_of(EventKind.BOUNCED, ana, fingerprint="<b1@example.org>")
    other = replace(bounce, fingerprint="<b2@example.org>")
    assert ingest(ledger, bounce) + ingest(ledger, bounce, other) == [
        *(IngestResult.RECORDED, IngestResult.REPEATED, IngestResult.RECORDED)
    ]
    assert recent_answers(ledger, campaign) == "sf"
    assert ledger.inbound_events.counts(campaign.no) == {EventKind.BOUNCED: 1}


def test_a_bounce_resolves_a_delivery_in_doubt(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA])
    at = claim_terms(campaign)
    (held,) = claim(ledger, at, token=1)
    send(ledger, at, held, IN_DOUBT)
    ingest(ledger, event_of(EventKind.BOUNCED, held.id, **GONE))
    row = report_row(ledger, campaign)
    assert (row.state, row.finished_at) == (State.FAILED, START)
    assert not record(ledger, at, held)  # the late answer is older news


def test_a_bounce_fails_a_delivery_that_was_queued_again_after_a_doubt(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA])
    at = claim_terms(campaign)
    (held,) = claim(ledger, at, token=1)
    send(ledger, at, held, IN_DOUBT)
    assert ledger.deliveries.requeue_in_doubt(campaign.no) == 1
    ingest(ledger, event_of(EventKind.BOUNCED, held.id, **GONE))
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=1)


def test_a_bounce_of_a_delivery_without_attempts_only_suppresses(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.BOUNCED, (campaign.no << CAMPAIGN_SHIFT) + 1))
    assert ledger.deliveries.counts(campaign.no) == Counts(queued=1)
    assert entries(ledger) == {(ALL_LISTS, SuppressionReason.BOUNCE)}


def test_a_bounce_that_overtakes_the_answer_waits_for_it(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA])
    at = claim_terms(campaign, "5/24h")
    (held,) = claim(ledger, at, token=1)
    assert begin_sending(ledger, at, held) is SendPermit.GO
    assert ingest(ledger, event_of(EventKind.BOUNCED, held.id, **GONE)) == [IngestResult.RECORDED]
    assert ledger.inbound_events.apply_waiting() == 0
    assert ledger.deliveries.counts(campaign.no) == Counts(in_flight=1)
    assert entries(ledger) == {(ALL_LISTS, SuppressionReason.BOUNCE)}
    assert record(ledger, at, held)
    assert ledger.inbound_events.apply_waiting() == 1
    assert ledger.inbound_events.apply_waiting() == 0
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=1)
    assert recent_answers(ledger, campaign) == "sf"


def test_the_next_event_applies_reports_that_waited(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA, BO])
    at = claim_terms(campaign)
    held, other = claim(ledger, at, token=1)
    begin_sending(ledger, at, held)
    ingest(ledger, event_of(EventKind.BOUNCED, held.id), event_of(EventKind.DELIVERED, held.id))
    send(ledger, at, other)
    record(ledger, at, held, IN_DOUBT)
    ingest(ledger, event_of(EventKind.UNSUBSCRIBED, other.id))
    assert report_row(ledger, campaign).state is State.FAILED


def test_a_bounce_of_a_claimed_delivery_stops_it(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA])
    at = claim_terms(campaign)
    (held,) = claim(ledger, at, token=1)
    ingest(ledger, event_of(EventKind.BOUNCED, held.id))
    assert begin_sending(ledger, at, held) is SendPermit.SUPPRESSED
    assert ledger.inbound_events.apply_waiting() == 1
    assert ledger.deliveries.counts(campaign.no) == Counts(suppressed=1)


def test_bounces_after_a_campaign_has_finished_are_not_added_to_its_recent_answers(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    ledger.campaigns.finish(campaign.no)
    ingest(ledger, event_of(EventKind.BOUNCED, ana))
    assert recent_answers(ledger, campaign) == "s"
    assert ledger.deliveries.counts(campaign.no) == Counts(failed=1)


@pytest.mark.parametrize(("days", "tied"), [(14, True), (15, False)])
def test_a_bounce_by_address_alone_is_matched_to_the_newest_message_of_two_weeks(
    ledger: Ledger, clock: ManualClock, days: int, tied: bool
) -> None:
    old, _ = sent_campaign(ledger, [ANA], "winter")
    clock.turn(DAY)
    new, _ = sent_campaign(ledger, [ANA], "spring")
    clock.turn(days * DAY)
    assert ingest(ledger, event_of(EventKind.BOUNCED, address="Ana@example.org", **GONE)) == [
        IngestResult.RECORDED
    ]
    assert ledger.deliveries.counts(old.no) == Counts(sent=1)
    assert ledger.deliveries.counts(new.no) == (Counts(failed=1) if tied else Counts(sent=1))
    assert entries(ledger) == {(ALL_LISTS, SuppressionReason.BOUNCE)}


def test_a_providers_id_selects_one_of_several_messages(ledger: Ledger) -> None:
    named = [replace(SENT, outcome=replace(SENT.outcome, provider_id=name)) for name in ("n1", "n2")]
    campaigns = [load_campaign(ledger, [ANA], name) for name in ("winter", "spring")]
    for token, (campaign, decision) in enumerate(zip(campaigns, named, strict=True), 1):
        at = claim_terms(campaign)
        send(ledger, at, claim(ledger, at, token=token)[0], decision)
    ingest(
        ledger,
        *(event_of(EventKind.BOUNCED, address=ANA, provider_id=name) for name in ("n1.filter9", "other")),
    )
    assert [report_row(ledger, campaign).state for campaign in campaigns] == [State.FAILED, State.SENT]


# --- soft bounces ----------------------------------------------------------------------------------


def soft(ledger: Ledger, clock: ManualClock, days: list[int], between: EventKind | None = None) -> bool:
    """Let a mailbox refuse on these days; return whether it is given up.  `between`: a sign of life."""
    _, (ana,) = sent_campaign(ledger, [ANA])
    today = 0
    for number, day in enumerate(days):
        clock.turn((day - today) * DAY)
        today = day
        if number == len(days) - 1 and between is not None:
            ingest(ledger, event_of(between, ana, fingerprint="life"))
            clock.turn(timedelta(seconds=1))
        ingest(
            ledger, event_of(EventKind.SOFT_BOUNCED, ana, fingerprint=f"soft {number}", detail="mailbox full")
        )
    return (ALL_LISTS, SuppressionReason.BOUNCE) in entries(ledger)


@pytest.mark.parametrize(
    ("days", "dead"),
    [
        ([0, 3, 7], True),
        ([0, 3, 6], False),  # a week has not passed
        ([0, 0, 8], False),  # two in one day are one
        ([0, 8], False),
        ([0, 20, 31], False),  # the first is too long ago
        ([0, 2, 20, 31, 33], True),
    ],
)
def test_a_mailbox_that_soft_bounces_for_long_is_suppressed(
    ledger: Ledger, clock: ManualClock, days: list[int], dead: bool
) -> None:
    assert soft(ledger, clock, days) is dead


@pytest.mark.parametrize("sign", [EventKind.DELIVERED, EventKind.AUTO_REPLIED])
def test_a_sign_of_life_restarts_the_count(ledger: Ledger, clock: ManualClock, sign: EventKind) -> None:
    assert not soft(ledger, clock, [0, 3, 8], sign)


def test_a_soft_bounce_leaves_the_delivery_sent_and_is_shown(ledger: Ledger) -> None:
    campaign, (ana,) = sent_campaign(ledger, [ANA])
    ingest(ledger, event_of(EventKind.SOFT_BOUNCED, ana))
    row = report_row(ledger, campaign)
    assert (row.state, row.came_back) == (State.SENT, "soft_bounced")
    assert recent_answers(ledger, campaign) == "s"


def test_soft_bounces_of_another_ledgers_messages_do_not_count(ledger: Ledger, clock: ManualClock) -> None:
    for day in (0, 4, 9):
        clock.turn(day * DAY)
        stray = event_of(EventKind.SOFT_BOUNCED, 99 << CAMPAIGN_SHIFT, address=ANA, fingerprint=f"{day}")
        assert ingest(ledger, stray) == [IngestResult.UNKNOWN]
    _, (ana,) = sent_campaign(ledger, [ANA])
    assert ingest(ledger, event_of(EventKind.SOFT_BOUNCED, ana)) == [IngestResult.RECORDED]
    assert entries(ledger) == set()


def test_a_delivery_notice_resolves_a_doubt_and_is_no_news_otherwise(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [ANA, BO])
    at = claim_terms(campaign)
    first, second = claim(ledger, at, token=1)
    send(ledger, at, first, IN_DOUBT)
    send(ledger, at, second)
    results = ingest(ledger, *(event_of(EventKind.DELIVERED, d.id, source="ses") for d in (first, second)))
    assert results == [IngestResult.RECORDED, IngestResult.REPEATED]
    row = report_row(ledger, campaign)
    assert (row.state, row.reason, row.finished_at) == (State.SENT, "ses says that it was delivered", START)
    assert len(recorded_events(ledger)) == 1


# -- Bounces that may be our own fault


@pytest.mark.parametrize(
    ("sent", "dead", "suppressed"),
    [(150, 150, 0), (8, 5, 0), (4, 4, 4), (10, 5, 5), (40, 20, 20)],
    ids=["all", "most", "too few to tell", "half of ten", "half"],
)
def test_where_more_bounced_than_arrived_no_address_is_suppressed(
    ledger: Ledger, sent: int, dead: int, suppressed: int
) -> None:
    keys = [f"{number}@example.org" for number in range(sent)]
    campaign, numbers = sent_campaign(ledger, keys)
    ingest(ledger, *(event_of(EventKind.BOUNCED, number, **GONE) for number in numbers[:dead]))
    assert ledger.deliveries.counts(campaign.no) == Counts(sent=sent - dead, failed=dead)
    assert len([key for key in keys if entries(ledger, key)]) == suppressed


def test_a_campaign_whose_bounces_are_doubted_does_not_spare_those_of_another(ledger: Ledger) -> None:
    _, dead = sent_campaign(ledger, [f"{number}@example.org" for number in range(9)])
    _, (ana, _) = sent_campaign(ledger, [ANA, BO], "summer")
    ingest(ledger, *(event_of(EventKind.BOUNCED, number, **GONE) for number in (*dead, ana)))
    assert entries(ledger, ANA) == {(ALL_LISTS, SuppressionReason.BOUNCE)}
    assert entries(ledger, "0@example.org") == set()
