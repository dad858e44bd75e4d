"""Replies about access, login, policy or the sender suppress no recipient: they are about us."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.outcome import Action, Reply, Scope, Stage
from mailrunner.replies import classify, outcome
from tests.support.projects import Project

ADDRESS = "<ana@example.com>: "
REFUSED_ENTRY = [
    ("5.7.1", ADDRESS + "Recipient address rejected: Access denied", Action.AUTH),
    ("", ADDRESS + "Recipient address rejected: Access denied", Action.AUTH),
    ("5.7.1", "<mail.example.org[192.0.2.5]>: Client host rejected: Access denied", Action.AUTH),
    ("5.7.1", ADDRESS + "Relay access denied", Action.STOP),
    ("5.7.1", "<ana@example.org>: Sender address rejected: Access denied", Action.STOP),
    ("5.7.1", "<ana@example.org>: Sender address rejected: not logged in", Action.AUTH),
    ("5.7.0", "authentication required", Action.AUTH),
    ("5.1.1", "Authentication required", Action.AUTH),
    ("5.7.0", "Must issue a STARTTLS command first", Action.STOP),
    ("5.7.1", "<localhost>: Helo command rejected: Access denied", Action.STOP),
    ("", "Access denied", Action.STOP),
]


@pytest.mark.parametrize(("enhanced", "text", "action"), REFUSED_ENTRY)
def test_a_client_that_the_server_refuses_stops_the_campaign(
    enhanced: str, text: str, action: Action
) -> None:
    result = outcome(Reply(Stage.RCPT, 554, enhanced, text))
    assert classify(Stage.RCPT, 554, enhanced, text).action is action
    assert result.scope is not Scope.RECIPIENT
    assert not result.suppress


@pytest.mark.parametrize(
    ("enhanced", "text"),
    [
        ("5.7.1", ADDRESS + "Recipient address rejected: Policy"),
        ("5.1.1", ADDRESS + "rejected by policy"),
        ("5.1.1", ADDRESS + "Recipient address rejected: Access denied"),
        ("5.1.1", ADDRESS + "your server 192.0.2.10 may not send here"),
        ("5.7.1", "Requested action not taken: mailbox unavailable"),
        ("5.7.1", "Account suspended"),
        ("5.7.1", "address rejected"),
        ("5.7.1", "User unknown: please log in with your password"),
        ("5.1.1", "Your account does not exist"),
        ("", "Mailbox unavailable or access denied"),
        ("5.1.1", ADDRESS + "Recipient address rejected: unverified address: connection timed out"),
        ("5.1.1", ADDRESS + "Recipient address rejected: undeliverable address: mail loops back to myself"),
        (
            "5.1.1",
            ADDRESS
            + "Recipient address rejected: undeliverable address: host mx.example.net[192.0.2.9] said: "
            "554 5.7.1 <ana@example.com>: Relay access denied",
        ),
        (
            "5.1.1",
            ADDRESS
            + "Recipient address rejected: undeliverable address: host mx.example.net[192.0.2.9] said: "
            "550 5.7.1 Client host rejected: Access denied",
        ),
    ],
)
def test_words_that_may_be_about_us_suppress_no_recipient(enhanced: str, text: str) -> None:
    assert outcome(Reply(Stage.RCPT, 550, enhanced, text)).suppress is False


@pytest.mark.parametrize(
    ("enhanced", "text"),
    [
        (
            "5.4.1",
            "Recipient address rejected: Access denied. [example.com]",
        ),
        ("5.1.1", ADDRESS + "Recipient address rejected: User unknown in relay recipient table"),
        ("5.1.1", ADDRESS + "Recipient address rejected: User unknown in virtual alias table"),
        ("5.7.1", ADDRESS + "Recipient address rejected: User unknown in local recipient table"),
        ("5.1.2", ADDRESS + "Recipient address rejected: Domain not found"),
        ("5.7.1", "No such user!"),
        ("5.1.1", ADDRESS + 'Recipient address rejected: undeliverable address: unknown user: "ana"'),
        (
            "5.1.1",
            ADDRESS
            + "Recipient address rejected: undeliverable address: host mx.example.net[192.0.2.9] said: "
            "550 5.1.1 <ana@example.com>: Recipient address rejected: user unknown",
        ),
        ("5.1.1", "See https://support.example.com/policy/sender/access"),
        ("", "Sorry, your message to ana@aol.jp cannot be delivered. This mailbox is disabled (554.30)"),
    ],
)
def test_words_that_name_a_dead_address_suppress_it(enhanced: str, text: str) -> None:
    assert outcome(Reply(Stage.RCPT, 550, enhanced, text)).suppress is True


OURS = (
    "access denied",
    "relaying denied",
    "sender rejected",
    "policy",
    "please log in",
    "your IP is blocked",
)
VAGUE = (
    "mailbox unavailable",
    "address rejected",
    "undeliverable address",
    "account disabled",
    "mailbox",
    "",
)


@given(
    st.sampled_from(OURS), st.sampled_from(VAGUE), st.sampled_from(["", "5.1.1", "5.7.1", "5.2.1", "5.0.0"])
)
def test_vague_words_beside_ours_never_suppress(ours: str, vague: str, enhanced: str) -> None:
    for text in (f"{ours}: {vague}", f"{vague}: {ours}"):
        assert outcome(Reply(Stage.RCPT, 550, enhanced, text)).suppress is False, text


@given(st.integers(0, 999), st.sampled_from(VAGUE), st.integers(550, 559))
def test_a_code_of_policy_never_suppresses_on_vague_words(detail: int, text: str, code: int) -> None:
    assert outcome(Reply(Stage.RCPT, code, f"5.7.{detail}", text)).suppress is False


def checked(folder: Path, *, host: str, port: int, login: str = "") -> str:
    project = Project(folder).write(rows=["ana@example.org,Ana"])
    project.write_account(server=f'provider = "smtp"\nhost = "{host}"\nport = {port}\n{login}')
    answer = project.mailrunner("check", "spring")
    assert answer.code == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("port", [465, 587])
def test_check_warns_of_a_submission_server_without_a_login(tmp_path: Path, port: int) -> None:
    said = checked(tmp_path, host="mail.example.org", port=port)
    assert f"there is no login for mail.example.org, but port {port} wants one" in said
    assert "set user and password in [accounts.relay]" in said


@pytest.mark.parametrize(
    ("host", "port", "login"),
    [
        ("127.0.0.1", 587, ""),
        ("localhost", 465, ""),
        ("mail.example.org", 25, 'tls = "none"\n'),
        ("mail.example.org", 587, 'user = "ana"\npassword = "secret-of-ana"\n'),
    ],
)
def test_check_says_nothing_where_a_login_is_not_missing(
    tmp_path: Path, host: str, port: int, login: str
) -> None:
    assert "there is no login" not in checked(tmp_path, host=host, port=port, login=login)
