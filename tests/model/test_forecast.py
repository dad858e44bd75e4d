"""When a campaign will be done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mailrunner.model.forecast import Pace, forecast
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
