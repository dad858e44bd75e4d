"""A delivery that is `sending` and whose content has not begun: the ledger is asked once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import Batch, CampaignRecord, ClaimTerms, Delivery, Ledger, SendPermit
from tests.support.ledger_builder import (
    IN_DOUBT,
    begin_sending,
    claim,
    claim_terms,
    load_campaign,
    record,
)

ANA, BOB = "ana@example.org", "bob@example.org"


def under_way(ledger: Ledger) -> tuple[CampaignRecord, ClaimTerms, list[Delivery]]:
    """Two deliveries that are `sending`, under a limit of two."""
    campaign = load_campaign(ledger, [ANA, BOB])
    terms = claim_terms(campaign, "2/24h")
    deliveries = claim(ledger, terms, token=1)
    for delivery in deliveries:
        assert begin_sending(ledger, terms, delivery) is SendPermit.GO
    return campaign, terms, deliveries


def check_again(ledger: Ledger, terms: ClaimTerms, deliveries: list[Delivery]) -> list[SendPermit]:
    return ledger.batches.commit(terms, Batch(held=deliveries)).held


def columns(ledger: Ledger, delivery: Delivery) -> tuple[Any, ...]:
    query = f"SELECT state, attempts, token, account_no FROM deliveries WHERE id = {delivery.id}"
    with ledger.database.read() as connection:
        return tuple(connection.exec_driver_sql(query).fetchone() or ())


def test_what_may_go_is_left_as_it_is(ledger: Ledger) -> None:
    _, terms, deliveries = under_way(ledger)
    before = [columns(ledger, each) for each in deliveries]
    assert check_again(ledger, terms, deliveries) == [SendPermit.GO] * 2
    assert [columns(ledger, each) for each in deliveries] == before
    assert all(record(ledger, terms, each) for each in deliveries)


def test_a_recipient_suppressed_meanwhile_is_and_the_other_is_sent_to(ledger: Ledger) -> None:
    _, terms, (ana, bob) = under_way(ledger)
    ledger.suppressions.add([BOB], reason=SuppressionReason.UNSUBSCRIBE, source="test")
    assert check_again(ledger, terms, [ana, bob]) == [SendPermit.GO, SendPermit.SUPPRESSED]
    assert columns(ledger, bob) == ("suppressed", 0, None, None)
    assert columns(ledger, ana)[:2] == ("sending", 1)


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (lambda ledger, no: ledger.campaigns.pause(no), "queued"),
        (lambda ledger, no: ledger.campaigns.cancel(no), "skipped"),
    ],
    ids=["pause", "cancel"],
)
def test_a_pause_and_a_cancel_reach_it_and_it_costs_no_attempt(
    ledger: Ledger, act: Callable[[Ledger, int], Any], state: str
) -> None:
    campaign, terms, deliveries = under_way(ledger)
    act(ledger, campaign.no)
    assert check_again(ledger, terms, deliveries) == [SendPermit.HELD] * 2
    assert [columns(ledger, each) for each in deliveries] == [(state, 0, None, None)] * 2


def test_its_slot_comes_back(ledger: Ledger) -> None:
    campaign, terms, deliveries = under_way(ledger)
    ledger.campaigns.pause(campaign.no)
    check_again(ledger, terms, deliveries)
    other = load_campaign(ledger, ["eve@example.org", "eva@example.org"], "summer")
    assert len(claim(ledger, claim_terms(other, "2/24h"), token=2)) == 2


def test_one_that_was_taken_for_in_doubt_is_queued_again_as_nothing_was_handed_over(ledger: Ledger) -> None:
    _, terms, (ana, _) = under_way(ledger)
    assert record(ledger, terms, ana, IN_DOUBT)
    assert check_again(ledger, terms, [ana]) == [SendPermit.HELD]
    assert columns(ledger, ana) == ("queued", 0, None, None)


def test_one_that_another_run_holds_now_is_left_to_it(ledger: Ledger) -> None:
    _, terms, (ana, bob) = under_way(ledger)
    ledger.suppressions.add([BOB], reason=SuppressionReason.UNSUBSCRIBE, source="test")
    with ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET token = token + 1")
    before = [columns(ledger, each) for each in (ana, bob)]
    assert check_again(ledger, terms, [ana, bob]) == [SendPermit.LOST] * 2
    assert [columns(ledger, each) for each in (ana, bob)] == before
