"""Statistics: counted in the background, within their budget, and true; the clock is turned by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.web.dashboard.statistics_keeper import BUDGET, StatisticsKeeper
from tests.support.clocks import START, ManualClock
from tests.support.large_ledger import fill
from tests.support.ledger_builder import claim, claim_terms, load_campaign, send


class Watch:
    """A stopwatch that is set by hand; each look takes `step` seconds."""

    def __init__(self) -> None:
        self.now, self.step = 0.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def campaign(ledger: Ledger) -> CampaignRecord:
    return fill(ledger, "spring", 3_000)


@pytest.fixture
def keeper(ledger: Ledger, tmp_path: Path, watch: Watch) -> Iterator[StatisticsKeeper]:
    """A keeper whose background is stepped by the test."""
    made = StatisticsKeeper(ledger, tmp_path, forecast=lambda _record, _number: START, elapsed=watch)
    yield made
    made.stop()


def shown(keeper: StatisticsKeeper, record: CampaignRecord) -> Counts:
    statistics = keeper.of(record)
    assert statistics is not None
    return keeper.numbers(record, statistics).counts


def test_a_sight_and_what_is_new_are_the_counts(
    ledger: Ledger, keeper: StatisticsKeeper, campaign: CampaignRecord, clock: ManualClock
) -> None:
    assert keeper.of(campaign) is None
    keeper.step()
    assert shown(keeper, campaign) == ledger.deliveries.counts(campaign.no)
    terms = claim_terms(campaign)
    clock.turn(by=timedelta(hours=1))
    for token, delivery in enumerate(claim(ledger, terms, token=1, most=20), 1):
        if token % 2:
            send(ledger, terms, delivery)
        assert shown(keeper, campaign) == ledger.deliveries.counts(campaign.no)
    ledger.campaigns.cancel(campaign.no)
    assert shown(keeper, campaign) == ledger.deliveries.counts(campaign.no)


def test_a_campaign_is_counted_for_at_most_a_twentieth_of_the_time(
    keeper: StatisticsKeeper, campaign: CampaignRecord, watch: Watch, clock: ManualClock
) -> None:
    keeper.of(campaign)
    watch.step = 1.0
    keeper.step()
    watch.step = 0.0
    first = keeper.of(campaign)
    assert first is not None and first.seconds > 0
    clock.turn(by=timedelta(seconds=first.seconds * (BUDGET - 1) - 1))
    watch.now += first.seconds * (BUDGET - 1) - 1
    keeper.step()
    assert keeper.of(campaign) is first
    clock.turn(by=timedelta(seconds=first.seconds * 2))
    watch.now += first.seconds * BUDGET * 5
    keeper.step()
    assert keeper.of(campaign) is not first


def test_domains_get_their_totals_after_the_sight(
    ledger: Ledger, keeper: StatisticsKeeper, campaign: CampaignRecord, watch: Watch
) -> None:
    keeper.of(campaign)
    keeper.step()
    watch.now += 60
    keeper.step()
    statistics = keeper.of(campaign)
    assert statistics is not None and statistics.domains == {"club.example": 2_400, "yahoo.example": 600}
    assert dict(statistics.failed_domains) == {"club.example": 48, "yahoo.example": 12}


def test_a_finished_campaign_is_counted_once(
    ledger: Ledger, keeper: StatisticsKeeper, watch: Watch, clock: ManualClock
) -> None:
    load_campaign(ledger, [], "over")
    record = ledger.campaigns.find("over")
    assert record is not None
    ledger.campaigns.finish(record.no)
    finished = ledger.campaigns.find("over")
    assert finished is not None
    keeper.of(finished)
    keeper.step()
    first = keeper.of(finished)
    clock.turn(by=timedelta(days=1))
    watch.now += 86_400
    keeper.step()
    assert keeper.of(finished) is first
    keeper.forget(finished.no)  # changed by hand
    keeper.of(finished)
    watch.now += 60
    keeper.step()
    assert keeper.of(finished) is not first


def test_sights_are_kept_for_the_next_start(
    ledger: Ledger, keeper: StatisticsKeeper, campaign: CampaignRecord, tmp_path: Path
) -> None:
    keeper.of(campaign)
    keeper.step()
    keeper.stop()
    file = tmp_path / "dashboard" / "statistics.json"
    assert file.stat().st_mode & 0o077 == 0
    again = StatisticsKeeper(ledger, tmp_path, forecast=lambda _record, _number: None)
    assert shown(again, campaign) == ledger.deliveries.counts(campaign.no)
    assert again.of(campaign) == keeper.of(campaign)
    file.write_text(file.read_text().replace(ledger.mark, "00000000"))
    assert StatisticsKeeper(ledger, tmp_path, forecast=lambda _r, _n: None).of(campaign) is None
    file.write_text("{")
    assert StatisticsKeeper(ledger, tmp_path, forecast=lambda _r, _n: None).of(campaign) is None
