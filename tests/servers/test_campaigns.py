"""Campaigns through mail servers that are not ours, held against what these took."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.crash.books import Books
from tests.support.commands import answered
from tests.support.exim_server import Exim
from tests.support.mail_servers import MailServer
from tests.support.opensmtpd_server import OpenSmtpd
from tests.support.postfix_server import Postfix
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

Taken = Callable[[], Counter[str]]
KINDS = [Postfix, Exim, OpenSmtpd]


@contextmanager
def running(kind: Callable[..., MailServer], settings: str = "") -> Iterator[tuple[MailServer, Taken]]:
    """A server, and what it took so far."""
    with SmtpServer() as hop, kind(next_hop=hop.port, settings=settings) as server:

        def taken() -> Counter[str]:
            mailboxes = server.accepted()  # which waits until all is delivered or handed on
            return mailboxes + Counter(message.recipient for message in hop.accepted)

        yield server, taken


def people(number: int, start: str = "person") -> list[str]:
    """Addresses that no other test has, as one of the servers keeps its queue."""
    return [f"{start}{n}-{uuid4().hex[:12]}@example.org" for n in range(number)]


def project(
    folder: Path,
    server: MailServer,
    addresses: list[str],
    *,
    connections: int = 2,
    limits: str = '"10000/24h"',
) -> Project:
    """A project whose campaign "spring" goes to them through the server."""
    written = Project(folder)
    written.write_account(port=server.port, limits=limits, connections=connections)
    written.write_campaign("spring", csv="people.csv", send='stop_if_failing = "off"')
    written.put("data/people.csv", "\n".join(["email,name", *(f"{each},Name" for each in addresses)]))
    return written


def states(folder: Path) -> dict[str, str]:
    return Books(f"sqlite:///{folder}/data/mailrunner.db").states()


def suppressed(folder: Path) -> set[str]:
    """Who gets nothing any more."""
    return {each["address"] for each in answered(folder, "suppress", "list")[1]["entries"]}


@pytest.mark.parametrize("kind", KINDS)
def test_every_recipient_gets_one_copy_and_an_unknown_one_has_failed(
    tmp_path: Path, kind: Callable[..., MailServer]
) -> None:
    good, gone = people(55), people(5, "gone")
    with running(kind) as (server, taken):
        code, said = answered(project(tmp_path, server, good[:30] + gone + good[30:]).folder, "run", "spring")
        assert code == 1, said
        assert taken() == Counter(good)
    assert states(tmp_path) == dict.fromkeys(good, "sent") | dict.fromkeys(gone, "failed")
    assert suppressed(tmp_path) <= set(gone)


@pytest.mark.parametrize(
    ("kind", "settings", "sign"),
    [
        (Postfix, "", " bdat="),
        (Postfix, "smtpd_discard_ehlo_keywords = chunking", " data="),
        (Postfix, "smtpd_discard_ehlo_keywords = chunking, pipelining", " data="),
        (Exim, "log_selector = +smtp_connection", "K S="),
        (Exim, "chunking_advertise_hosts =\npipelining_advertise_hosts =", " P=esmtp S="),
    ],
)
def test_each_extension_is_used_as_the_server_really_has_it(
    tmp_path: Path, kind: Callable[..., MailServer], settings: str, sign: str
) -> None:
    good = people(12)
    with running(kind, settings) as (server, taken):
        assert answered(project(tmp_path, server, good).folder, "run", "spring")[0] == 0
        assert taken() == Counter(good)
        assert sign in server.log()
        assert "synchronization" not in server.log()
        assert "improper" not in server.log()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        # 421 after so many errors, of which each recipient that is unknown is one
        (Postfix, "smtpd_hard_error_limit = 4\nsmtpd_error_sleep_time = 0"),
        # 421 after so many messages
        (Exim, "smtp_accept_max_per_connection = 7"),
        # 452 after so many, on a connection that stays open
        (OpenSmtpd, "smtp limit max-mails 7"),
    ],
)
def test_a_limit_of_one_session_leads_to_the_next(
    tmp_path: Path, kind: Callable[..., MailServer], settings: str
) -> None:
    good, gone = people(25), people(7, "gone")
    with running(kind, settings) as (server, taken):
        written = project(tmp_path, server, [*good[:5], *gone, *good[5:]], connections=1)
        code, said = answered(written.folder, "run", "spring")
        assert code == 1, said
        assert taken() == Counter(good)
    assert states(tmp_path) == dict.fromkeys(good, "sent") | dict.fromkeys(gone, "failed")


@pytest.mark.parametrize("limit", ["message", "recipient"])
def test_a_limit_of_the_rate_pauses_the_account_and_fails_no_recipient(tmp_path: Path, limit: str) -> None:
    good = people(20)
    settings = f"smtpd_client_{limit}_rate_limit = 8\nsmtpd_client_event_limit_exceptions ="
    with running(Postfix, settings) as (server, taken):
        code, said = answered(project(tmp_path, server, good, connections=1).folder, "run", "spring")
        assert code == 75, said
        assert said["resume_at"]
        found = states(tmp_path)
        assert taken() == Counter(address for address in good if found[address] == "sent")
    assert Counter(found.values()) == {"sent": 8, "queued": 12}
    assert suppressed(tmp_path) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_kill_each_address_has_one_copy_or_is_in_doubt(
    tmp_path: Path, kind: Callable[..., MailServer]
) -> None:
    good = people(120)
    with running(kind) as (server, taken):
        folder = project(tmp_path, server, good, limits='"60/second"').folder  # a burst, and one more
        words = [sys.executable, "-m", "mailrunner", "run", "spring", "--quiet", "--yes"]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL) as run:
            server.has(10)
            run.send_signal(signal.SIGKILL)
        assert run.returncode == -signal.SIGKILL, "it had ended before"
        assert answered(folder, "resume")[0] in (0, 1)
        copies = taken()
    after = states(tmp_path)
    assert set(after.values()) <= {"sent", "in_doubt"}
    for address in good:
        assert copies[address] == 1 or (after[address], copies[address]) == ("in_doubt", 0)
    assert len([each for each in good if after[each] == "in_doubt"]) <= 4  # two on each connection


@pytest.mark.parametrize(
    ("kind", "settings", "domain", "expected"),
    [
        (Postfix, "", "other.example", 76),  # 554 5.7.1 <x>: Relay access denied
        (Postfix, "smtpd_relay_restrictions = defer_unauth_destination", "other.example", 76),  # 454 4.7.1
        (Exim, "", "other.example", 76),  # 550 relay not permitted
        # Debian's block for submission: 554 5.7.1 <x>: Recipient address rejected: Access denied
        (Postfix, "smtpd_recipient_restrictions = permit_sasl_authenticated, reject", "example.org", 77),
    ],
)
def test_a_server_that_accepts_no_client_fails_and_suppresses_no_recipient(
    tmp_path: Path, kind: Callable[..., MailServer], settings: str, domain: str, expected: int
) -> None:
    addresses = [each.replace("example.org", domain) for each in people(20)]
    with running(kind, settings) as (server, taken):
        code, said = answered(project(tmp_path, server, addresses).folder, "run", "spring")
        assert code == expected, said
        assert not taken()
    assert "failed" not in states(tmp_path).values()
    assert suppressed(tmp_path) == set()
