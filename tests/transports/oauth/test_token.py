"""Tokens as values: when one is due, and what is read from an answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailrunner.transports.oauth.token import Login, access_token, as_json, from_json, signed_in_as
from tests.support.clocks import START

MINUTE = timedelta(minutes=1)


def answer(**changes: Any) -> dict[str, Any]:
    return {"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, **changes}


@pytest.mark.parametrize(
    ("age", "is_due"),
    [
        (0 * MINUTE, False),
        (54 * MINUTE, False),
        (55 * MINUTE, True),
        (70 * MINUTE, True),
        (-10 * MINUTE, True),
    ],
)
def test_a_token_is_due_five_minutes_before_its_end_or_when_the_clock_went_back(
    age: timedelta, is_due: bool
) -> None:
    assert access_token(answer(), START).is_due(START + age) is is_due


def test_a_short_life_is_used_by_half() -> None:
    token = access_token(answer(expires_in=60), START)
    assert not token.is_due(START + timedelta(seconds=29))
    assert token.is_due(START + timedelta(seconds=30))


@pytest.mark.parametrize("life", [None, 0, -5, "soon", [], float("inf"), float("nan")])
def test_a_life_that_is_none_counts_as_an_hour_at_most_a_year(life: Any) -> None:
    ends = access_token(answer(expires_in=life), START).expires_at
    assert START + timedelta(hours=1) <= ends <= START + timedelta(days=400)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "two words"},
        {"access_token": "line\r\nRCPT TO:<x@example.org>"},
        {"access_token": "ä"},
        {"access_token": "x" * 20_000},
        {"access_token": ["at"]},
        {"token_type": "mac"},
    ],
)
def test_what_could_not_be_sent_is_no_token(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="bearer token"):
        access_token(answer(**spoilt), START)


def test_a_new_refresh_token_takes_the_place_of_the_old_one_and_a_missing_one_leaves_it() -> None:
    login = Login(grant_id="g", logged_in_at=START)
    first = login.with_answer(answer(refresh_token="r1"), "mail", START)
    assert first.with_answer(answer(), "mail", START).refresh_token == "r1"
    assert first.with_answer(answer(refresh_token="r2"), "mail", START).refresh_token == "r2"
    assert first.grant_id == "g"


def test_a_login_survives_its_file() -> None:
    login = Login(grant_id="g", logged_in_at=START).with_answer(
        answer(refresh_token="r1", refresh_token_expires_in=604799), "mail", START
    )
    assert from_json(as_json(login)) == login
    assert login.ends_at == START + timedelta(seconds=604799)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"grant_id": 1}', "null", "[" * 100_000])
def test_a_file_that_holds_no_login_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


@pytest.mark.parametrize(
    "id_token", ["", "a.b", "a.!!.c", "a.bm90IGpzb24.c", "a.W10.c", "a.eyJlbWFpbCI6ICJ4XHUwMDFiQHkifQ.c", 5]
)
def test_an_id_token_without_a_usable_address_names_no_user(id_token: Any) -> None:
    assert signed_in_as({"id_token": id_token}) == ""


def test_tokens_are_in_no_repr() -> None:
    login = Login(grant_id="g", logged_in_at=START).with_answer(answer(refresh_token="rt-1"), "mail", START)
    assert "at-1" not in repr(login) + repr(login.access)
    assert "rt-1" not in repr(login)
