"""Replies about the sender's rate, or about this session alone, whatever recipient they name."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from mailrunner.model.outcome import Action, Reply, Scope, Stage
from mailrunner.model.outcome_policy import RetryPolicy, decide
from mailrunner.replies import classify, outcome
from tests.support.clocks import START

ADDRESS = "<ana@example.com>"
HOUR = timedelta(hours=1)
PATIENCE = RetryPolicy(give_up_after=2 * HOUR, quota_pause=24 * HOUR, throttle_pause=HOUR / 4)


@pytest.mark.parametrize("code", [450, 550])
@pytest.mark.parametrize(
    ("enhanced", "text", "wait"),
    [
        ("5.1.1", f"{ADDRESS} - 192.0.2.10 has sent to too many recipients this hour", HOUR),
        ("5.1.1", f"{ADDRESS} - 192.0.2.10 has sent to too many recipients per hour", HOUR),
        ("5.1.1", f"{ADDRESS} - 192.0.2.10 has sent to too many recipients each day", None),
        ("5.1.1", f"{ADDRESS} too many messages per day from 192.0.2.10", None),
        (
            "5.7.1",
            "The limit on the number of allowed outgoing messages was exceeded. Try again later.",
            None,
        ),
        ("5.7.1", f"{ADDRESS}: Recipient address rejected: Policy Rejection- Quota Exceeded", None),
        ("5.1.1", "Your quota will reset in 5.08 hours", timedelta(seconds=18288)),
        ("5.7.1", "Your account has reached its daily message cap", None),
    ],
)
def test_the_senders_rate_is_the_accounts(
    code: int, enhanced: str, text: str, wait: timedelta | None
) -> None:
    result = outcome(Reply(Stage.RCPT, code, enhanced, text))
    assert (result.scope, result.quota, result.suppress) == (Scope.ACCOUNT, True, False)
    assert result.retry_after == wait


@pytest.mark.parametrize(
    "text",
    [
        f"{ADDRESS} has received too many messages this hour",
        "The recipient has exceeded their limit for the number of messages they can receive per hour",
        "Too many recipients received this hour (throttled)",
    ],
)
def test_the_recipients_rate_is_not(text: str) -> None:
    assert classify(Stage.RCPT, 452, "", text).action is Action.RETRY


@pytest.mark.parametrize(
    ("code", "enhanced", "text"),
    [
        (421, "4.7.0", "mx.example.com Error: too many errors"),
        (421, "4.7.1", "too many errors, closing connection"),
        (421, "", "closing connection"),
        (421, "", "mx.example.com closing transmission channel"),
        (421, "4.3.2", "mx.example.com Service closing transmission channel"),
        (421, "", "Closing the connection."),
        (421, "", ""),
        (421, "", "Bye"),
        (421, "4.3.2", "The server is going down for maintenance"),
        (452, "4.5.3", "Too many recipients this session"),
        (452, "4.5.3", "Maximum number of recipients per session exceeded"),
        (452, "", "too many messages per connection"),
    ],
)
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.EOD])
def test_the_end_of_a_session_pauses_no_account(stage: Stage, code: int, enhanced: str, text: str) -> None:
    result = outcome(Reply(stage, code, enhanced, text))
    what = decide(result, attempts=1, waited=timedelta(0), policy=PATIENCE, now=START, random=Random(1))
    assert result.scope is Scope.CONNECTION
    assert (what.attempted, what.pause_account_until) == (False, None)


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "action"),
    [
        (421, "4.7.0", "Too many messages from your host, closing connection", Action.RETRY),
        (421, "4.7.0", "IP not in whitelist for RCPT domain, closing connection.", Action.STOP),
        (452, "4.5.3", "Your message has too many recipients", Action.RETRY),
    ],
)
def test_a_reason_counts_for_more_than_the_goodbye(
    code: int, enhanced: str, text: str, action: Action
) -> None:
    assert classify(Stage.RCPT, code, enhanced, text).action is action


def test_no_valid_recipients_is_out_of_step_only_after_the_recipients() -> None:
    said = (554, "5.5.1", "Error: no valid recipients")
    assert classify(Stage.DATA, *said).action is Action.RECONNECT
    assert classify(Stage.RCPT, 550, "5.1.1", "No valid recipients").action is Action.SUPPRESS
    assert classify(Stage.RCPT, 550, "", "No valid recipients").action is Action.FAIL


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "action"),
    [
        (501, "5.1.5", "Recipient address reserved", Action.FAIL),
        (503, "", "this recipient is none of ours", Action.FAIL),
        (504, "", "mailbox parameter refused", Action.FAIL),
        (503, "", "wrong order", Action.RECONNECT),  # of no recipient: the dialogue
        (502, "", "mail from account is served elsewhere", Action.STOP),  # of the sender
        (503, "5.5.2", "this recipient is none of ours", Action.RECONNECT),  # the enhanced code says of what
    ],
)
def test_a_code_of_the_protocol_that_answers_an_address_is_of_that_address(
    code: int, enhanced: str, text: str, action: Action
) -> None:
    assert classify(Stage.RCPT, code, enhanced, text).action is action


@pytest.mark.parametrize(
    "text",
    [
        f"Postmaster verification failed while checking {ADDRESS} Response: 550 {ADDRESS}: User unknown",
        f"Verification failed for {ADDRESS} No Such User Here",
        "unusual number of invalid recipients",
        "a high rate of unknown users",
        "mostly invalid recipients",
        "This mailbox no longer accepts mail from outside",
        "This account no longer accepts messages with attachments",
    ],
)
@pytest.mark.parametrize("enhanced", ["5.7.0", "5.7.1"])
def test_a_reply_about_the_sender_or_a_kind_of_message_suppresses_no_recipient(
    text: str, enhanced: str
) -> None:
    assert classify(Stage.RCPT, 550, enhanced, text).action is not Action.SUPPRESS
