"""The waits and instants that replies name: a grammar, tried with generated and with damaged phrases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailrunner.replies.waits import LONGEST_NAMED, named_time, named_wait


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
    wait, instant = named_wait(f"try again in {text}"), named_time(f"try again after {text}")
    assert wait is None or timedelta(0) < wait <= LONGEST_NAMED
    assert instant is None or instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Quota will reset in 5.08 hours", 18288),
        ("retry in 2.5 hours", 9000),
        ("Bitte warten: wait 1,5 h", 5400),
        ("blocked for 3,600 seconds", 3600),
        ("try again in 1h30m", 5400),
        ("try again in 1 hour and 30 minutes", 5400),
        ("try again in 1 hour, 5 minutes, 3 seconds", 3903),
        ("come back in half an hour", 1800),
        ("retry in 0.4 s", 1),
        ("wait a minute", 60),
        ("retry in 1.1 hours", 3960),
        ("retry in 5 to 10 minutes", 600),
        ("wait 5m", 300),
        ("blocked for 24-48 hours", 172800),
        ("1.5 hours remaining", 5400),
        ("try again in one week", 604800),
    ],
)
def test_a_wait_may_be_a_fraction_or_a_sum(text: str, seconds: int) -> None:
    assert named_wait(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "Please wait and try again",
        "please wait and retry",
        "try again as soon as possible",
        "I am busy, try again; I am sorry",
        "retry at 9 am",
        "wait a moment",
        "wait for a dayshift",
        "retry in a minutest of moments",
        "wait an hoursworth",
        "wait an additional while, then try again and again",
        "try again: a message was deferred",
        "try again; 2 small messages are fine",
        "try again with 3 mails",
        "blocked by the 24-hour limit",
        "blocked: hit 24 hour sending limit",
        "wait, you sent too many mails every 5 minutes",
        "try again (v2.5 hotfix)",
        "try again, see RFC 2821 section 4.2 hints",
    ],
)
def test_words_that_are_no_time_name_no_wait(text: str) -> None:
    assert named_wait(text) is None


CUES = ("try again in", "Please wait", "Greylisted for", "retry after", "will reset in", "blocked for")
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "second(s)"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "HOURS"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
TAILS = ("", ".", " (see http://example.org/help?d=3s)", ", thank you", "; bye", " before you send more")


@given(
    st.sampled_from(CUES),
    st.integers(0, 99_999),
    st.integers(0, 99),
    st.sampled_from(".,"),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(["", " ", "-"]),
    st.sampled_from(TAILS),
)
def test_what_a_server_writes_is_what_is_read(
    cue: str, whole: int, cents: int, point: str, unit: str, gap: str, tail: str
) -> None:
    number = f"{whole}{point}{cents:02}" if cents else str(whole)
    seconds = ceil((whole * 100 + cents) * UNITS[unit] / 100)
    expected = timedelta(seconds=seconds) if 0 < seconds <= LONGEST_NAMED.total_seconds() else None
    assert named_wait(f"{cue} {number}{gap}{unit}{tail}") == expected


@given(st.sampled_from(CUES), st.integers(1, 47), st.integers(1, 59), st.sampled_from([" ", " and ", ", "]))
def test_a_sum_is_the_sum_of_its_parts(cue: str, hours: int, minutes: int, joint: str) -> None:
    expected = timedelta(hours=hours, minutes=minutes)
    assert named_wait(f"{cue} {hours} hours{joint}{minutes} minutes") == expected
    assert named_wait(f"{cue} {hours}h{minutes}m") == expected


@given(st.sampled_from(CUES), st.integers(1, 5), st.sampled_from(sorted(UNITS)), st.sampled_from("abcxyzé"))
@example("Please wait", 1, "m", "e")
def test_a_letter_glued_to_a_unit_takes_its_meaning(cue: str, number: int, unit: str, letter: str) -> None:
    assume(unit.lower() + letter not in UNITS and not unit.endswith(")"))
    assert named_wait(f"{cue} {number} {unit}{letter}") is None


WORDS = (
    "and",
    "as",
    "am",
    "a",
    "an",
    "one",
    "is",
    "days",
    "hours",
    "minute",
    "second",
    "mad",
    "am",
    "has",
    "try",
)


@given(st.sampled_from(CUES), st.lists(st.sampled_from(WORDS), max_size=6))  # within the reach of a cue
def test_without_a_figure_only_a_whole_word_after_a_or_one_is_a_wait(cue: str, words: list[str]) -> None:
    text = " ".join((cue, *words))
    spelt = re.search(r"\b(?:an?|one) (?:days|hours|minute|second)\b", text)
    assert (named_wait(text) is None) is (spelt is None)


@given(st.sampled_from(CUES), st.text("0123456789.,:-/ smhdwanoe", max_size=40))
def test_whatever_is_read_is_a_wait_of_whole_seconds_up_to_a_week(cue: str, text: str) -> None:
    wait = named_wait(f"{cue} {text}")
    assert wait is None or (timedelta(0) < wait <= LONGEST_NAMED and not wait.microseconds)
