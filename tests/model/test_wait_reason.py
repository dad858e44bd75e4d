"""The sentence for a wait: the words of its reason, and its details where they say more."""

from __future__ import annotations

import pytest

from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("", "the account is paused"),
        ("450 slow down", "the account is paused: 450 slow down"),
        ("the account is paused", "the account is paused"),
    ],
)
def test_details_follow_the_reason_unless_they_say_the_same(detail: str, sentence: str) -> None:
    assert sentence_of(Wait(WaitReason.ACCOUNT_PAUSED, None, detail)) == sentence


def test_each_reason_has_words_of_its_own() -> None:
    words = {reason: sentence_of(Wait(reason)) for reason in WaitReason}
    assert len(set(words.values())) == len(WaitReason)
    assert all(words.values())
