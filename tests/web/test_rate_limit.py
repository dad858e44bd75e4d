"""Token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.web.rate_limit import RateLimit, client_key

STEPS = st.lists(st.floats(0, 5), min_size=1, max_size=60)


@given(STEPS, st.floats(0.1, 10), st.integers(1, 20))
def test_no_stretch_of_time_admits_more_than_burst_and_rate(
    steps: list[float], rate: float, burst: int
) -> None:
    throttle, now, admitted = RateLimit(rate=rate, burst=burst), 0.0, []
    for step in steps:
        now += step
        if throttle.admits("a", now):
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - start) + 1e-6


def test_one_client_does_not_use_up_anothers_patience() -> None:
    throttle = RateLimit(rate=1, burst=2)
    assert [throttle.admits("a", 0) for _ in range(3)] == [True, True, False]
    assert throttle.admits("b", 0)
    assert throttle.admits("a", 1)


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    throttle = RateLimit(rate=1, burst=1)
    assert [throttle.admits("a", now) for now in (5, 5, 4)] == [True, False, False]


def test_a_crowd_of_clients_does_not_fill_the_memory() -> None:
    throttle = RateLimit(rate=1, burst=1, clients=100)
    for number in range(1_000):
        throttle.admits(str(number), 0)
    assert len(throttle) == 100


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(host: str, key: str) -> None:
    assert client_key(host) == key
