"""When a delivery, a connection, a whole run may be tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.retry import next_try, reconnect_delay


def seeded(seed: int) -> Random:
    return Random(seed)


NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TWO_DAYS = timedelta(hours=48)


def wait(
    attempts: int, *, waited: timedelta = timedelta(0), retry_after: timedelta | None = None
) -> timedelta:
    again = next_try(
        attempts=attempts,
        waited=waited,
        give_up_after=TWO_DAYS,
        retry_after=retry_after,
        now=NOW,
        random=seeded(attempts),
    )
    assert again is not None
    return again - NOW


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (6, 160), (7, 240), (99, 240)]
)
def test_the_wait_doubles_from_five_minutes_to_four_hours(attempts: int, minutes: int) -> None:
    assert timedelta(minutes=minutes) <= wait(attempts) <= timedelta(minutes=minutes * 1.1)


@given(
    st.integers(1, 10_000),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=7)),
    st.randoms(use_true_random=False),
)
def test_the_servers_own_wish_is_never_undercut(
    attempts: int, retry_after: timedelta | None, random: Random
) -> None:
    again = next_try(
        attempts=attempts,
        waited=timedelta(0),
        give_up_after=TWO_DAYS,
        retry_after=retry_after,
        now=NOW,
        random=random,
    )
    assert again is not None
    assert again - NOW >= max(timedelta(minutes=5), retry_after or timedelta(0))


def test_two_deliveries_put_off_together_do_not_come_back_together() -> None:
    times = {
        next_try(
            attempts=1,
            waited=timedelta(0),
            give_up_after=TWO_DAYS,
            retry_after=None,
            now=NOW,
            random=seeded(seed),
        )
        for seed in range(20)
    }
    assert len(times) == 20


@pytest.mark.parametrize(
    ("attempts", "waited", "given_up"),
    [
        (3, TWO_DAYS, True),
        (2, TWO_DAYS, False),
        (3, TWO_DAYS - timedelta(seconds=1), False),
        (50, timedelta(hours=1), False),
    ],
)
def test_a_delivery_is_given_up_when_its_time_is_over_and_it_had_three_tries(
    attempts: int, waited: timedelta, given_up: bool
) -> None:
    again = next_try(
        attempts=attempts, waited=waited, give_up_after=TWO_DAYS, retry_after=None, now=NOW, random=seeded(1)
    )
    assert (again is None) is given_up


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)]
)
def test_a_lost_connection_waits_longer_each_time(failures: int, seconds: float) -> None:
    delays = [reconnect_delay(failures, seeded(seed)).total_seconds() for seed in range(20)]
    assert all(0.75 * seconds <= delay <= seconds for delay in delays)
    assert len(set(delays)) > 1


class _Longest(Random):
    """Draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (11, 300), (10_000, 300)]
)
def test_the_longest_wait_before_a_connection_doubles_up_to_five_minutes(failures: int, seconds: int) -> None:
    assert reconnect_delay(failures, _Longest()) == timedelta(seconds=seconds)
