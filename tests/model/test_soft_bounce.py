"""When an address that refuses "this time" is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from mailrunner.model.soft_bounce import is_dead

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def days_ago(*days: float) -> list[datetime]:
    return [NOW - timedelta(days=each) for each in days]


@pytest.mark.parametrize(
    ("refused", "lived", "dead"),
    [
        ((8, 4, 1), (), True),
        ((7, 4, 0), (), True),  # exactly seven days, and just now
        ((6.99, 4, 0), (), False),  # too close together
        ((8, 1), (), False),  # two days
        ((8, 8.1, 8.2, 1), (), False),  # four refusals, two days
        ((29.9, 20, 10), (), True),
        ((30.1, 20, 19), (), False),  # the first is too old
        ((30, 20, 10), (), False),  # as is one of exactly thirty days
        ((8, 4, -1), (), False),  # one is still to come
        ((12, 8, 4, 1), (13,), True),
        ((12, 8, 4, 1), (2,), False),  # it showed life since
        ((12, 8, 4, 1), (8,), False),  # life at the very moment of a refusal
        ((12, 8, 4, 1), (20, 9), True),  # the last sign of life counts
        ((), (), False),
    ],
)
def test_an_address_is_given_up_that_refused_on_three_days_over_a_week_and_showed_no_life(
    refused: Sequence[float], lived: Sequence[float], dead: bool
) -> None:
    assert is_dead(days_ago(*refused), days_ago(*lived), now=NOW) is dead


def test_a_refusal_of_exactly_thirty_days_ago_counts_once_there_was_life_before() -> None:
    assert is_dead(days_ago(30, 20, 10), days_ago(40), now=NOW)
    assert not is_dead(days_ago(30, 20, 10), days_ago(30), now=NOW)
