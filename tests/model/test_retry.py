"""When a delivery, a connection, a whole run may be tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.retry import named_time, named_wait, next_try, reconnect_delay


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisting in action, please come back in 00:05:00", 300),
        ("please try again in 5 minutes", 300),
        ("Please wait 300 seconds", 300),
        ("greylisted for 300s", 300),
        ("Greylisted for 5 minutes (see http://example.org/help.html)", 300),
        ("try again in an hour", 3600),
        ("retry in 5-10 minutes", 600),
        ("retry after 2 hours", 7200),
        ("This IP is blocked for 1 day", 86400),
        ("Please try again in 287 second(s)", 287),
        ("deferred, 90 seconds remaining", 90),
    ],
)
def test_a_named_wait_is_read(text: str, seconds: int) -> None:
    assert named_wait(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "try again later",
        "limit of 400 rcpts per 24 hours reached",
        "try again later (100 mails per 1 hour)",
        "again: you sent too many in the last 24 hours",
        "try again after 2026-05-01 08:00:00 UTC",
        "try again after Wed, 21 Oct 2026 07:28:00 GMT",
        "come back in 00:00:00",
        "come back after 99999 days",
        "retry timeout exceeded",
        "Greylisted, see http://example.org/greylist?d=1s",
    ],
)
def test_what_names_no_wait_is_not_read_as_one(text: str) -> None:
    assert named_wait(text) is None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("try again after 2026-05-01 08:00:00 UTC", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("blocked until 2026-05-01T08:00Z", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("retry after 2026-05-01 10:00:00 +02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("try again after Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
        ("try again after 21 Oct 2026 07:28:00 +0200", datetime(2026, 10, 21, 5, 28, tzinfo=UTC)),
        ("try again after 2026-05-41 08:00:00 UTC", None),
        ("try again after 99 Foo 2026 07:28:00 UTC", None),
        ("try again after 2026-05-01 08:00:00", None),
        ("try again later", None),
    ],
)
def test_a_named_instant_is_read_where_it_has_a_zone(text: str, instant: datetime | None) -> None:
    assert named_time(text) == instant


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    named_wait(f"try again in {text}")
    named_time(f"try again after {text}")
