"""Servers that announce what they cannot do, servers that read slowly, and a real one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from mailrunner.clock import nap
from mailrunner.model.outcome import OutcomeKind
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities
from tests.support.ports import free_port
from tests.support.smtp_client import PATIENT, Clients, Letter, deliver, nothing_charged, numbered, wait_for
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Do
from tests.support.smtp_server import (
    CHUNKED,
    EXTENSIONS,
    PLAIN,
    Rule,
    SmtpServer,
    accept_and_hang_up,
    cut,
    delay,
    drop_ahead,
    garbage,
    if_ahead,
    reply,
    stall,
)

MEGABYTES = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200_000
SINK = shutil.which("smtp-sink", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/usr/bin")))


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


# -- Announced in vain


@pytest.mark.parametrize(("extensions", "in_flight"), [(EXTENSIONS, 1), (CHUNKED, 1), (CHUNKED, 8)])
@pytest.mark.parametrize(
    "do",
    [
        cut(),
        cut(reset=True),
        stall(),
        reply(503, "5.5.0 Error: command sequence"),
        reply(554, "5.5.0 Error: improper use of SMTP command pipelining"),
        reply(554, "SMTP synchronization error"),
        garbage(b"354 go ahead\r\n"),
        garbage(b"220 mail.example.org\r\n250 Ok\r\n250 Ok\r\n250 Ok\r\n250 Ok\r\n"),
    ],
)
def test_a_server_that_cannot_bear_groups_of_commands_gets_them_one_by_one(
    client: Clients, extensions: Sequence[str], in_flight: int, do: Do
) -> None:
    observed = ObservedCapabilities()
    letters = numbered(5)
    with SmtpServer(rules=[Rule("mail", if_ahead(do))], extensions=extensions) as server:
        sender = client(server, in_flight=in_flight, observed=observed)
        outcomes = deliver(sender, letters[:3])
        assert nothing_charged(outcomes[0])
        assert [outcome.kind for outcome in outcomes[1:]] == [OutcomeKind.SENT] * 2
        sibling = client(server, in_flight=in_flight, observed=observed)
        assert [outcome.kind for outcome in deliver(sibling, letters[3:])] == [OutcomeKind.SENT] * 2
        assert [message.recipient for message in server.accepted] == [each.recipient for each in letters[1:]]
        assert not observed.pipelining


@pytest.mark.parametrize("code", [500, 502])
@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_server_that_does_not_know_bdat_after_all_gets_data(
    client: Clients, in_flight: int, code: int
) -> None:
    def unknown(dialogue: Dialogue) -> Answer | None:
        return reply(code, "5.5.2 what?")(dialogue) if dialogue.server.said("BDAT") else None

    letters = numbered(3)
    with SmtpServer(rules=[Rule("data", unknown, connection=1)], extensions=CHUNKED) as server:
        sender = client(server, in_flight=in_flight)
        outcomes = deliver(sender, letters)
        assert nothing_charged(outcomes[0])
        assert [outcome.kind for outcome in outcomes[1:]] == [OutcomeKind.SENT] * 2
        assert (len(server.said("BDAT")), len(server.said("DATA"))) == (1, 2)
        assert (sender.observed.chunking, sender.observed.pipelining) == (False, True)


@pytest.mark.parametrize("extensions", [EXTENSIONS, CHUNKED])
def test_a_refused_recipient_or_a_lost_connection_is_no_loss_of_capabilities(
    client: Clients, extensions: Sequence[str]
) -> None:
    rules = [
        Rule("rcpt", reply(554, "5.7.1 no such user"), nth=1),
        Rule("rcpt", cut(), nth=4),
    ]
    with SmtpServer(rules=rules, extensions=extensions) as server:
        sender = client(server)
        kinds = [outcome.kind for outcome in deliver(sender, numbered(3))]
        assert kinds == [OutcomeKind.REFUSED, OutcomeKind.SENT, OutcomeKind.SENT]
        assert nothing_charged(sender.send(Letter()))
        assert sender.observed == ObservedCapabilities(proven=True)


@pytest.mark.parametrize(("extensions", "in_flight"), [(EXTENSIONS, 1), (CHUNKED, 1)])
@pytest.mark.parametrize("do", [drop_ahead(), if_ahead(accept_and_hang_up())])
def test_where_commands_behind_a_message_get_lost_one_connection_is_lost_and_none_after_it(
    client: Clients, extensions: Sequence[str], in_flight: int, do: Do
) -> None:
    observed = ObservedCapabilities()
    with SmtpServer(rules=[Rule("eod", do)], extensions=extensions) as server:
        sender = client(server, in_flight=in_flight, observed=observed)
        outcomes = deliver(sender, numbered(8))
        charged = [not nothing_charged(outcome) for outcome in outcomes]
        # What is ahead when the server looks depends on the machine; after the first loss nothing is.
        assert 1 <= charged.count(False) <= 4
        assert len(server.accepted) == sum(charged)
        before = (sum(charged), server.connections)
        deliver(client(server, observed=observed), numbered(3))
        assert (len(server.accepted), server.connections) == (before[0] + 3, before[1] + 1)
        assert (observed.behind, observed.pipelining) == (False, True)


def test_a_server_that_hangs_up_after_many_messages_still_gets_commands_behind_a_message(
    client: Clients,
) -> None:
    hang_up = Rule("eod", accept_and_hang_up(), on_connection=4)
    with SmtpServer(rules=[hang_up]) as server:
        sender = client(server)
        deliver(sender, numbered(12))
        assert sender.observed == ObservedCapabilities(proven=True)


def test_a_first_group_of_commands_without_an_answer_is_the_last_on_a_server_proven_by_others(
    client: Clients,
) -> None:
    observed = ObservedCapabilities(proven=True)
    with SmtpServer(rules=[Rule("mail", drop_ahead())]) as server:
        outcomes = deliver(client(server, observed=observed), numbered(4))
        assert [outcome.kind for outcome in outcomes[-2:]] == [OutcomeKind.SENT] * 2
        assert len(server.accepted) == 4 - [nothing_charged(outcome) for outcome in outcomes].count(True)
        assert not observed.pipelining


def test_half_a_command_is_no_refusal_of_its_recipient(client: Clients) -> None:
    half = Rule("mail", if_ahead(reply(500, "5.5.2 Error: command not recognized")))
    with SmtpServer(rules=[half]) as server:
        outcomes = deliver(client(server), numbered(3))
        assert [nothing_charged(outcome) for outcome in outcomes] == [True, False, False]
        assert len(server.accepted) == 2


def test_a_plain_server_is_not_thought_better_or_worse_of(client: Clients) -> None:
    with SmtpServer(rules=[Rule("mail", cut(), nth=2)], extensions=PLAIN) as server:
        sender = client(server)
        assert [outcome.kind for outcome in deliver(sender, numbered(2))] == [
            OutcomeKind.SENT,
            OutcomeKind.DEFERRED,
        ]
        assert sender.observed == ObservedCapabilities()


# -- Room


@pytest.mark.parametrize(
    ("extensions", "in_flight", "room"), [(PLAIN, 8, 1), (EXTENSIONS, 8, 2), (CHUNKED, 1, 2), (CHUNKED, 8, 8)]
)
def test_there_is_room_for_what_the_server_can_take(
    client: Clients, extensions: Sequence[str], in_flight: int, room: int
) -> None:
    with SmtpServer(extensions=extensions) as server:
        sender = client(server, in_flight=in_flight, observed=ObservedCapabilities(proven=True))
        assert (sender.room, sender.is_open, sender.pending) == (0, False, 0)
        assert sender.open() is None
        assert (sender.room, sender.is_open) == (room, True)
        sender.offer(Letter())
        assert (sender.room, sender.pending) == (room - 1, 1)


def test_a_connection_has_no_more_room_than_its_share_of_messages(client: Clients) -> None:
    with SmtpServer() as server:
        sender = client(server, messages_per_connection=3, observed=ObservedCapabilities(proven=True))
        outcomes = deliver(sender, numbered(7))
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SENT}
        assert [message.connection for message in server.accepted] == [1, 1, 1, 2, 2, 2, 3]
        assert len(server.said("QUIT")) == 2


def test_a_message_that_cannot_go_takes_its_turn_among_the_others(client: Clients) -> None:
    letters = [*numbered(2), Letter(recipient="bob@x>"), Letter(data=b"x" * 200), *numbered(2)]
    with SmtpServer(extensions=["PIPELINING", "SIZE 100"]) as server:
        outcomes = deliver(client(server), letters)
        assert [outcome.kind is OutcomeKind.SENT for outcome in outcomes] == [
            True,
            True,
            False,
            False,
            True,
            True,
        ]
        assert len(server.accepted) == 4


def test_what_is_offered_to_a_closed_connection_was_not_offered_to_the_server(client: Clients) -> None:
    with SmtpServer() as server:
        sender = client(server)
        sender.offer(Letter())
        [outcome] = sender.pump()
        assert nothing_charged(outcome)
        assert not outcome.offered


def test_an_idle_connection_that_the_server_closes_is_noticed(client: Clients) -> None:
    with SmtpServer() as server:
        sender = client(server)
        assert sender.open() is None
        server.interrupt(b"421 4.4.2 Idle too long\r\n")
        wait_for([sender], PATIENT)
        assert (sender.pump(), sender.is_open) == ([], False)
        assert sender.send(Letter()).kind is OutcomeKind.SENT


# -- Slow readers, TLS, many files


@pytest.mark.parametrize("tls", ["none", "implicit", "starttls"])
@pytest.mark.parametrize("extensions", [PLAIN, EXTENSIONS, CHUNKED], ids=["plain", "pipelined", "chunked"])
def test_a_slow_reader_gets_all_of_a_large_message(
    client: Clients, extensions: Sequence[str], tls: str
) -> None:
    go_on, begun = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("body", delay(go_on, begun))], extensions=extensions, tls=tls) as server:
        sender = client(server)
        assert sender.open() is None
        sender.offer(Letter(data=MEGABYTES))
        while not begun.is_set():
            assert sender.pump() == []
        for _ in range(200):  # until the kernel takes no more
            sender.pump()
        assert sender.stream is not None
        assert sender.stream.wants_write
        go_on.set()
        outcomes = deliver(sender, [])
        while not outcomes:
            wait_for([sender], PATIENT)
            outcomes = sender.pump()
        assert outcomes[0].kind is OutcomeKind.SENT
        assert server.accepted[0].data == MEGABYTES
        assert not sender.stream.wants_write


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize(
    ("extensions", "in_flight"), [(PLAIN, 1), (EXTENSIONS, 1), (CHUNKED, 1), (CHUNKED, 8)]
)
def test_many_messages_go_over_tls(
    client: Clients, extensions: Sequence[str], in_flight: int, tls: str
) -> None:
    with SmtpServer(extensions=extensions, tls=tls) as server:
        outcomes = deliver(client(server, in_flight=in_flight), numbered(30))
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SENT}
        assert [message.recipient for message in server.accepted] == [each.recipient for each in numbered(30)]


@pytest.mark.skipif(sys.platform == "win32", reason="files and sockets are numbered apart")
def test_a_process_with_many_open_files_sends_all_the_same(client: Clients) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as files, SmtpServer() as server:
        for _ in range(1100):
            files.enter_context(open(os.devnull))  # noqa: PTH123 - nothing of its content matters
        sender = client(server)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert sender.stream is not None
        assert sender.stream.fileno() > 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- A real server


@contextmanager
def sink(*options: str) -> Iterator[int]:
    """Run Postfix's test server; yield its port once it listens."""
    assert SINK
    port = free_port()
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([SINK, *as_user, *options, f"127.0.0.1:{port}", "64"]) as process:
        try:
            while not _listens(port):
                assert process.poll() is None
                nap(0.01)
            yield port
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(SINK is None, reason="Postfix's smtp-sink is not installed")
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ((), OutcomeKind.SENT),
        (("-p",), OutcomeKind.SENT),
        (("-r", "RCPT"), OutcomeKind.DEFERRED),
        (("-q", "."), OutcomeKind.IN_DOUBT),
    ],
)
def test_postfixs_own_test_server_is_understood(
    client: Clients, options: tuple[str, ...], kind: OutcomeKind
) -> None:
    with sink(*options) as port, SmtpServer() as never_asked:
        sender = client(never_asked, port=port)
        outcomes = deliver(sender, numbered(40))
        assert [outcome.kind for outcome in outcomes] == [kind] * 40
        assert never_asked.connections == 0
