"""Judging the answers of HTTP APIs: collected ones, others that are like them, and what holds for all."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.outcome import Action, OutcomeKind, Scope, Stage
from mailrunner.replies.http import HttpReply, asked_waits, classify, connect_outcome, outcome

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"
PROVIDERS: tuple[str, ...] = (
    "gmail-api",
    "graph",
    "ses-api",
    "mailgun-api",
    "sendgrid-api",
    "postmark-api",
    "mandrill-api",
)
PROVIDERS += ("brevo-api", "resend-api", "sparkpost-api", "smtp2go-api", "mailjet-api", "mailtrap-api")


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["http_replies.csv", "http_replies_unseen.csv", "http_replies_real.csv"])
def test_every_collected_answer_gets_its_action(name: str) -> None:
    wrong = []
    for row in rows(name):
        action = classify(
            row["provider"], int(row["code"]), row["enhanced"], row["text"], row["stage"]
        ).action
        if action not in row["action"].split("/"):
            wrong.append((*row.values(), str(action)))
    assert wrong == []


@given(
    st.sampled_from((*PROVIDERS, "another")),
    st.integers(100, 599),
    st.text(max_size=30),
    st.text(max_size=200),
)
def test_no_answer_whatever_it_says_raises_or_is_a_yes_by_itself(
    provider: str, status: int, name: str, text: str
) -> None:
    judged = outcome(HttpReply(provider=provider, status=status, name=name, text=text), NOW)
    assert judged.kind is not OutcomeKind.SENT
    assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in judged.reason)


@given(st.sampled_from(PROVIDERS), st.integers(500, 599), st.text(max_size=60))
def test_a_fault_of_the_server_never_says_that_nothing_was_taken_without_words_for_it(
    provider: str, status: int, text: str
) -> None:
    judged = classify(provider, status, "", text)
    passing = (Action.IN_DOUBT, Action.RECONNECT, Action.STOP)
    assert judged.action in passing
    if status in (500, 502, 504) and provider != "resend-api":
        assert judged.action is Action.IN_DOUBT


@given(st.sampled_from(PROVIDERS), st.integers(300, 399), st.text(max_size=60), st.text(max_size=60))
def test_a_redirect_stops_whatever_it_says(provider: str, status: int, name: str, text: str) -> None:
    judged = classify(provider, status, "", text)
    assert (judged.action, judged.at_once) == (Action.STOP, True)


@pytest.mark.parametrize(
    "text", ["Invalid JSON, unable to parse", "You are not allowed to send: invalid key"]
)
def test_to_as_a_plain_word_suppresses_no_address(text: str) -> None:
    for provider in PROVIDERS:
        assert classify(provider, 400, "", text).action is not Action.SUPPRESS


def test_a_whole_request_that_is_answered_early_was_not_taken() -> None:
    fault = HttpReply(provider="mailgun-api", status=500, early=True)
    assert outcome(fault).kind is OutcomeKind.DEFERRED
    yes = HttpReply(provider="mailgun-api", status=200, taken=True, early=True)
    assert outcome(yes).kind is OutcomeKind.IN_DOUBT


def test_an_acceptance_that_cannot_be_read_is_in_doubt() -> None:
    assert outcome(HttpReply(provider="mandrill-api", status=200, taken=None)).kind is OutcomeKind.IN_DOUBT


def test_what_is_taken_and_kept_back_is_sent_and_pauses_the_account() -> None:
    kept = HttpReply(
        provider="mandrill-api", status=200, name="queued", text="hourly-quota-exhausted", taken=True
    )
    judged = outcome(kept)
    assert (judged.kind, judged.quota) == (OutcomeKind.SENT, True)
    plain = HttpReply(provider="mandrill-api", status=200, name="queued", text="attachments", taken=True)
    assert not outcome(plain).quota


@pytest.mark.parametrize(
    ("field", "value", "wait"),
    [
        ("retry-after", "120", timedelta(minutes=2)),
        ("retry-after", "Thu, 26 Nov 2026 01:00:30 GMT", timedelta(seconds=30)),
        ("retry-after", "Thu, 26 Nov 2020 01:00:30 GMT", None),
        ("retry-after", "soon", None),
        ("retry-after", "0", timedelta(seconds=1)),
        ("retry-after", "-5", None),
        ("retry-after", "99999999999999999999", None),
        ("ratelimit-reset", "1", timedelta(seconds=1)),
        ("x-ratelimit-reset", str(int(NOW.timestamp()) + 7), timedelta(seconds=7)),
        ("x-apiquota-reset", "2026-11-26T02:00:00Z", timedelta(hours=1)),
        ("x-apiquota-reset", "2026-99-26T02:00:00Z", None),
    ],
)
def test_the_wait_that_header_fields_ask_for(field: str, value: str, wait: timedelta | None) -> None:
    assert next(filter(None, asked_waits({field: value}, NOW)), None) == wait


def test_the_window_of_a_rate_says_nothing_of_a_quota_or_a_fault() -> None:
    second = timedelta(seconds=1)
    spent = HttpReply(
        provider="resend-api", status=429, name="daily_quota_exceeded", wait=second, rate_wait=second
    )
    assert outcome(spent, NOW).retry_after is None
    slower = HttpReply(provider="resend-api", status=429, name="rate_limit_exceeded", rate_wait=second)
    assert outcome(slower, NOW).retry_after == second
    fault = HttpReply(provider="sendgrid-api", status=500, rate_wait=second)
    assert outcome(fault, NOW).retry_after is None


def test_the_wait_that_words_ask_for() -> None:
    until = "User-rate limit exceeded.  Retry after 2026-11-26T01:00:20.000Z"
    judged = outcome(HttpReply(provider="gmail-api", status=429, name="rateLimitExceeded", text=until), NOW)
    assert (judged.scope, judged.retry_after) == (Scope.ACCOUNT, timedelta(seconds=20))
    hourly = HttpReply(
        provider="sparkpost-api", status=420, name="2101", text="Exceed Sending Limit (hourly)"
    )
    assert outcome(hourly, NOW).retry_after == timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "kind"), [(407, OutcomeKind.REFUSED), (403, OutcomeKind.REFUSED), (502, OutcomeKind.DEFERRED)]
)
def test_a_proxys_refusal_offered_nothing(status: int, kind: OutcomeKind) -> None:
    judged = connect_outcome(status, "Forbidden")
    assert (judged.kind, judged.offered) == (kind, False)
    assert judged.reply is not None and judged.reply.stage is Stage.CONNECT
