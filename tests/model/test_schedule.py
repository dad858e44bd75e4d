"""Sending windows: how they are written, and when they are open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.schedule import ALWAYS, Schedule, duration, zone

BUCHAREST = ZoneInfo("Europe/Bucharest")
OFFICE = Schedule.parse("Mon-Fri 08:00-20:00 Europe/Bucharest")


def local(text: str, where: ZoneInfo = BUCHAREST) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=where).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Mon-Fri 08:00-20:00 Europe/Bucharest", "Mon,Tue,Wed,Thu,Fri 08:00-20:00 Europe/Bucharest"),
        ("mon,WED,Sat-Sun 8:00-9:30 UTC", "Mon,Wed,Sat,Sun 08:00-09:30 UTC"),
        ("Friday-Monday 08:00-09:00 UTC", "Mon,Fri,Sat,Sun 08:00-09:00 UTC"),
        ("08:00-12:00, 14:00-18:00 UTC", "08:00-12:00,14:00-18:00 UTC"),
        ("22:00-06:00 UTC", "22:00-06:00 UTC"),
        ("00:00-24:00 UTC", "00:00-24:00 UTC"),
        ("22:00-00:00 UTC", "22:00-24:00 UTC"),
    ],
)
def test_every_form_of_a_window_is_read(text: str, written: str) -> None:
    assert str(Schedule.parse(text)) == written
    assert Schedule.parse(written) == Schedule.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no time zone"),
        ("Mon-Fri 08:00-20:00", "names no time zone"),
        ("Mon-Fri Europe/Bucharest", "not a range of hours"),
        ("Mon-Fri 08:00-20:00 Europe/Bukarest", 'did you mean "Europe/Bucharest"'),
        ("08:00-20:00 Europe", "not a time zone"),
        ("08:00-20:00 ../etc/passwd", "not a time zone"),
        ("Mon-Fry 08:00-20:00 UTC", "not a day of the week"),
        ("Mon- 08:00-20:00 UTC 5", "not a sending window"),
        ("08:00-25:00 UTC", "not a time of day"),
        ("08:60-09:00 UTC", "not a time of day"),
        ("24:00-08:00 UTC", "not a time of day"),
        ("08:00-08:00 UTC", "is empty"),
        ("8-20 UTC", "not a range of hours"),
    ],
)
def test_what_is_not_a_window_is_refused_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="; ") as caught:
        Schedule.parse(text)
    assert said in str(caught.value)


def is_open(schedule: Schedule, now: datetime) -> bool:
    return schedule.opens_at(now) == now


def test_it_opens_in_the_morning_and_closes_in_the_evening_of_its_zone() -> None:
    early, noon = local("2026-11-20T06:00"), local("2026-11-20T12:00")  # a Friday
    assert not is_open(OFFICE, early)
    assert OFFICE.opens_at(early) == local("2026-11-20T08:00")
    assert is_open(OFFICE, noon)
    assert OFFICE.opens_at(noon) == noon
    assert OFFICE.closes_at(noon) == local("2026-11-20T20:00")
    assert OFFICE.closes_at(early) == local("2026-11-20T20:00")


def test_the_first_instant_is_open_and_the_last_is_closed() -> None:
    assert is_open(OFFICE, local("2026-11-20T08:00"))
    assert not is_open(OFFICE, local("2026-11-20T20:00"))


def test_after_friday_it_opens_on_monday() -> None:
    assert OFFICE.opens_at(local("2026-11-20T20:00")) == local("2026-11-23T08:00")


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    night = Schedule.parse("Fri 22:00-06:00 Europe/Bucharest")
    assert is_open(night, local("2026-11-21T05:59"))  # Saturday morning
    assert not is_open(night, local("2026-11-20T05:59"))  # Friday morning
    assert night.closes_at(local("2026-11-20T23:00")) == local("2026-11-21T06:00")


def test_openings_that_touch_are_one() -> None:
    weekdays = Schedule.parse("Mon-Fri 00:00-24:00 UTC")
    assert weekdays.closes_at(datetime(2026, 11, 18, 12, tzinfo=UTC)) == datetime(2026, 11, 21, tzinfo=UTC)
    assert Schedule.parse("08:00-12:00,12:00-13:00 UTC").closes_at(
        datetime(2026, 11, 18, 9, tzinfo=UTC)
    ) == datetime(2026, 11, 18, 13, tzinfo=UTC)


def test_no_window_is_always_open_and_never_closes() -> None:
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert is_open(ALWAYS, now)
    assert ALWAYS.opens_at(now) == now
    assert ALWAYS.closes_at(now) == datetime.max.replace(tzinfo=UTC)
    assert Schedule.parse("00:00-24:00 Europe/Bucharest").closes_at(now) == ALWAYS.closes_at(now)


def test_clock_changes_move_the_opening_with_the_wall_clock() -> None:
    before, after = local("2026-03-27T08:00"), local("2026-03-30T08:00")  # summer time began on the 29th
    assert OFFICE.opens_at(before + timedelta(hours=13)) == after
    assert after - before == timedelta(hours=71)


def test_an_hour_that_the_clock_skips_begins_and_ends_at_the_change() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 03:00 becomes 04:00 in Bucharest
    begins = Schedule.parse("03:30-06:00 Europe/Bucharest")
    ends = Schedule.parse("01:00-03:30 Europe/Bucharest")
    within = Schedule.parse("Sun 03:10-03:50 Europe/Bucharest")
    assert begins.opens_at(change - timedelta(hours=1)) == change
    assert ends.closes_at(change - timedelta(hours=1)) == change
    assert within.opens_at(change - timedelta(hours=1)) == local("2026-04-05T03:10")


def test_of_an_hour_that_the_clock_repeats_the_first_pass_counts() -> None:
    twice = Schedule.parse("03:00-03:30 Europe/Bucharest")
    first = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 03:00 summer time; 04:00 becomes 03:00 at 01:00 UTC
    assert twice.opens_at(first - timedelta(hours=1)) == first
    assert twice.closes_at(first) == first + timedelta(minutes=30)
    assert not is_open(twice, first + timedelta(minutes=75))


HOURS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] != pair[1])
SCHEDULES = st.builds(
    lambda days, pairs, where: Schedule(
        frozenset(days), tuple(sorted((a, b if b > a else b + 1440) for a, b in pairs)), where
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.lists(HOURS, min_size=1, max_size=3),
    st.sampled_from([UTC, BUCHAREST, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe")]),
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(SCHEDULES, INSTANTS)
def test_what_it_says_of_one_instant_agrees(schedule: Schedule, now: datetime) -> None:
    opens, closes = schedule.opens_at(now), schedule.closes_at(now)
    assert now <= opens < closes
    start, end = schedule.opening(now)
    assert max(start, now) == opens < end
    assert is_open(schedule, opens)
    if opens > now:
        assert not is_open(schedule, opens - timedelta(microseconds=1))
    if closes < datetime.max.replace(tzinfo=UTC):
        assert not is_open(schedule, closes)
        assert is_open(schedule, closes - timedelta(microseconds=1))


@given(SCHEDULES, INSTANTS)
def test_without_a_clock_change_it_is_open_by_the_clock_on_the_wall(
    schedule: Schedule, now: datetime
) -> None:
    schedule = Schedule(schedule.days, schedule.ranges, UTC)
    minute, today = now.hour * 60 + now.minute, now.weekday()
    by_the_wall = any(
        (today in schedule.days and first <= minute < last)
        or ((today - 1) % 7 in schedule.days and minute + 1440 < last)
        for first, last in schedule.ranges
    )
    assert is_open(schedule, now) == by_the_wall


@given(st.text(max_size=60))
def test_any_text_is_a_window_or_a_sentence(text: str) -> None:
    try:
        Schedule.parse(text)
    except ValueError as error:
        assert text in str(error) or "; " in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"), [("48h", 172800), ("90m", 5400), ("2d", 172800), ("30s", 30), (" 2 H ", 7200)]
)
def test_lengths_of_time_are_read(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "48", "h", "-2h", "0h", "2w", "1.5h", "9" * 30 + "d"])
def test_what_is_not_a_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write e\.g"):
        duration(text)


def test_a_zone_is_found_by_its_name() -> None:
    assert zone("Europe/Bucharest") == BUCHAREST


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), (f"{10**6}s", 10**6)])
def test_the_shortest_and_the_longest_length_are_read(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)
    with pytest.raises(ValueError, match="is not a length of time"):
        duration(f"{10**6 + 1}s")


def test_the_last_minutes_of_an_hour_and_of_the_day_are_times() -> None:
    assert str(Schedule.parse("00:59-23:59 UTC")) == "00:59-23:59 UTC"
    assert str(Schedule.parse("23:59-24:00 UTC")) == "23:59-24:00 UTC"
    for wrong in ("00:60-12:00 UTC", "24:00-12:00 UTC", "00:00-24:01 UTC"):
        with pytest.raises(ValueError, match="is not a time of day"):
            Schedule.parse(wrong)
