"""An IMAP server that lies about sizes, never ends its answers, or sends them an octet at a time."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count, repeat
from pathlib import Path

import pytest
import trustme

from mailrunner.inbound import imap_client
from mailrunner.inbound.imap import INBOX, ImapMailbox, ImapUnavailableError
from tests.support.imap_script import ScriptedAnswer, ScriptedImap

PATIENT = 60.0  # seconds; no test waits for them


@contextmanager
def opened(server: ScriptedImap) -> Iterator[ImapMailbox]:
    with server, ImapMailbox.open(server.settings(), ca_file=None, timeout=PATIENT) as mailbox:
        mailbox.select(INBOX, readonly=True)
        yield mailbox


def search(answer: ScriptedAnswer) -> list[int]:
    with opened(ScriptedImap(answers={"SEARCH": answer})) as mailbox:
        return mailbox.search("ALL")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "LARGEST_ANSWER", 200_000)
    monkeypatch.setattr(imap_client, "MOST_LINES", 1_000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param("* SEARCH {3221225472}\nOK", "announces 3,221,225,472 octets", id="literal of 3 GB"),
        pytest.param(f"* SEARCH {{{'9' * 5_000}}}\nOK", "not IMAP", id="literal of no size"),
        pytest.param(lambda _: repeat(b"1 " * 500), "more than 200,000 octets", id="endless line"),
        pytest.param(lambda _: repeat(b"* 1 EXISTS\r\n"), "more than 1,000 lines", id="endless lines"),
        pytest.param(
            lambda _: repeat(b"* SEARCH {1000}\r\n" + b"1" * 1_000 + b"\r\n"),
            "more than 200,000 octets",
            id="endless literals",
        ),
    ],
)
def test_an_answer_has_a_largest_size(answer: ScriptedAnswer, problem: str) -> None:
    with pytest.raises(ImapUnavailableError, match=problem):
        search(answer)


@pytest.mark.parametrize("silent_at", ["LOGIN", "LIST", "SEARCH"])
def test_silence_is_no_empty_answer(silent_at: str) -> None:
    """A slow machine ends in the same error, only earlier."""
    with ScriptedImap(answers={silent_at: ""}) as server:
        settings = server.settings()
        with (
            pytest.raises(ImapUnavailableError, match="did not answer"),
            ImapMailbox.open(settings, ca_file=None, timeout=0.1) as mailbox,
        ):
            mailbox.folders()
            mailbox.select(INBOX, readonly=True)
            mailbox.search("ALL")


def test_an_answer_that_drips_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout of a socket begins anew with each octet."""
    ticks = count()
    monkeypatch.setattr(imap_client, "monotonic", lambda: float(next(ticks) * PATIENT))

    with pytest.raises(ImapUnavailableError, match="takes too long"):
        search(lambda _: repeat(b"1"))


def test_each_command_has_a_budget_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "LARGEST_ANSWER", 3_000)
    numbers = " ".join(map(str, range(1, 501)))
    with opened(ScriptedImap(answers={"SEARCH": f"* SEARCH {numbers}\nOK done"})) as mailbox:
        for _ in range(5):
            assert mailbox.search("ALL") == list(range(1, 501))


def idle(answer: ScriptedAnswer, stop: threading.Event | None = None) -> None:
    with opened(ScriptedImap(capabilities="IDLE", answers={"IDLE": answer})) as mailbox:
        mailbox.wait(stop or threading.Event())


def test_what_arrives_with_the_beginning_of_idle_is_noticed() -> None:
    idle(lambda tag: [f"+ idling\r\n* 3 EXISTS\r\n{tag} OK done\r\n".encode()])


def test_a_request_to_stop_ends_idle_in_the_middle_of_a_line() -> None:
    stop = threading.Event()

    def half_a_line(tag: str) -> Iterator[bytes]:
        yield b"+ idling\r\n* 3 "
        stop.set()
        yield f"RECENT\r\n{tag} OK done\r\n".encode()

    idle(half_a_line, stop)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param("NO not now", "IDLE was refused: not now", id="refused"),
        pytest.param(
            lambda _: chain([b"+ idling\r\n"], repeat(b"* 1 RECENT\r\n")), "more than 1,000 lines", id="flood"
        ),
    ],
)
def test_an_idle_that_fails_is_an_error(answer: ScriptedAnswer, problem: str) -> None:
    with pytest.raises(ImapUnavailableError, match=problem):
        idle(answer)


def test_a_connection_that_is_closed_during_idle_is_an_error() -> None:
    def closed(_: str) -> Iterator[bytes]:
        yield b"+ idling\r\n"
        raise OSError  # which ends the connection

    with pytest.raises(ImapUnavailableError, match="closed the connection"):
        idle(closed)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1, and the file of its authority."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return context, tmp_path / "ca.pem"


def test_what_came_unencrypted_is_dropped_after_starttls(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    """An attacker in between may append to the last answer that is not encrypted."""
    context, ca_file = authority

    def injected(tag: str) -> list[bytes]:
        return [f"{tag} OK begin\r\n* BYE injected\r\n".encode()]

    with (
        ScriptedImap(capabilities="STARTTLS", answers={"STARTTLS": injected}, tls=context) as server,
        ImapMailbox.open(server.settings(tls="starttls"), ca_file=ca_file, timeout=PATIENT) as mailbox,
    ):
        assert "IMAP4REV1" in mailbox.capabilities
