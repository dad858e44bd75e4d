"""How the SMTP transport reaches a server, turns to TLS and logs in."""

from __future__ import annotations

import base64
import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailrunner.errors import UserError
from mailrunner.model.outcome import OutcomeKind, Scope, Stage
from mailrunner.transports import network
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities
from tests.support.ports import free_port
from tests.support.smtp_client import SOON, Clients, Letter, nothing_charged
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Do
from tests.support.smtp_server import Rule, SmtpServer, cut, garbage, reply, stall


@pytest.fixture
def client() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients


# -- Reaching the server


def test_a_refused_connection_is_explained_and_costs_no_recipient(client: Clients) -> None:
    with SmtpServer() as server:
        outcome = client(server, port=free_port()).open()
        assert nothing_charged(outcome)
        assert outcome is not None
        assert not outcome.offered
        assert "refused the connection" in outcome.reason


def test_a_name_that_cannot_be_one_is_explained(client: Clients) -> None:
    with SmtpServer() as server:
        outcome = client(server, host="no..name").open()
        assert nothing_charged(outcome)
        assert outcome is not None
        assert "was not found" in outcome.reason


def test_the_next_address_is_tried_where_one_refuses() -> None:
    with SmtpServer() as server:
        addresses = [*network.resolve("127.0.0.1", free_port()), *network.resolve(server.host, server.port)]
        with network.connect(addresses, 5.0) as sock:
            assert sock.getpeername() == (server.host, server.port)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused the connection"),
        (TimeoutError("timed out"), "firewall"),
        (socket.gaierror(socket.EAI_NONAME, "?"), "was not found"),
        (socket.gaierror(socket.EAI_AGAIN, "?"), "just now"),
        (OSError(errno.ENETUNREACH, "?"), "is this machine online"),
        (OSError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
    ],
)
def test_each_way_of_not_reaching_a_host_has_its_sentence(error: OSError, words: str) -> None:
    sentence = network.explain(error, "smtp.example.org", 587)
    assert words in sentence
    assert "smtp.example.org" in sentence


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system's resolver waits for name servers that say nothing."""
    over, real = threading.Event(), socket.getaddrinfo

    def wait(host: str, *more: Any, **options: Any) -> Any:
        if host == "smtp.example.org":
            over.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "?")
        return real(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    over.set()


@pytest.mark.usefixtures("silent_resolver")
def test_name_servers_that_are_silent_end_a_look_up_and_an_opening(
    client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(socket.gaierror, match=r"did not answer within 0\.01 s"):
        network.resolve("smtp.example.org", 587, seconds=0.01)
    monkeypatch.setattr(network.resolve, "__kwdefaults__", {"seconds": 0.01})
    with SmtpServer() as server:
        outcome = client(server, host="smtp.example.org").open()
    assert nothing_charged(outcome)
    assert outcome is not None
    assert outcome.reason.startswith('the name "smtp.example.org" could not be looked up: the name servers')


def test_port_25_that_does_not_answer_is_suspected_to_be_blocked() -> None:
    assert "587" in network.explain(TimeoutError(), "smtp.example.org", 25)


@pytest.mark.parametrize("do", [cut(), cut(reset=True), stall(), garbage(b"SSH-2.0-OpenSSH\r\n")])
@pytest.mark.parametrize("stage", ["connect", "ehlo", "starttls", "auth"])
def test_whatever_happens_while_opening_costs_no_recipient(client: Clients, stage: str, do: Do) -> None:
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=[Rule(stage, do, nth=1)]) as server:
        sender = client(server, timeout=SOON)
        outcome = sender.send(Letter())
        assert nothing_charged(outcome)
        assert not outcome.offered
        assert client(server).send(Letter()).kind is OutcomeKind.SENT


@pytest.mark.parametrize("stage", ["connect", "ehlo", "starttls", "auth"])
def test_a_busy_server_is_tried_again_later(client: Clients, stage: str) -> None:
    rule = Rule(stage, reply(421, "4.3.2 Service not available, try again later"), nth=1)
    with SmtpServer(tls="starttls", auth=("ana", "secret"), rules=[rule]) as server:
        sender = client(server)
        outcome = sender.open()
        assert outcome is not None
        assert (outcome.kind, outcome.offered) == (OutcomeKind.DEFERRED, False)
        assert outcome.reply is not None
        assert outcome.reply.code == 421
        assert sender.open() is None


# -- TLS


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_message_goes_over_verified_tls(client: Clients, mode: str, host: str) -> None:
    with SmtpServer(tls=mode, auth=("ana", "secret")) as server:
        sender = client(server, host=host)
        assert sender.send(Letter()).kind is OutcomeKind.SENT
        assert [login.succeeded for login in server.logins] == [True]


def test_starttls_that_is_not_offered_is_a_hard_stop_before_any_login(client: Clients) -> None:
    with SmtpServer(tls="none", auth=("ana", "secret")) as server:
        outcome = client(server, tls="starttls").send(Letter())
        assert (outcome.kind, outcome.scope, outcome.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, True)
        assert not outcome.offered
        assert "STARTTLS" in outcome.reason
        assert [command.split()[0] for command in server.commands] == ["ehlo"]


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"ca_file": None},  # an authority that the system does not know
        {"host": "127.1"},  # the right server under a name that is not in its certificate
    ],
)
def test_a_certificate_that_cannot_be_verified_is_a_hard_stop(
    client: Clients, mode: str, wrong: dict[str, Any]
) -> None:
    with SmtpServer(tls=mode, auth=("ana", "secret")) as server:
        outcome = client(server, **wrong).send(Letter())
        assert (outcome.kind, outcome.scope, outcome.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, True)
        assert not outcome.offered
        assert "certificate" in outcome.reason
        assert (server.logins, server.accepted) == ([], [])


def test_implicit_tls_to_a_server_that_speaks_first_is_a_hard_stop(client: Clients) -> None:
    with SmtpServer() as server:
        outcome = client(server, tls="implicit").open()
        assert outcome is not None
        assert (outcome.kind, outcome.scope, outcome.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, True)
        assert "starttls" in outcome.reason


def test_nothing_older_than_tls_1_2_is_spoken() -> None:
    assert network.tls_context(None).minimum_version.name == "TLSv1_2"


def test_an_authority_file_is_trusted_instead_of_the_systems() -> None:
    with SmtpServer(tls="implicit") as server:
        assert len(network.tls_context(server.ca_file).get_ca_certs()) == 1


def test_connections_of_one_run_read_the_authorities_once(client: Clients) -> None:
    observed = ObservedCapabilities()
    with SmtpServer(tls="implicit") as server:
        one = client(server, observed=observed)
        context = observed.tls_context
        other = client(server, observed=observed)
        assert observed.tls_context is context is not None
        assert {one.send(Letter()).kind, other.send(Letter()).kind} == {OutcomeKind.SENT}


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_authority_file_that_is_of_no_use_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"ca\.pem"):
        network.tls_context(file)


# -- Logging in


@pytest.mark.parametrize(
    ("offered", "used"),
    [("CRAM-MD5 LOGIN PLAIN", "PLAIN"), ("LOGIN XOAUTH2", "LOGIN"), ("plain", "PLAIN")],
)
def test_plain_is_preferred_to_login_and_nothing_else_is_tried(
    client: Clients, offered: str, used: str
) -> None:
    with SmtpServer(auth=("ana", "secret"), mechanisms=offered) as server:
        assert client(server).open() is None
        [login] = server.logins
        assert (login.mechanism, login.succeeded) == (used, True)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_password_may_hold_any_letter(client: Clients, mechanism: str) -> None:
    with SmtpServer(auth=("ană@exemplu.ro", "pâine 漢字 🔑"), mechanisms=mechanism) as server:
        assert client(server).open() is None
        assert server.logins[0].succeeded


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
def test_a_wrong_password_is_tried_once_and_is_never_told(client: Clients, mechanisms: str) -> None:
    with SmtpServer(auth=("ana", "secret"), mechanisms=mechanisms) as server:
        sender = client(server, password="canary-0451")
        outcome = sender.open()
        assert outcome is not None
        assert (outcome.kind, outcome.scope, outcome.offered) == (
            OutcomeKind.REFUSED,
            Scope.CREDENTIALS,
            False,
        )
        assert len(server.logins) == 1
        assert "canary" not in repr(outcome) + repr(sender)


@pytest.mark.parametrize("length", [None, 24, 30])
@pytest.mark.parametrize("before", ["", "250 ", "500 "])
def test_a_password_that_is_repeated_in_no_answer_at_all_is_never_told(
    client: Clients, before: str, length: int | None
) -> None:
    """Not in part either: some servers quote the first letters of a command that they do not know."""

    def repeat(dialogue: Dialogue) -> Answer | None:
        return Answer(f"{before}{dialogue.server.commands[-1][:length]}\r\n".encode(), effective=False)

    with SmtpServer(auth=("ana", "canary-0451"), rules=[Rule("auth", repeat)]) as server:
        outcome = client(server).open()
        assert outcome is not None
        assert "AUTH PLAIN ***" in outcome.reason
        login = base64.b64encode(b"\0ana\0canary-0451").decode()
        assert login[:8] not in repr(outcome)


def test_a_login_that_cannot_be_judged_now_is_no_wrong_password(client: Clients) -> None:
    text = "4.7.0 Cannot authenticate due to temporary system problem. Try again later."
    with SmtpServer(auth=("ana", "secret"), rules=[Rule("auth", reply(454, text), nth=1)]) as server:
        sender = client(server)
        outcome = sender.open()
        assert outcome is not None
        assert outcome.kind is OutcomeKind.DEFERRED
        assert outcome.reply is not None
        assert outcome.reply.stage is Stage.AUTH
        assert sender.open() is None


def test_a_server_that_wants_oauth_is_explained_and_no_password_is_shown_to_it(client: Clients) -> None:
    with SmtpServer(auth=("ana", "secret"), mechanisms="XOAUTH2") as server:
        outcome = client(server).open()
        assert outcome is not None
        assert (outcome.kind, outcome.scope, outcome.offered) == (
            OutcomeKind.REFUSED,
            Scope.CREDENTIALS,
            False,
        )
        assert "OAuth" in outcome.reason
        assert server.said("AUTH") == []


def test_a_server_that_offers_no_login_is_a_matter_of_set_up(client: Clients) -> None:
    with SmtpServer() as server:
        outcome = client(server, user="ana", password="secret").open()
        assert outcome is not None
        assert (outcome.kind, outcome.scope, outcome.at_once) == (OutcomeKind.REFUSED, Scope.CAMPAIGN, True)
        assert "offers no login" in outcome.reason


def test_without_a_user_there_is_no_login(client: Clients) -> None:
    with SmtpServer(auth=("ana", "secret")) as server:
        assert client(server, user="", password=None).open() is None
        assert server.said("AUTH") == []
