"""At full load for days: the quota is used up, and a wait ends when a slot is free."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import SendPermit
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import begin_sending, claim_or_wait, claim_terms, numbered_campaign, record
from tests.support.quota_model import opened


@pytest.mark.parametrize(
    ("limits", "days"), [(["500/24h"], 3), (["60/24h", "30/1m", "60/day", "500/month"], 7)], ids=str
)
def test_days_at_full_load_use_nearly_all_of_the_quota(
    tmp_path: Path, clock: ManualClock, limits: list[str], days: int
) -> None:
    """Claim when the wait before is over; no other wait is needed."""
    with opened(f"sqlite:///{tmp_path}/mailrunner.db", tmp_path, clock) as ledger:
        random, begin = Random(7), clock.now()
        end, sent = begin + timedelta(days=days), 0
        campaign = numbered_campaign(ledger, "week", 4_000)
        at = claim_terms(campaign, *limits)
        while clock.now() < end:
            found = claim_or_wait(ledger, at, token=1, most=10)
            if isinstance(found, Wait):
                assert (
                    found.reason is WaitReason.QUOTA and found.until is not None and found.until > clock.now()
                )
                clock.turn(found.until - clock.now())
                found = claim_or_wait(ledger, at, token=1, most=10)
                assert isinstance(found, list)  # the wait was long enough
            for delivery in found:
                assert begin_sending(ledger, at, delivery) is SendPermit.GO
                clock.turn(timedelta(seconds=random.uniform(0.2, 3)))
                assert record(ledger, at, delivery)
                sent += clock.now() < end
        ideal = days * int(limits[0].partition("/")[0])
        assert 0.99 * ideal <= sent <= ideal
