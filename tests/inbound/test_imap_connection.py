"""Logging in by IMAP: TLS, refusals, and what of a server's text is shown."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.config.account import Imap
from mailrunner.config.providers import Tls
from mailrunner.errors import UserError
from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
from mailrunner.transports.redaction import without_password
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import ImapServer, Mailbox

TIMEOUT = 60.0  # seconds; no test waits for them


def log_in(imap: Imap, ca_file: Path | None = None) -> None:
    with ImapMailbox.open(imap, ca_file=ca_file, timeout=TIMEOUT):
        pass


# -- TLS


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_tls_is_verified_by_the_accounts_authority(box: Mailbox, imap_server: ImapServer, tls: Tls) -> None:
    imap = imap_server.settings(box.user, tls=tls)

    with pytest.raises(UserError, match=r"the certificate of 127\.0\.0\.1"):
        log_in(imap)

    log_in(imap, imap_server.ca_file)


def test_a_password_is_not_sent_in_the_clear_where_starttls_is_missing() -> None:
    with ScriptedImap(capabilities="AUTH=PLAIN") as server:
        imap = server.settings(tls="starttls")
        with pytest.raises(UserError, match="offers no STARTTLS"):
            log_in(imap)
        assert set(server.commands) - {"LOGOUT"} == {"CAPABILITY"}


# -- Refusals


@pytest.mark.parametrize(
    ("answer", "password", "problem", "error"),
    [
        ("NO [AUTHENTICATIONFAILED] no", "simple", "refused the login of ana", ImapLoginRefusedError),
        ("BAD no", "simple", "refused the login of ana", ImapLoginRefusedError),
        ("OK done", "ä", "only plain ASCII", ImapLoginRefusedError),
        ("NO [UNAVAILABLE] later", "simple", "accepts no logins just now", ImapUnavailableError),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", "simple", "Too", ImapUnavailableError),
        ("* BYE going down\nOK done", "simple", "going down", ImapUnavailableError),
    ],
)
def test_a_refusal_for_good_is_told_from_one_for_now(
    answer: str, password: str, problem: str, error: type[Exception]
) -> None:
    with ScriptedImap(answers={"LOGIN": answer}) as server, pytest.raises(error, match=problem):
        log_in(server.settings(password=password))


# -- The password in what is shown

PASSWORD = 'pa"ss\\wörd 7+ '
SASL = base64.b64encode(f"\0ana\0{PASSWORD}".encode()).decode()


def hidden(text: str, password: str = PASSWORD) -> str:
    return without_password(text, user="ana", password=password, mark="…")


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        PASSWORD.upper(),
        PASSWORD.replace("\\", "\\\\").replace('"', '\\"'),
        repr(PASSWORD.encode())[2:-1],
        ascii(PASSWORD)[1:-1],
        PASSWORD.encode().decode("latin-1"),
        quote(PASSWORD),
        SASL,
        SASL.rstrip("="),
        SASL[: len(SASL) - 9],
        SASL[5:],
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"LOGIN ana {PASSWORD}".encode()).decode(),
        base64.urlsafe_b64encode(f"LOGIN ana ??{PASSWORD}>>".encode()).decode(),
    ],
)
def test_the_password_is_hidden_in_each_form_in_which_a_server_may_repeat_it(form: str) -> None:
    assert hidden(f"I dislike ({form}).") == "I dislike (…)."


@pytest.mark.parametrize(("password", "text"), [("", "no"), ("x" * 20, "AUTHENTICATIONFAILED: [AUTH] +OK")])
def test_other_text_stays_as_it_is(password: str, text: str) -> None:
    assert hidden(text, password) == text


@given(password=st.text(min_size=4), before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_no_base64_shows_the_password(password: str, before: bytes, after: bytes) -> None:
    try:
        told = base64.b64encode(before + password.encode() + after).decode()
    except UnicodeEncodeError:
        return
    assert told not in hidden(told, password)


@pytest.mark.parametrize(
    ("capabilities", "answers", "shown"),
    [
        ("", {"LOGIN": "NO I do not like hunter2"}, "I do not like …"),
        ("", {"LOGIN": 'BAD what is "hunter2"?'}, 'what is "…"?'),
        ("", {"LOGIN": "* LIST hunter2\n* BYE hunter2\nOK done"}, "command: LOGIN => …"),
        ("AUTH=PLAIN", {"AUTHENTICATE": "NO I do not like CREDENTIALS"}, "I do not like …"),
        ("AUTH=PLAIN", {"AUTHENTICATE": "BAD what is CREDENTIALS?"}, "what is …"),
    ],
)
def test_a_server_that_repeats_the_password_does_not_make_us_show_it(
    capabilities: str, answers: dict[str, str], shown: str
) -> None:
    either = (ImapLoginRefusedError, ImapUnavailableError)
    shown = re.escape(shown)
    with (
        ScriptedImap(capabilities=capabilities, answers=answers) as server,
        pytest.raises(either, match=shown) as caught,
    ):
        log_in(server.settings(password="hunter2"))

    credentials = base64.b64encode(b"\0ana\0hunter2").decode()
    assert "hunter2" not in str(caught.value) and credentials[:8] not in str(caught.value)


def test_a_servers_text_is_shown_short_and_without_control_characters() -> None:
    answer = f"NO \x1b[31m\x07{'x' * 9_000}"
    with (
        ScriptedImap(answers={"LOGIN": answer}) as server,
        pytest.raises(ImapLoginRefusedError) as caught,
    ):
        log_in(server.settings())

    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
