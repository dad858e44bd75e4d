"""A delivery that is done has its moment in `not_before`; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import select, text

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import Batch, CampaignRecord, Ledger, PlainSnapshotRow, Run
from mailrunner.store.migrations.versions import v0005_final_moments
from mailrunner.store.recovery import TOKEN_SHIFT
from mailrunner.store.schema import CAMPAIGN_SHIFT, deliveries
from tests.support.clocks import START, ManualClock
from tests.support.ledger_builder import (
    IN_DOUBT,
    SENT,
    begin_sending,
    claim,
    claim_or_wait,
    claim_terms,
    load_campaign,
    record,
    send,
)

ANA = "ana@example.org"
FAILED = replace(SENT, state=State.FAILED, mark=None)
LATER = timedelta(hours=3)
NOW = START + LATER
Step = Callable[[Ledger, CampaignRecord, ManualClock], object]


def moments(ledger: Ledger) -> tuple[State, datetime, datetime | None]:
    """State, `not_before` and `finished_at` of the first delivery."""
    columns = (deliveries.c.state, deliveries.c.not_before, deliveries.c.finished_at)
    with ledger.database.read() as connection:
        state, moment, finished = connection.execute(
            select(*columns).order_by(deliveries.c.id).limit(1)
        ).one()
    return State(state), moment, finished


def answered(decision: object) -> Step:
    def step(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
        terms = claim_terms(campaign)
        send(ledger, terms, claim(ledger, terms, token=1)[0], decision)  # type: ignore[arg-type]

    return step


def unrenderable(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    terms = claim_terms(campaign)
    ledger.batches.commit(terms, Batch(unrenderable=[(claim(ledger, terms, token=1)[0], "no name")]))


def suppressed_in_the_queue(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    ledger.suppressions.add([ANA], reason=SuppressionReason.MANUAL, source="test")
    claim_or_wait(ledger, claim_terms(campaign), token=1)


def suppressed_as_it_begins(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    terms = claim_terms(campaign)
    (delivery,) = claim(ledger, terms, token=1)
    ledger.suppressions.add([ANA], reason=SuppressionReason.MANUAL, source="test")
    begin_sending(ledger, terms, delivery)


def cancelled(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    ledger.campaigns.cancel(campaign.no)


def left_the_list(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    ledger.snapshots.hold_back(campaign.no, run_no=7)


def erased(ledger: Ledger, _campaign: CampaignRecord, _clock: ManualClock) -> None:
    ledger.suppressions.erase([ANA])


def resolved_as_sent(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    answered(IN_DOUBT)(ledger, campaign, _clock)
    ledger.manual_actions.resolve_as_sent(ledger.manual_actions.in_doubt(campaign.no), reason="I saw it")


def resolved_in_a_cancelled_campaign(ledger: Ledger, campaign: CampaignRecord, _clock: ManualClock) -> None:
    answered(IN_DOUBT)(ledger, campaign, _clock)
    ledger.campaigns.cancel(campaign.no)
    doubts = ledger.manual_actions.in_doubt(campaign.no)
    ledger.manual_actions.resolve_as_not_sent(campaign.no, doubts)


def reported(kind: EventKind) -> Step:
    def step(ledger: Ledger, campaign: CampaignRecord, clock: ManualClock) -> None:
        answered(IN_DOUBT)(ledger, campaign, clock)
        delivery = (campaign.no << CAMPAIGN_SHIFT) + 1
        ledger.inbound_events.ingest([InboundEvent(kind=kind, source="inbox", delivery=delivery)])

    return step


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (answered(SENT), State.SENT),
        (answered(FAILED), State.FAILED),
        (unrenderable, State.FAILED),
        (suppressed_in_the_queue, State.SUPPRESSED),
        (suppressed_as_it_begins, State.SUPPRESSED),
        (cancelled, State.SKIPPED),
        (left_the_list, State.SKIPPED),
        (erased, State.SUPPRESSED),
        (resolved_as_sent, State.SENT),
        (resolved_in_a_cancelled_campaign, State.SKIPPED),
        (reported(EventKind.BOUNCED), State.FAILED),
        (reported(EventKind.DELIVERED), State.SENT),
    ],
)
def test_a_delivery_that_is_done_has_its_moment_in_not_before(
    ledger: Ledger, clock: ManualClock, step: Step, state: State
) -> None:
    campaign = load_campaign(ledger, [ANA])
    clock.turn(by=LATER)
    step(ledger, campaign, clock)
    assert moments(ledger) == (state, NOW, NOW)


def test_a_bounce_leaves_the_moment_at_which_it_was_sent(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, [ANA])
    answered(SENT)(ledger, campaign, clock)
    clock.turn(by=LATER)
    delivery = (campaign.no << CAMPAIGN_SHIFT) + 1
    bounced = InboundEvent(kind=EventKind.BOUNCED, source="inbox", delivery=delivery)
    ledger.inbound_events.ingest([bounced])
    assert moments(ledger) == (State.FAILED, START, START)


def test_rows_without_a_usable_address_have_the_moment_of_their_snapshot(ledger: Ledger) -> None:
    load_campaign(ledger, [], more=[PlainSnapshotRow(2, None, "no address", "", ("",))])
    assert moments(ledger) == (State.SKIPPED, START, START)


def test_a_delivery_has_the_moment_of_its_doubt(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, [ANA])
    terms = claim_terms(campaign)
    (delivery,) = claim(ledger, terms, token=1)
    begin_sending(ledger, terms, delivery)
    clock.turn(by=LATER)
    record(ledger, terms, delivery, IN_DOUBT)
    assert moments(ledger) == (State.IN_DOUBT, NOW, None)


def test_a_run_that_died_leaves_the_moment_at_which_it_was_recovered(
    ledger: Ledger, clock: ManualClock
) -> None:
    terms = claim_terms(load_campaign(ledger, [ANA]))
    run = Run.begin(ledger.database)
    (delivery,) = claim(ledger, terms, token=(run.no << TOKEN_SHIFT) + 1)
    begin_sending(ledger, terms, delivery)
    clock.turn(by=LATER)
    run.end()
    assert moments(ledger) == (State.IN_DOUBT, NOW, None)


def test_a_row_that_is_back_on_the_list_waits_from_now_on(ledger: Ledger, clock: ManualClock) -> None:
    campaign = load_campaign(ledger, [ANA])
    left_the_list(ledger, campaign, clock)
    clock.turn(by=LATER)
    ledger.snapshots.add_incoming(campaign.no, [PlainSnapshotRow(2, ANA, "", ANA, (ANA,))], run_no=7)
    ledger.snapshots.hold_back(campaign.no, run_no=7)
    assert moments(ledger) == (State.QUEUED, NOW, None)
    assert claim(ledger, claim_terms(campaign), token=1)


def test_deliveries_in_doubt_that_are_queued_again_are_due_at_once(
    ledger: Ledger, clock: ManualClock
) -> None:
    campaign = load_campaign(ledger, [ANA])
    answered(IN_DOUBT)(ledger, campaign, clock)
    clock.turn(by=LATER)
    ledger.deliveries.requeue_in_doubt(campaign.no)
    assert moments(ledger) == (State.QUEUED, NOW, None)
    assert claim(ledger, claim_terms(campaign), token=1)


def test_a_ledger_of_an_older_version_gets_the_moments(ledger: Ledger, clock: ManualClock) -> None:
    answered(SENT)(ledger, load_campaign(ledger, [ANA]), clock)
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET not_before = 0"))
    for _ in range(2):  # it changes nothing the second time
        with (
            ledger.database.write() as connection,
            Operations.context(MigrationContext.configure(connection)),
        ):
            v0005_final_moments.upgrade()
        assert moments(ledger) == (State.SENT, START, START)
