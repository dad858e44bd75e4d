"""Judging servers' answers: a table of known ones, others found later, and what must hold for all."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailrunner.model.outcome import Action, OutcomeKind, Reply, Scope, Stage
from mailrunner.replies import classify, outcome, parse, provider_id

REPLIES = Path(__file__).parents[1] / "data" / "replies"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

stages = st.sampled_from(Stage)
codes = st.integers(0, 999)
enhanced_codes = st.just("") | st.from_regex(r"[245]\.[0-7]\.\d{1,3}", fullmatch=True)
PHRASES = (
    *(
        "mailbox unknown",
        "user unknown",
        "mailbox full",
        "quota exceeded",
        "spam",
        "sender rejected",
        "relay",
    ),
    *(
        "denied",
        "try again later",
        "from",
        "per hour",
        "limit",
        "account disabled",
        "greylisted",
        "5.1.1",
        "@",
    ),
    *("blocked using", "authentication required", "for <ana@example.com>", "too many", "size", "temporarily"),
)
texts = st.text(max_size=200) | st.lists(st.sampled_from(PHRASES), max_size=12).map(" ".join)
providers = st.sampled_from(["", "gmail", "ses", "microsoft365", "smtp", "google-mx"])


TABLES = ("known.csv", "held_out.csv", "further.csv", "unseen.csv", "first_sight.csv", "real.csv")


def rows(name: str) -> list[dict[str, str]]:
    with (REPLIES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judged(row: dict[str, str]) -> str:
    return classify(row["stage"], int(row["code"]), row["enhanced"], row["text"], row["provider"]).action


@pytest.mark.parametrize("name", TABLES[:4])
def test_every_collected_reply_gets_the_right_action(name: str) -> None:
    table = rows(name)
    wrong = [(row, judged(row)) for row in table if judged(row) != row["action"]]
    assert len(table) >= 90
    assert wrong == []


@pytest.mark.parametrize("name", TABLES[:4])
def test_every_collected_reply_has_its_scope_and_stops_at_once_or_not(name: str) -> None:
    for row in rows(name):
        verdict = classify(row["stage"], int(row["code"]), row["enhanced"], row["text"], row["provider"])
        assert (verdict.scope, verdict.at_once) == (row["scope"], row["at_once"] == "yes"), row


@pytest.mark.parametrize("row", [*rows("further.csv"), *rows("unseen.csv")], ids=lambda row: row["text"][:40])
def test_every_reply_waits_as_it_says(row: dict[str, str]) -> None:
    verdict = classify(row["stage"], int(row["code"]), row["enhanced"], row["text"], row["provider"])
    wait = timedelta(seconds=int(row["retry_after"])) if row["retry_after"] else None
    assert verdict.retry_after == wait


@pytest.mark.parametrize(("name", "least"), [("first_sight.csv", 750), ("real.csv", 1080)])
def test_every_reply_labelled_beforehand_gets_an_action_that_is_right(name: str, least: int) -> None:
    table, wrong = rows(name), []
    for row in table:
        verdict = classify(row["stage"], int(row["code"]), row["enhanced"], row["text"], "smtp")
        of_scope = verdict.action is not Action.RETRY or row.get("scope", "") in ("", verdict.scope)
        if verdict.action not in row["action"].split("/") or not of_scope:
            wrong.append((row, verdict.action, verdict.scope))
    assert len(table) >= least
    assert wrong == []


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.EOD])
def test_words_about_us_suppress_no_address_wherever_they_are_said(stage: Stage) -> None:
    """What servers say before they know a recipient, in reply to the recipient or the message."""
    ours = ("connect", "auth", "mail")
    said = [row for name in TABLES for row in rows(name) if row["stage"] in ours]
    suppressed = {
        row["text"]
        for row in said
        if classify(stage, 550, row["enhanced"], row["text"]).action is Action.SUPPRESS
    }
    assert len(said) >= 150
    may_be_a_recipients = {"Account is not active", "Requested action not taken: mailbox unavailable."}
    assert suppressed <= may_be_a_recipients


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.EOD])
def test_no_wording_suppresses_an_address_under_a_passing_code(stage: Stage) -> None:
    for row in (row for name in TABLES for row in rows(name)):
        enhanced = row["enhanced"].replace("5.", "4.", 1)
        verdict = classify(stage, 450, enhanced, row["text"])
        assert verdict.action is not Action.SUPPRESS or verdict.says.startswith("the provider has this"), row


def test_a_raw_reply_is_judged_as_its_parts_are() -> None:
    for row in rows("known.csv"):
        lines = f"{row['enhanced']} {row['text']}".strip()
        reply = parse(row["stage"], int(row["code"]), lines)
        verdict = classify(reply.stage, reply.code, reply.enhanced, reply.text, row["provider"])
        assert verdict.action == row["action"], row


@given(stages, codes, enhanced_codes, texts, providers)
def test_no_reply_whatever_is_too_much(
    stage: Stage, code: int, enhanced: str, text: str, provider: str
) -> None:
    verdict = classify(stage, code, enhanced, text, provider)
    assert verdict.at_once <= (verdict.action is Action.STOP)
    assert verdict.says


@given(st.sampled_from([Stage.CONNECT, Stage.AUTH, Stage.MAIL]), codes, enhanced_codes, texts, providers)
@example(Stage.MAIL, 550, "5.1.1", "User unknown", "")
@example(Stage.MAIL, 556, "5.1.10", "Recipient address has null MX", "")
@example(Stage.CONNECT, 550, "", "mailbox unavailable", "")
def test_an_address_is_never_suppressed_before_it_was_named(
    stage: Stage, code: int, enhanced: str, text: str, provider: str
) -> None:
    assert classify(stage, code, enhanced, text, provider).action is not Action.SUPPRESS
    assert outcome(Reply(stage, code, enhanced, text), provider).suppress is False


@given(st.integers(200, 299), enhanced_codes, texts, providers)
@example(250, "2.0.0", "OK 550 5.1.1 user unknown, daily quota exceeded", "")
def test_a_yes_to_the_final_dot_is_always_sent(code: int, enhanced: str, text: str, provider: str) -> None:
    assert outcome(Reply(Stage.EOD, code, enhanced, text), provider).kind is OutcomeKind.SENT


@given(
    stages,
    st.integers(400, 599) | st.sampled_from([0, 999]),
    st.sampled_from(
        [
            ("5.4.5", "Daily user sending limit exceeded."),
            ("5.4.5", ""),
            ("", "Daily user sending quota exceeded. o65sm25351206pga.71 - gsmtp"),
            ("5.1.1", "You have exceeded your daily sending limit"),
            ("5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
            ("5.1.90", "reached your daily limit for message recipients"),
            (
                "5.7.1",
                "<ana@example.com>: Recipient address rejected: limit of 400 rcpts per 24 hours reached",
            ),
            ("", "Domain example.com has exceeded the max emails per hour (125/100 (125%)) allowed."),
            ("5.7.705", "Access denied, tenant has exceeded threshold"),
            ("4.7.0", "Authentication failed: Maximum credits exceeded"),
        ]
    ),
)
def test_a_spent_quota_never_fails_a_recipient(stage: Stage, code: int, said: tuple[str, str]) -> None:
    result = outcome(Reply(stage, code, *said), "")
    assert (result.kind, result.scope, result.quota) == (OutcomeKind.DEFERRED, Scope.ACCOUNT, True)


@pytest.mark.parametrize(
    ("code", "text", "action"),
    [
        (550, "<nospam@virus.example>... User unknown", Action.SUPPRESS),
        (550, "no mailbox here for quota-exceeded@daily.example", Action.SUPPRESS),
        (452, "<sender.rejected@spamhaus.example>: mailbox is full", Action.RETRY),
    ],
)
def test_words_inside_an_address_decide_nothing(code: int, text: str, action: Action) -> None:
    assert classify(Stage.RCPT, code, "", text).action is action


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "scope"),
    [
        (421, "4.7.28", "unusual rate of mail originating from your IP address", Scope.ACCOUNT),
        (454, "", "Throttling failure: Maximum sending rate exceeded.", Scope.ACCOUNT),
        (421, "", "Message from (192.0.2.5) temporarily deferred", Scope.ACCOUNT),
        (451, "4.7.1", "Try again later", Scope.ACCOUNT),
        (451, "4.7.1", "Greylisting in action, please come back later", Scope.RECIPIENT),
        (450, "4.2.1", "The user you are trying to contact is receiving mail too quickly.", Scope.RECIPIENT),
        (452, "4.2.2", "Mailbox full", Scope.RECIPIENT),
        (450, "", "Requested mail action not taken: mailbox unavailable", Scope.RECIPIENT),
        (450, "4.7.1", "<ana@example.com>: Recipient address rejected: try later", Scope.RECIPIENT),
    ],
)
def test_a_retry_has_its_scope(code: int, enhanced: str, text: str, scope: Scope) -> None:
    verdict = classify(Stage.RCPT, code, enhanced, text)
    assert (verdict.action, verdict.scope) == (Action.RETRY, scope)


def test_a_retry_before_any_recipient_concerns_the_account() -> None:
    assert classify(Stage.MAIL, 452, "4.3.1", "Insufficient system storage").scope is Scope.ACCOUNT


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "text", "at_once"),
    [
        (Stage.MAIL, 553, "5.7.1", "Sender address rejected: not owned by user", True),
        (Stage.EOD, 550, "5.7.26", "blocked because the sender is unauthenticated", True),
        (Stage.EOD, 554, "5.7.1", "rejected due to example.org's DMARC policy", True),
        (Stage.MAIL, 530, "5.7.0", "Must issue a STARTTLS command first.", True),
        (Stage.RCPT, 554, "5.7.1", "<ana@example.com>: Relay access denied", True),
        (Stage.CONNECT, 502, "5.5.1", "Unrecognized command", True),
        (Stage.EOD, 550, "5.7.1", "this message is likely unsolicited mail", False),
        (Stage.EOD, 554, "5.7.1", "Virus Detected; Content Rejected", False),
        (Stage.EOD, 550, "", "this is not for us", False),
        (Stage.RCPT, 550, "5.7.1", "no", False),
    ],
)
def test_only_a_verdict_on_content_waits_for_a_second_opinion(
    stage: Stage, code: int, enhanced: str, text: str, at_once: bool
) -> None:
    result = outcome(Reply(stage, code, enhanced, text))
    assert (result.kind, result.scope, result.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, at_once)


def test_a_full_mailbox_behind_a_submission_service_is_the_senders_own() -> None:
    reply = Reply(Stage.EOD, 552, "5.2.2", "mailbox full")
    assert outcome(reply, "microsoft365").scope is Scope.CAMPAIGN
    assert outcome(reply, "smtp").scope is Scope.RECIPIENT


@pytest.mark.parametrize(
    ("reply", "action", "kind", "scope"),
    [
        (
            Reply(Stage.RCPT, 550, "", "No such user here"),
            Action.SUPPRESS,
            OutcomeKind.REFUSED,
            Scope.RECIPIENT,
        ),
        (Reply(Stage.EOD, 552, "", "Message too large"), Action.FAIL, OutcomeKind.REFUSED, Scope.RECIPIENT),
        (
            Reply(Stage.AUTH, 535, "", "credentials invalid"),
            Action.AUTH,
            OutcomeKind.REFUSED,
            Scope.CREDENTIALS,
        ),
        (Reply(Stage.CONNECT, 421, "", "busy"), Action.RECONNECT, OutcomeKind.DEFERRED, Scope.CONNECTION),
        (Reply(Stage.EOD, 999, "", "?"), Action.RECONNECT, OutcomeKind.DEFERRED, Scope.CONNECTION),
        (Reply(Stage.MAIL, 0, "", ""), Action.RECONNECT, OutcomeKind.DEFERRED, Scope.CONNECTION),
    ],
)
def test_an_action_becomes_an_outcome(reply: Reply, action: Action, kind: OutcomeKind, scope: Scope) -> None:
    result = outcome(reply)
    assert classify(reply.stage, reply.code, reply.enhanced, reply.text).action is action
    assert (result.kind, result.scope, result.suppress) == (kind, scope, action is Action.SUPPRESS)
    assert result.offered is (reply.stage not in (Stage.CONNECT, Stage.AUTH))


def test_the_reason_is_a_sentence_with_the_servers_own_words() -> None:
    reply = parse(Stage.RCPT, 550, "5.1.1 <ana@example.com>... User Unknown")
    assert outcome(reply).reason == (
        "the server says this address does not exist: 550 5.1.1 <ana@example.com>... User Unknown"
    )


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Greylisting in action, please come back in 00:05:00", timedelta(minutes=5)),
        ("Greylisted for 300s", timedelta(minutes=5)),
        ("Greylisted, please come back later", None),
        ("Server busy, try again in 5 minutes", timedelta(minutes=5)),
        ("Hourly sending limit reached, please wait 30 minutes", timedelta(minutes=30)),
        ("Domain example.com has exceeded the max emails per hour (125/100)", timedelta(hours=1)),
        ("Daily message quota exceeded", None),
        ("User unknown, do not try again in 5 minutes", timedelta(minutes=5)),
    ],
)
def test_the_wait_that_a_text_names_is_kept(text: str, wait: timedelta | None) -> None:
    assert outcome(Reply(Stage.RCPT, 451, "", text)).retry_after == wait


def test_an_instant_becomes_a_wait_once_the_time_is_known() -> None:
    reply = Reply(
        Stage.RCPT, 421, "", "Recipient limit exceeded, try again after Fri, 20 Nov 2026 14:00:00 UTC"
    )
    assert classify(reply.stage, reply.code, "", reply.text).retry_at == NOW + timedelta(hours=2)
    assert outcome(reply, now=NOW).retry_after == timedelta(hours=2)
    assert outcome(reply, now=NOW + timedelta(days=1)).retry_after is None
    assert outcome(reply).retry_after is None


def test_a_refusal_for_good_names_no_wait() -> None:
    assert classify(Stage.RCPT, 550, "5.1.1", "User unknown; greatest wait 300 seconds").retry_after is None


@pytest.mark.parametrize(
    ("raw", "enhanced", "text"),
    [
        ("5.1.1 User unknown", "5.1.1", "User unknown"),
        ("5.7.26 This mail has been\n5.7.26 blocked.", "5.7.26", "This mail has been blocked."),
        ("550-5.7.26 one\r\n550 5.7.26 two", "5.7.26", "one two"),
        (
            b"4.2.0 caf\xe9\x00 closed\x07",
            "4.2.0",
            "caf�� closed�",
        ),
        (
            "Sorry, no mailbox here by that name. (#5.1.1)",
            "5.1.1",
            "Sorry, no mailbox here by that name. (#5.1.1)",
        ),
        ("5.1.1.7 is an address", "", "5.1.1.7 is an address"),
        ("", "", ""),
    ],
)
def test_an_answer_is_tidied(raw: str | bytes, enhanced: str, text: str) -> None:
    assert parse("rcpt", 550, raw) == Reply(Stage.RCPT, 550, enhanced, text)


@given(stages, codes, st.text(max_size=3000) | st.binary(max_size=3000))
def test_a_tidied_answer_is_one_short_printable_line(stage: Stage, code: int, raw: str | bytes) -> None:
    text = parse(stage, code, raw).text
    assert len(text) <= 1000
    assert "\n" not in text
    assert not any(ord(letter) < 32 for letter in text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "OK  1731500000 5b1f17b1804b1-432da2ca2dfsm1234567a12.9 - gsmtp",
            "5b1f17b1804b1-432da2ca2dfsm1234567a12.9",
        ),
        ("OK 1731500000-gsmtp", "1731500000"),
        ("Ok 010001937a5b6c7d-1a2b3c4d-000000", "010001937a5b6c7d-1a2b3c4d-000000"),
        ("Ok <0100abc-def-000000>", "0100abc-def-000000"),
        ("Ok: queued as 4XyZ1234abc", "4XyZ1234abc"),
        ("OK: queued as <202611201200.12345@smtp-relay.example>", "202611201200.12345@smtp-relay.example"),
        ("OK id=1tDxyz-0001Ab-2C", "1tDxyz-0001Ab-2C"),
        ("queued. id=d41d8cd9", "d41d8cd9"),
        ("<a@b.example> [InternalId=123456789, Hostname=X] Queued mail for delivery", "123456789"),
        ("4AKC0x1x012345 Message accepted for delivery", "4AKC0x1x012345"),
        ("ok 1731500000 qp 12345", "1731500000 qp 12345"),
        ("Great success", ""),
        ("OK , completed", ""),
        ("", ""),
    ],
)
def test_the_servers_name_for_a_message_is_found(text: str, name: str) -> None:
    assert provider_id(text) == name
    assert outcome(Reply(Stage.EOD, 250, "2.0.0", text)).provider_id == name
