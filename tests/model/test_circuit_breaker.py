"""A campaign that goes wrong stops by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.circuit_breaker import AnswerMark, is_content_refused, is_failing, remember

marks = st.sampled_from(AnswerMark)


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
