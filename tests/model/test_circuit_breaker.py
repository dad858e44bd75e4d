"""A campaign that goes wrong stops by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.circuit_breaker import (
    AnswerMark,
    is_anyone_accepted,
    is_content_refused,
    is_failing,
    is_no_message_small_enough,
    is_no_recipient_known,
    remember,
    stop_reason,
)

marks = st.sampled_from([mark for mark in AnswerMark if mark is not AnswerMark.DEFERRED])


@given(st.lists(marks, max_size=250))
def test_the_last_hundred_answers_are_remembered_in_order(answers: list[AnswerMark]) -> None:
    recent = ""
    for answer in answers:
        recent = remember(recent, answer)
    assert recent == "".join(answers)[-100:]


@pytest.mark.parametrize(
    ("recent", "failing"),
    [
        ("f" * 19, False),
        ("f" * 20, True),
        ("s" * 19 + "f", False),
        ("s" * 18 + "ff", True),
        ("s" * 91 + "f" * 9, False),
        ("s" * 90 + "f" * 10, True),
        ("f" * 50 + "s" * 100, False),
        ("s" * 20, False),
        ("c" * 20, False),
        ("", False),
        ("u" * 19, False),
        ("s" * 90 + "u" * 10, True),  # held as unknown, and none was accepted since
        ("s" * 90 + "u" * 9 + "s", False),
        ("s" * 85 + "u" * 5 + "f" * 5, True),
        ("d" + "f" * 19, False),  # a deferral is no answer yet
    ],
)
def test_a_tenth_of_the_last_answers_is_too_much_from_twenty_on(recent: str, failing: bool) -> None:
    assert is_failing(recent, 0.10) is failing


def test_the_breaker_can_be_switched_off() -> None:
    assert not is_failing("f" * 100, None)


def test_a_share_of_nothing_still_needs_one_failure() -> None:
    assert not is_failing("s" * 100, 0.0)
    assert is_failing("s" * 99 + "f", 0.0)


@pytest.mark.parametrize(
    ("recent", "refused"),
    [
        ("", False),
        ("cc", False),
        ("ccc", True),
        ("ccc" + "s" * 17, True),
        ("ccc" + "s" * 18, False),
        ("csc" * 2, True),
    ],
)
def test_three_verdicts_in_the_last_twenty_answers_condemn_the_content(recent: str, refused: bool) -> None:
    assert is_content_refused(recent) is refused


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "d"), ("d", "d"), ("s", "s"), ("sf", "sf"), ("fu", "fud"), ("c", "cd")],
)
def test_a_deferral_is_remembered_only_while_none_was_accepted_or_put_off(before: str, after: str) -> None:
    assert remember(before, AnswerMark.DEFERRED) == after


@pytest.mark.parametrize(
    ("recent", "accepted"),
    [("", False), ("s", True), ("sffff", True), ("sfffff", False), ("sffffd", True), ("uuuuu", False)],
)
def test_one_acceptance_among_the_last_five_answers_shows_that_the_server_takes_our_mail(
    recent: str, accepted: bool
) -> None:
    assert is_anyone_accepted(recent) is accepted


@pytest.mark.parametrize(
    ("recent", "unknown"),
    [
        ("u" * 4, False),
        ("u" * 5, True),
        ("ufufufufu", True),
        ("s" + "u" * 50, False),
        ("u" * 50 + "s", False),
        ("d" + "u" * 50, False),
        ("c" + "u" * 50, False),
        ("f" * 50, False),
    ],
)
def test_five_unknown_recipients_and_no_other_answer_are_our_fault(recent: str, unknown: bool) -> None:
    assert is_no_recipient_known(recent) is unknown


@pytest.mark.parametrize(
    ("recent", "words"),
    [
        ("u" * 20 + "ccc", "3 of the last 20 messages were refused for their content"),
        ("u" * 20, "no recipient so far is known to the server"),
        ("d" + "f" * 20, "10% or more of the last 20 messages failed"),
        ("s" * 20, ""),
    ],
)
def test_the_reason_names_what_is_wrong_the_likeliest_first(recent: str, words: str) -> None:
    reason = stop_reason(recent, 0.10)
    assert reason.startswith(words) and bool(reason) is bool(words)


@pytest.mark.parametrize(
    ("recent", "stops"), [("b" * 4, False), ("b" * 5, True), ("fbbbbdb", True), ("b" * 50 + "s", False)]
)
def test_five_messages_too_big_and_none_accepted_stop_the_campaign(recent: str, stops: bool) -> None:
    assert is_no_message_small_enough(recent) is stops
    assert ("larger than the server takes" in stop_reason(recent, None)) is stops
