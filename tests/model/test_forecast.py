"""When a campaign will be done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mailrunner.model.forecast import Pace, forecast, rate_seen
from mailrunner.model.quota import Limit
from mailrunner.model.schedule import Schedule

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday


def pace(*limits: str, **changes: Any) -> Pace:
    facts: dict[str, Any] = {
        "limits": [Limit.parse(text) for text in limits],
        "own": [],
        "reserve": 0,
        "zone": ZoneInfo("UTC"),
        "schedule": Schedule.always(),
        "connections": 1,
        "history": [],
    }
    return Pace(**{**facts, **changes})


def test_twelve_hundred_through_gmail_take_three_days() -> None:
    found = forecast(1200, pace("500/24h"), NOW)
    assert found.days == ((date(2026, 11, 20), 500), (date(2026, 11, 21), 500), (date(2026, 11, 22), 200))
    assert found.finish_at is not None
    assert timedelta(days=2) < found.finish_at - NOW < timedelta(days=2, hours=1)


def test_without_limits_the_connections_set_the_pace() -> None:
    assert forecast(1000, pace(connections=5), NOW).finish_at == NOW + timedelta(seconds=100)


def test_a_short_window_is_a_rate() -> None:
    assert forecast(60, pace("30/minute", connections=50), NOW).finish_at == NOW + timedelta(minutes=2)


def test_what_was_used_before_comes_back_first() -> None:
    used = [(NOW - timedelta(hours=23), 500)]
    found = forecast(10, pace("500/24h", history=used), NOW)
    assert found.finish_at is not None
    assert timedelta(hours=1) <= found.finish_at - NOW < timedelta(hours=1, minutes=1)


def test_a_pause_and_a_start_are_waited_for() -> None:
    later = NOW + timedelta(days=3)
    found = forecast(2, pace(not_before=later), NOW)
    assert found.finish_at == later + timedelta(seconds=1)


def test_the_sending_window_closes_at_night_and_on_weekends() -> None:
    office = Schedule.parse("Mon-Fri 08:00-09:00 UTC")
    found = forecast(90, pace("1/minute", schedule=office), NOW)
    assert found.days == ((date(2026, 11, 20), 60), (date(2026, 11, 23), 30))


def test_a_million_through_gmail_is_told_quickly_and_lies_in_years() -> None:
    found = forecast(1_000_000, pace("500/24h"), NOW)
    assert found.finish_at is not None and found.finish_at.year == 2032


def test_what_takes_longer_than_ten_years_has_no_date() -> None:
    assert forecast(1_000_000, pace("1/24h"), NOW).finish_at is None


def answers(
    number: int, *, every: float, until: datetime = NOW, slots: int = 1
) -> list[tuple[datetime, int]]:
    """So many answers, `every` so many seconds, the last of them at `until`."""
    return [(until - timedelta(seconds=every * n), slots) for n in reversed(range(number))]


def test_the_rate_that_was_seen_counts_and_not_a_guess() -> None:
    """An own relay took 40 a second; the guess for a server across the Internet is 2 a connection."""
    fast = answers(500, every=0.1, slots=4)
    assert forecast(4000, pace(history=fast), NOW).finish_at == NOW + timedelta(seconds=100)
    slow = answers(50, every=4)
    assert forecast(100, pace(history=slow, connections=16), NOW).finish_at == NOW + timedelta(seconds=400)


def test_a_short_window_holds_however_fast_the_server_was() -> None:
    fast = answers(500, every=0.1, slots=4)
    found = forecast(60, pace("30/minute", history=fast), NOW)
    assert found.finish_at == NOW + timedelta(minutes=2)


def test_the_rate_is_that_of_the_newest_stretch_without_a_pause() -> None:
    yesterday = answers(1000, every=0.01, until=NOW - timedelta(days=1))
    today = answers(41, every=2, until=NOW - timedelta(hours=1))
    assert rate_seen([*yesterday, *today]) == 0.5
    paused = [*answers(40, every=1, until=NOW - timedelta(minutes=2)), *answers(41, every=0.5)]
    assert rate_seen(paused) == 2.0


def test_of_a_long_run_the_last_five_minutes_tell_its_rate() -> None:
    slower = [*answers(3000, every=0.1, until=NOW - timedelta(minutes=6)), *answers(720, every=0.5)]
    assert rate_seen(slower) == 2.0


def test_a_few_answers_tell_no_rate() -> None:
    assert rate_seen([]) is None
    assert rate_seen(answers(20, every=1)) is None
    assert rate_seen(answers(21, every=1)) == 1.0
    assert rate_seen([(NOW, 500)]) is None
    assert rate_seen(answers(100, every=0.001)) is None


def test_it_is_not_done_before_the_last_retry_is_due() -> None:
    greylisted = NOW + timedelta(hours=3)
    assert forecast(2, pace(last_due=greylisted), NOW).finish_at == greylisted + timedelta(seconds=0.5)
    assert forecast(2, pace(last_due=NOW - timedelta(hours=1)), NOW).finish_at == NOW + timedelta(seconds=1)


def test_slots_of_one_hour_come_back_together_and_none_is_lost() -> None:
    """Seven and three in one bucket: ten are free a day after the later ones, and all of them."""
    used = [(NOW - timedelta(hours=20), 7), (NOW - timedelta(hours=20) + timedelta(seconds=9), 3)]
    found = forecast(10, pace("10/24h", history=used), NOW)
    assert found.finish_at == NOW + timedelta(hours=4, seconds=9 + 5)
    assert found.days == ((NOW.date(), 10),)


def test_of_two_full_windows_only_the_full_one_is_waited_for() -> None:
    used = [(NOW - timedelta(minutes=30), 1)]
    found = forecast(1, pace("1/1h", "2/24h", history=used), NOW)
    assert found.finish_at == NOW + timedelta(minutes=30, seconds=0.5)


def test_half_a_minute_is_no_pause_and_five_minutes_are_looked_at() -> None:
    steady = [(NOW - timedelta(seconds=30 * n), 30) for n in range(10, -1, -1)]
    assert rate_seen(steady) == 1.0
    assert rate_seen([(NOW - timedelta(seconds=301), 9000), *steady[1:]]) == 1.0
