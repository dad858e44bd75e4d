"""The keys of campaign files: the values each accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.campaign.tables import SendSpec
from mailrunner.config.toml_table import validate
from tests.support.campaign_toml import HEAD, MESSAGE, RECIPIENTS, SPRING, campaign_of, campaign_problems


@pytest.mark.parametrize(
    "sender", ["no address", "a@b", "a@example.org, b@example.org", "Ana <a@example.org> x", "é@x.org"]
)
def test_the_sender_is_one_address(folder: Path, sender: str) -> None:
    text = SPRING.replace("Ana Pop <ana@example.org>", sender)
    assert set(campaign_problems(folder, text)) == {"message.from"}


@pytest.mark.parametrize("value", ["a\\nb", "a\\rb", "a\\u0000b"])
def test_a_header_is_one_line(folder: Path, value: str) -> None:
    text = SPRING.replace("Hi {{ first_name }}", value).replace("Club news", value).replace("Ana Pop", value)
    text = text.replace(
        "[recipients]", f'reply_to = "{value} <a@example.org>"\nheaders = {{ X-A = "{value}" }}\n[recipients]'
    )
    assert set(campaign_problems(folder, text)) == {
        *("message.subject", "list", "message.from", "message.reply_to", "message.headers.X-A"),
    }


@pytest.mark.parametrize(
    "name",
    [
        *(
            "From",
            "to",
            "SUBJECT",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "List-Unsubscribe",
            "Bcc",
        ),
        *("Cc", "Sender", "Return-Path", "X-Mailrunner-Delivery", "Reply-To", "Precedence", "Resent-To"),
    ],
)
def test_headers_that_mailrunner_sets_are_refused(folder: Path, name: str) -> None:
    text = HEAD + MESSAGE + f'headers = {{ {name} = "x" }}\n' + RECIPIENTS
    problem = campaign_problems(folder, text)[f"message.headers.{name}"]
    assert problem.message.startswith(f"{name} ") and problem.hint == "leave it out of headers"


@pytest.mark.parametrize(
    ("name", "truth"),
    [("Bcc", "one recipient alone"), ("Reply-To", "is message.reply_to"), ("List-Post", "is made from list")],
)
def test_a_header_that_cannot_be_set_says_why(folder: Path, name: str, truth: str) -> None:
    text = HEAD + MESSAGE + f'headers = {{ {name} = "x" }}\n' + RECIPIENTS
    assert truth in campaign_problems(folder, text)[f"message.headers.{name}"].message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"a@example.org"', "a@example.org"),
        ('"Pop, Ana <a@example.org>"', None),
        ('"\\"Pop, Ana\\" <a@example.org>, b@example.org"', '"Pop, Ana" <a@example.org>, b@example.org'),
        ('["a@example.org", "Bo <b@example.org>"]', "a@example.org, Bo <b@example.org>"),
        ('["a@example.org", "b@example.org, c@example.org"]', None),
        ('["a@example.org", 7]', None),
        ("[]", None),
        ('","', None),
    ],
)
def test_replies_may_go_to_several_mailboxes(folder: Path, written: str, read: str | None) -> None:
    text = HEAD + MESSAGE + f"reply_to = {written}\n" + RECIPIENTS
    if read is None:
        assert set(campaign_problems(folder, text)) == {"message.reply_to"}
    else:
        assert campaign_of(folder, text).message.reply_to == read


@pytest.mark.parametrize("name", ["News!", "!!!", "a b", "a/b", "..", ""])
def test_an_id_is_made_of_letters_digits_and_three_signs(folder: Path, name: str) -> None:
    assert set(campaign_problems(folder, f'id = "{name}"\n' + SPRING)) == {"id"}


def test_a_list_needs_a_letter_or_a_digit(folder: Path) -> None:
    assert set(campaign_problems(folder, SPRING.replace("Club news", "!!"))) == {"list"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("start = 2026-12-01T08:00:00", "no time zone"),
        ("start = 2026-12-01", "not a date"),
        ('start = "2026-12-01T08:00:00+02:00"', "without quotes"),
        ("give_up_after = 48", "not a number"),
        ('per_second = "1"', "not a pace"),
        ("per_second = true", "not a pace"),
        ("per_second = nan", "not a pace"),
        ("stop_if_failing = 10", "not a share"),
        ('stop_if_failing = "0%"', "not a share"),
        ('window = "08:00-20:00"', "no time zone"),
    ],
)
def test_a_wrong_value_in_send_is_refused(folder: Path, line: str, message: str) -> None:
    (problem,) = campaign_problems(folder, f"{SPRING}[send]\n{line}\n").values()
    assert message in str(problem)


def test_stop_if_failing_may_be_off_or_a_share(folder: Path) -> None:
    assert campaign_of(folder, f'{SPRING}[send]\nstop_if_failing = "off"\n').send.stop_if_failing is None
    assert campaign_of(folder, f"{SPRING}[send]\nstop_if_failing = 0.2\n").send.stop_if_failing == 0.2


@given(st.one_of(st.floats(0.001, 1000), st.integers(1, 1000)))
def test_a_pace_is_a_limit_of_that_rate(pace: float) -> None:
    limit = SendSpec.model_validate({"per_second": pace}).limit
    assert limit is not None
    assert limit.number is not None
    assert limit.number / limit.period.total_seconds() == pytest.approx(pace, rel=0.06)


def test_a_pace_below_one_is_a_limit_of_one_in_seconds() -> None:
    limits = [SendSpec.model_validate({"per_second": pace}).limit for pace in (0.5, 2.5, 14)]
    assert [str(limit) for limit in limits] == ["1/2s", "5/2s", "14/1s"]


@given(
    st.recursive(st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3))
)
def test_any_table_is_a_send_table_or_has_problems(table: Any) -> None:
    found, faults = validate(SendSpec, table)
    assert (found is not None and not faults) or faults
