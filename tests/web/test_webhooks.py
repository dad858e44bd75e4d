"""Provider events end to end: posted over HTTP as the provider does, durable in the ledger before the 200."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from sqlalchemy import select, update

from mailrunner.event_log import EventLog
from mailrunner.inbound.webhooks import WebhookParser
from mailrunner.model.delivery import State
from mailrunner.model.tokens import TokenSigner
from mailrunner.store import Ledger
from mailrunner.store.schema import deliveries, returns
from mailrunner.web import server
from mailrunner.web.access_log import AccessLog
from mailrunner.web.app import Site
from tests.data.provider_events import NOW, Poster
from tests.support.clocks import ManualClock
from tests.support.patience import PATIENCE
from tests.support.suppression import begin_campaign

ANA = "ana@example.org"
PROVIDERS = ("ses", "mailgun", "postmark", "sendgrid", "brevo")
PROVIDER_IDS = {
    "ses": "0102018e1a2b3c4d-11111111-2222-3333-4444-555555555555-000000",
    "postmark": "883953f4-6105-42a2-a16a-77a8eac79483",
    "sendgrid": "14c5d75ce93.dfd.64b469",
}


class Posting:
    """A ledger with a message to Ana that has gone, and a server to which providers post."""

    def __init__(self, folder: Path, port: int, ledger: Ledger, poster: Poster, told: list[str]) -> None:
        self.folder, self.port, self.ledger, self.poster, self.told = folder, port, ledger, poster, told

    def post(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            self.asked_for = answer.headers.get("WWW-Authenticate", "")
            return answer.status

    def event(self, name: str) -> int:
        return self.post(f"/events/{name.partition('_')[0]}", *self.poster.request(name))

    def hand_over(self, provider: str) -> None:
        """Let the message have gone through this provider."""
        gone = {"state": State.SENT, "last_attempt_at": NOW, "provider_id": PROVIDER_IDS.get(provider, "")}
        with self.ledger.database.write() as connection:
            connection.execute(update(deliveries).values(**gone))

    def state(self) -> str:
        with self.ledger.database.read() as connection:
            return str(connection.execute(select(deliveries.c.state)).scalar_one())

    def kinds(self) -> list[tuple[str, bool]]:
        """What is recorded: the kind, and whether it is tied to the message."""
        with self.ledger.database.read() as connection:
            rows = connection.execute(select(returns.c.kind, returns.c.delivery_id).order_by(returns.c.no))
            return [(row.kind, row.delivery_id is not None) for row in rows]

    def reasons(self) -> list[str]:
        return [str(entry.reason) for entry in self.ledger.suppressions.entries(ANA)]


@contextmanager
def serving(site: Site, log: EventLog) -> Iterator[int]:
    """The port on which `site` answers."""
    listener = server.listen("127.0.0.1", 0)
    running = server.uvicorn_server(site.application(AccessLog(log)), tell=print)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def posting(tmp_path: Path) -> Iterator[Posting]:
    url, told = f"sqlite:///{tmp_path}/mailrunner.db", []  # type: str, list[str]
    with Ledger.open(folder=tmp_path, url=url, clock=ManualClock(NOW)) as ledger:
        begin_campaign(ledger, "spring", [ANA], list_key="club news")
        signer = TokenSigner(ledger.signing_keys(None))
        with ledger.database.read() as connection:
            number = connection.execute(select(deliveries.c.id)).scalar_one()
        poster = Poster(signer=signer, number=number)
        events = WebhookParser(
            poster.settings, signer=signer, notify=told.append, fetch=lambda _: poster.certificate()
        )
        log = EventLog(None, clock=ManualClock(NOW))
        with serving(Site(ledger, signer, tell=told.append, log=log, webhooks=events), log) as port:
            yield Posting(tmp_path, port, ledger, poster, told)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bounce_fails_the_message_and_stops_the_next(posting: Posting, provider: str) -> None:
    posting.hand_over(provider)

    assert posting.event(f"{provider}_bounce") == 200

    assert posting.kinds() == [("bounced", True)]
    assert posting.state() == State.FAILED
    assert posting.reasons() == ["bounce"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_complaint_is_for_all_lists_and_an_unsubscription_for_this_one(
    posting: Posting, provider: str
) -> None:
    posting.hand_over(provider)

    assert posting.event(f"{provider}_complaint") == 200
    if provider != "ses":
        # SendGrid's sample events share one id, as if one had been posted twice.
        event = posting.poster.event(f"{provider}_unsubscribe")
        if provider == "sendgrid":
            event[0]["sg_event_id"] = "another"
        headers, body = posting.poster.post(provider, event)
        if provider == "mailgun":
            body = body.replace(b"c27add42", b"c27add43")
            assert posting.post("/events/mailgun", headers, body) == 403  # the token is what is signed
        else:
            assert posting.post(f"/events/{provider}", headers, body) == 200

    scopes = {(entry.list_key, str(entry.reason)) for entry in posting.ledger.suppressions.entries(ANA)}
    assert ("", "complaint") in scopes
    assert (("club news", "unsubscribe") in scopes) is (provider not in ("ses", "mailgun"))
    assert posting.state() == State.SENT


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_post_again_changes_nothing(posting: Posting, provider: str) -> None:
    posting.hand_over(provider)

    for _ in range(3):
        assert posting.event(f"{provider}_bounce") == 200

    assert posting.kinds() == [("bounced", True)]


def test_a_delivery_settles_a_doubt(posting: Posting) -> None:
    with posting.ledger.database.write() as connection:
        doubtful = {"state": State.IN_DOUBT, "last_attempt_at": NOW}
        connection.execute(update(deliveries).values(**doubtful))

    assert posting.event("sendgrid_delivery") == 200

    assert posting.state() == State.SENT


@pytest.mark.parametrize("provider", PROVIDERS)
def test_opened_messages_leave_no_trace(posting: Posting, provider: str) -> None:
    assert posting.event(f"{provider}_open") == 200
    assert posting.kinds() == []


def test_what_is_not_proved_is_answered_so_and_changes_nothing(posting: Posting) -> None:
    posting.hand_over("postmark")
    _, body = posting.poster.request("postmark_bounce")

    assert posting.post("/events/postmark", {}, body) == 401
    assert posting.asked_for.startswith("Basic ")  # SNS names its password only once it is asked
    assert posting.post("/events/postmark", {"Authorization": "Basic eDp5"}, body) == 403
    assert posting.post("/events/nobody", {}, body) == 404
    assert posting.post("/events/mailgun", {}, b"{") == 400
    assert (posting.kinds(), posting.state()) == ([], State.SENT)


def test_nothing_is_answered_200_that_could_not_be_recorded(posting: Posting) -> None:
    posting.hand_over("brevo")
    database = posting.folder / "mailrunner.db"
    database.rename(database.with_suffix(".away"))

    assert posting.event("brevo_bounce") == 503


def test_an_operator_is_told_what_to_confirm(posting: Posting) -> None:
    headers, body = posting.poster.sns(
        kind="SubscriptionConfirmation", Message="m", Token="t", SubscribeURL="https://sns.example/confirm"
    )

    assert posting.post("/events/ses", headers, body) == 200

    assert any("https://sns.example/confirm" in sentence for sentence in posting.told)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/events/nobody", "", b"404"),
        ("/events/postmark", "", b"401"),
        ("/events/brevo", "Authorization: Basic eDp5\r\n", b"403"),
        ("/events/sendgrid", "", b"403"),
        ("/events/mailgun", "Content-Length: 1048577\r\n", b"413"),
        ("/events/ses", "Content-Length: 999999999999999999\r\n", b"413"),
    ],
)
def test_what_the_header_shows_is_answered_before_the_body_comes(
    posting: Posting, path: str, headers: str, status: bytes
) -> None:
    length = "" if "Content-Length" in headers else "Content-Length: 4194304\r\n"
    with socket.create_connection(("127.0.0.1", posting.port), 60) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 " + status


def test_bodies_that_never_end_do_not_fill_the_memory(posting: Posting) -> None:
    """Sixteen of 800 KB from one client are more than its share: the later ones are told to come again."""
    head = b"POST /events/ses HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with ExitStack() as open_:
        answers = selectors.DefaultSelector()
        for _ in range(16):
            connection = open_.enter_context(socket.create_connection(("127.0.0.1", posting.port), 60))
            connection.sendall(head + b"x" * 800_000)
            answers.register(connection, selectors.EVENT_READ)
        (first, *_), *_ = answers.select()
        assert first.fileobj.recv(12) == b"HTTP/1.1 503"  # type: ignore[union-attr]
    assert posting.event("mailgun_bounce") == 200
