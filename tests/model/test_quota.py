"""The grammar of limits and the arithmetic of windows."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.quota import Limit, merge, room, strictest, tightest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BUCHAREST = ZoneInfo("Europe/Bucharest")


class Log:
    """A usage log in memory: sorted stamps and a number held."""

    def __init__(self, stamps: list[datetime], held: int = 0) -> None:
        self.stamps, self.holding = sorted(stamps), held

    def used(self, horizon: datetime) -> int:
        return len(self.stamps) - bisect_right(self.stamps, horizon)

    def stamp(self, horizon: datetime, nth: int) -> datetime | None:
        after = self.stamps[bisect_right(self.stamps, horizon) :]
        return after[nth - 1] if nth <= len(after) else None

    def held(self, since: datetime | None) -> int:
        return self.holding


@pytest.mark.parametrize(
    ("text", "number", "window", "is_long"),
    [
        ("500/24h", 500, "24h", True),
        ("2,000/24h", 2000, "24h", True),
        ("500/1d", 500, "24h", True),
        ("500/d", 500, "24h", True),
        ("14/second", 14, "1s", False),
        ("30/minute", 30, "1m", False),
        ("100/hour", 100, "1h", True),
        ("10/90s", 10, "90s", False),
        ("300/day", 300, "day", True),
        ("100/month", 100, "month", True),
        ("unlimited/24h", None, "24h", True),
    ],
)
def test_every_form_of_a_limit_is_read(text: str, number: int | None, window: str, is_long: bool) -> None:
    limit = Limit.parse(text)
    assert (limit.number, limit.window, limit.is_long) == (number, window, is_long)


@pytest.mark.parametrize(
    "text", ["", "500", "500/", "/24h", "500/2day", "-5/24h", "500/fortnight", "0/24h", "5/0h", "5/90d"]
)
def test_what_is_not_a_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|never|longer"):
        Limit.parse(text)


def test_own_limits_replace_the_same_window_and_add_others() -> None:
    preset = [Limit.parse("500/24h"), Limit.parse("30/minute")]
    merged = merge(preset, [Limit.parse("100/1d"), Limit.parse("20/h")])
    assert [str(limit) for limit in merged] == ["100/1d", "30/minute", "20/h"]


def test_the_reserve_lowers_windows_of_a_day_or_longer_only() -> None:
    assert Limit.parse("500/24h").usable(50) == 450
    assert Limit.parse("100/h").usable(50) == 100


def test_a_rolling_slot_is_back_exactly_when_its_window_has_passed() -> None:
    limit, stamp = Limit.parse("1/24h"), NOW - timedelta(hours=24)
    just_before = room(limit, Log([stamp]), reserve=0, zone=UTC, now=NOW - timedelta(microseconds=1))
    assert (just_before.left, just_before.next_slot_at) == (0, NOW)
    assert room(limit, Log([stamp]), reserve=0, zone=UTC, now=NOW).left == 1


def test_a_calendar_day_ends_at_midnight_of_the_accounts_zone() -> None:
    limit = Limit.parse("1/day")
    sent = datetime(2026, 11, 20, 21, 59, 59, tzinfo=UTC)  # 23:59:59 in Bucharest
    blocked = room(limit, Log([sent]), reserve=0, zone=BUCHAREST, now=sent)
    midnight = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
    assert (blocked.left, blocked.next_slot_at) == (0, midnight)
    assert room(limit, Log([sent]), reserve=0, zone=BUCHAREST, now=midnight).left == 1


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, 10, tzinfo=UTC), datetime(2026, 10, 25, 10, tzinfo=UTC)]
)
def test_a_day_on_which_the_clocks_change_still_ends_at_midnight(day: datetime) -> None:
    freed = Limit.parse("1/day").frees_at(day, BUCHAREST).astimezone(BUCHAREST)
    assert (freed.day, freed.hour, freed.minute) == (day.day + 1, 0, 0)


def test_a_month_frees_on_the_first_of_the_next() -> None:
    freed = Limit.parse("1/month").frees_at(datetime(2026, 12, 31, 23, tzinfo=UTC), UTC)
    assert freed == datetime(2027, 1, 1, tzinfo=UTC)


def test_held_slots_count_and_free_no_earlier_than_a_window_from_now() -> None:
    full = room(Limit.parse("2/24h"), Log([], held=2), reserve=0, zone=UTC, now=NOW)
    assert (full.left, full.next_slot_at) == (0, NOW + timedelta(hours=24))


def test_the_tightest_of_several_windows_decides() -> None:
    rooms = [
        room(Limit.parse("5/24h"), Log([NOW]), reserve=0, zone=UTC, now=NOW),
        room(Limit.parse("1/s"), Log([NOW]), reserve=0, zone=UTC, now=NOW),
    ]
    assert tightest(rooms) == (0, NOW + timedelta(seconds=1))
    assert tightest([]) == (None, None)


@given(
    ages=st.lists(st.integers(0, 200_000), max_size=60),
    held=st.integers(0, 5),
    number=st.integers(1, 40),
)
def test_waiting_until_next_slot_frees_one_and_a_tick_less_does_not(
    ages: list[int], held: int, number: int
) -> None:
    limit = Limit(number, timedelta(hours=24))
    log = Log([NOW - timedelta(seconds=age) for age in ages], held)
    state = room(limit, log, reserve=0, zone=UTC, now=NOW)
    if state.next_slot_at is None:
        return
    tick = timedelta(microseconds=1)
    assert room(limit, log, reserve=0, zone=UTC, now=state.next_slot_at - tick).left == 0
    if held < number:
        assert room(limit, log, reserve=0, zone=UTC, now=state.next_slot_at).left


@pytest.mark.parametrize(
    ("own", "others", "strict"),
    [
        ("100/24h", "50/24h", "50/24h"),
        ("100/24h", "100/24h", "100/24h"),
        ("100/24h", "101/24h", "100/24h"),
        ("100/24h", "unlimited/24h", "100/24h"),
        ("unlimited/24h", "1/24h", "1/24h"),
        ("unlimited/24h", "unlimited/24h", "unlimited/24h"),
        ("100/24h", "unlimited/1h", "100/24h unlimited/1h"),
    ],
)
def test_of_two_machines_the_stricter_limit_of_a_window_holds(own: str, others: str, strict: str) -> None:
    found = strictest([Limit.parse(own)], [Limit.parse(others)])
    assert " ".join(map(str, found)) == strict


def test_a_limit_without_its_spelling_is_spelt_and_the_spelling_makes_no_other() -> None:
    spelt = [Limit(500, timedelta(days=1)), Limit(None, timedelta(minutes=90)), Limit(3, DAY, "day")]
    assert list(map(str, spelt)) == ["500/24h", "unlimited/90m", "3/day"]
    assert Limit.parse("500/1d") == Limit.parse("500/24h") == spelt[0]


def test_a_stamp_of_the_first_instant_of_a_calendar_day_is_in_its_window() -> None:
    limit, midnight = Limit.parse("300/day"), NOW.replace(hour=0)
    assert midnight - timedelta(microseconds=1) == limit.horizon(NOW, UTC)
