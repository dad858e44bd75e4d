"""The scripted server itself, held against the standard library's client and against raw bytes."""

from __future__ import annotations

import hashlib
import json
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.smtp_server import (
    Rule,
    SmtpServer,
    accept_then_cut,
    cut,
    delay,
    endless,
    garbage,
    reply,
    stall,
)

MAIL = (
    b"Message-ID:\r\n <1@example.org>\r\nx-mailrunner-delivery: token7\r\nSubject: hello\r\n"
    b"\r\nX-Mailrunner-Delivery: not this\r\n.dot\r\n..\r\n"
)


def deliver(client: smtplib.SMTP, recipient: str = "bob@example.org", data: bytes = MAIL) -> None:
    client.sendmail("ana@example.org", [recipient], data)


def connect(server: SmtpServer) -> smtplib.SMTP:
    return smtplib.SMTP(server.host, server.port, local_hostname="client.invalid", timeout=PATIENCE)


def converse(server: SmtpServer, octets: bytes) -> bytes:
    """Send all at once, and return all that comes back until the server hangs up."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as sock:
        sock.sendall(octets)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def codes(answers: bytes) -> list[int]:
    return [int(line[:3]) for line in answers.splitlines() if line[3:4] == b" "]


def test_what_the_standard_client_sends_is_recorded() -> None:
    with SmtpServer() as server, connect(server) as client:
        deliver(client)
        [message] = server.accepted
        assert (message.sender, message.recipient) == ("ana@example.org", "bob@example.org")
        assert (message.message_id, message.delivery) == ("<1@example.org>", "token7")
        assert (message.data, message.connection) == (MAIL, 1)
        assert message.header("No-Such-Field") == ""


def test_a_pipelined_group_is_answered_in_order() -> None:
    group = b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
    with SmtpServer() as server:
        answers = converse(server, group + b"one\r\n.\r\n" + group[8:] + b".\r\nQUIT\r\n")
        assert codes(answers) == [220, 250, 250, 250, 354, 250, 250, 250, 354, 250, 221]
        assert [message.data for message in server.accepted] == [b"one\r\n", b""]


def test_chunks_are_put_together_and_their_dots_left_alone() -> None:
    envelope = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"
    with SmtpServer() as server:
        answers = converse(server, envelope + b"BDAT 6\r\n..\r\n.xBDAT 3 LAST\r\n.\r\nQUIT\r\n")
        assert codes(answers) == [220, 250, 250, 250, 250, 221]
        assert server.accepted[0].data == b"..\r\n.x.\r\n"


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"RCPT TO:<b@x>\r\n", 503),
        (b"DATA\r\n", 503),
        (b"BDAT 3 LAST\r\nabc", 503),
        (b"MAIL TO:<a@x>\r\n", 501),
        (b"MAIL FROM:<a@x> SIZE=99999999\r\n", 552),
        (b"WIZ\r\n", 500),
        (b"NOOP\r\n", 250),
        (b"HELO x\r\n", 250),
    ],
)
def test_commands_out_of_order_or_sense_are_refused(octets: bytes, code: int) -> None:
    with SmtpServer() as server:
        assert codes(converse(server, octets + b"QUIT\r\n")) == [220, code, 221]
        assert server.accepted == []


def test_a_server_with_a_password_takes_nothing_before_the_login() -> None:
    with SmtpServer(auth=("ana", "secret")) as server, connect(server) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="Authentication Required"):
            deliver(client)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("ana", "wrong")
        client.login("ana", "secret")
        deliver(client)
        assert [login.succeeded for login in server.logins] == [False, False, True]


def test_a_session_turns_to_tls() -> None:
    with SmtpServer(tls="starttls", auth=("ana", "secret")) as server, connect(server) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.starttls(context=ssl.create_default_context(cafile=server.ca_file))
        client.login("ana", "secret")
        deliver(client)
        assert len(server.accepted) == 1


def test_a_session_begins_with_tls() -> None:
    with SmtpServer(tls="implicit") as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        with smtplib.SMTP_SSL(
            "localhost", server.port, "client.invalid", timeout=PATIENCE, context=context
        ) as client:
            deliver(client)
        assert len(server.accepted) == 1


def test_a_rule_holds_for_the_occasion_it_names() -> None:
    rules = [
        Rule("rcpt", reply(450, "second of all"), nth=2),
        Rule("rcpt", reply(451, "third of its connection"), on_connection=3),
        Rule("rcpt", reply(452, "second connection"), connection=range(2, 3)),
        Rule("rcpt", reply(550, "no eve"), recipient="eve@"),
    ]
    with SmtpServer(rules=rules) as server:
        seen = []
        for recipients in (["a@x", "a@x", "a@x", "a@x", "eve@x"], ["a@x"]):
            with connect(server) as client:
                client.ehlo()
                for recipient in recipients:
                    client.mail("ana@x")
                    seen.append(client.rcpt(recipient)[0])
                    client.rset()
        assert seen == [250, 450, 451, 250, 550, 452]


def test_a_message_may_be_accepted_without_a_word() -> None:
    with SmtpServer(rules=[Rule("eod", accept_then_cut())]) as server:
        with pytest.raises(smtplib.SMTPServerDisconnected):
            deliver(connect(server))
        assert len(server.accepted) == 1


def test_a_refusal_at_the_end_keeps_nothing_and_a_yes_in_other_words_keeps_it() -> None:
    rules = [Rule("eod", reply(554, "no"), nth=1), Rule("eod", reply(250, "Great", "success"), nth=2)]
    with SmtpServer(rules=rules) as server, connect(server) as client:
        with pytest.raises(smtplib.SMTPDataError):
            deliver(client, "a@x")
        deliver(client, "b@x")
        assert [message.recipient for message in server.accepted] == ["b@x"]


def test_a_421_hangs_up() -> None:
    with SmtpServer(rules=[Rule("mail", reply(421, "4.3.2 bye"))]) as server:
        assert codes(converse(server, b"MAIL FROM:<a@x>\r\n")) == [220, 421]


def test_hanging_up_and_garbage_come_as_ordered() -> None:
    rules = [Rule("connect", cut(), nth=1), Rule("connect", garbage(b"\xff\x00"), nth=2)]
    with SmtpServer(rules=rules) as server:
        assert converse(server, b"") == b""
        assert converse(server, b"QUIT\r\n") == b"\xff\x00221 2.0.0 bye\r\n"


def test_an_answer_can_be_held_back_until_an_event() -> None:
    released, reached = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", delay(released, reached))]) as server, connect(server) as client:
        sending = threading.Thread(target=deliver, args=(client,))
        sending.start()
        assert reached.wait(PATIENCE)
        assert server.accepted == []
        released.set()
        sending.join()
        assert len(server.accepted) == 1


def test_stopping_the_server_ends_what_stalls() -> None:
    rules = [Rule("connect", stall(), nth=1), Rule("connect", endless(b"220-x\r\n"), nth=2)]
    rules.append(Rule("connect", delay(threading.Event()), nth=3))
    with SmtpServer(rules=rules) as server:
        socks = [socket.create_connection((server.host, server.port), timeout=PATIENCE) for _ in rules]
        socks[1].recv(1)
    for sock in socks:
        sock.close()


def test_the_record_on_disk_outlives_the_server_and_says_what_was_accepted(tmp_path: Path) -> None:
    record = tmp_path / "accepted.jsonl"
    command = [
        sys.executable,
        "-m",
        "tests.support.smtp_server",
        "--record",
        str(record),
        "--rule",
        "rcpt:2=550 5.1.1 no",
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        try:
            with smtplib.SMTP("127.0.0.1", port, "client.invalid", timeout=PATIENCE) as client:
                deliver(client)
                with pytest.raises(smtplib.SMTPRecipientsRefused):
                    deliver(client)
        finally:
            process.kill()
    [line] = record.read_text().splitlines()
    assert json.loads(line) == {
        "sender": "ana@example.org",
        "recipients": ["bob@example.org"],
        "recipient": "bob@example.org",
        "message_id": "<1@example.org>",
        "delivery": "token7",
        "sha256": hashlib.sha256(MAIL).hexdigest(),
        "size": len(MAIL),
        "connection": 1,
    }


def test_a_server_that_is_restarted_ends_every_connection_and_keeps_its_port_and_its_record() -> None:
    with SmtpServer() as server:
        port = server.port
        before = connect(server)
        deliver(before)
        server.restart(away=0.0)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            deliver(before)
        server.await_return()
        with connect(server) as after:
            deliver(after)
    assert (server.port, len(server.accepted)) == (port, 2)
