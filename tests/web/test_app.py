"""The public server over real HTTP, on SQLite and on PostgreSQL: what a click and a page do."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
from sqlalchemy import event

from mailrunner.errors import LedgerError
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import Ledger
from mailrunner.store.schema import CAMPAIGN_SHIFT
from mailrunner.web.translations import phrases, preferred
from tests.support.patience import PATIENCE
from tests.support.web_clicks import ONE_CLICK, Served, ask, deliveries, mailed

ANA, BO = "ana@example.org", "bo@example.org"
A_TEST = 12_345  # a delivery of campaign 0, which tests belong to


@pytest.fixture
def site(ledger: Ledger) -> Iterator[Served]:
    """Ana and Bo had a message of each of two lists."""
    mailed(ledger, [ANA, BO])
    mailed(ledger, [ANA, BO], name="Board & friends", campaign="summer")
    with Served(ledger) as running:
        yield running


@pytest.fixture
def token(site: Served, ledger: Ledger) -> str:
    """Ana's link of the first list."""
    spring = ledger.campaigns.find("spring")
    assert spring is not None
    return site.token(deliveries(ledger, spring)[0])


def entries(ledger: Ledger, key: str = ANA) -> set[tuple[str, SuppressionReason]]:
    return {(entry.list_key, entry.reason) for entry in ledger.suppressions.entries(key)}


LEFT = {("club news", SuppressionReason.UNSUBSCRIBE)}


def heading(text: str) -> str:
    found = re.search(r"<h1>(.*)</h1>", text)
    assert found is not None
    return found[1]


# --- one click


def test_gmails_request_unsubscribes_before_it_is_answered(site: Served, token: str, ledger: Ledger) -> None:
    connection = socket.create_connection(("127.0.0.1", site.port))
    connection.sendall(
        f"POST /u/{token} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\r\n"
        "List-Unsubscribe=One-Click".encode()
    )
    with connection, connection.makefile("rb") as answer:
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert entries(ledger) == LEFT
        assert b"set-cookie" not in answer.read().lower()
    assert entries(ledger, BO) == set()


def test_the_multipart_form_of_the_standard_is_understood_too(
    site: Served, token: str, ledger: Ledger
) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    reply = site.post(f"/u/{token}", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert (reply.status, entries(ledger)) == (200, LEFT)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"anything=else", b"list-unsubscribe=one-click"])
def test_no_body_can_make_a_click_vain(site: Served, token: str, ledger: Ledger, body: bytes) -> None:
    assert (site.post(f"/u/{token}", body).status, entries(ledger)) == (200, LEFT)


def test_a_second_click_is_answered_like_the_first(site: Served, token: str, ledger: Ledger) -> None:
    first, second = site.click(token), site.click(token.upper())
    assert (first.status, first.body) == (second.status, second.body) == (200, b"You are unsubscribed.\n")
    assert entries(ledger) == LEFT


def test_looking_at_a_page_changes_nothing(site: Served, token: str, ledger: Ledger) -> None:
    for path in (f"/u/{token}", f"/p/{token}"):
        page, head = site.get(path), ask(site.port, "HEAD", path)
        assert (page.status, head.status, head.body) == (200, 200, b"")
        assert head.headers["content-length"] == str(len(page.body))
    assert entries(ledger) == set()


# --- changing one's mind


def test_whoever_left_by_mistake_is_put_back_at_once(site: Served, token: str, ledger: Ledger) -> None:
    left = site.post(f"/u/{token}", b"leave=")
    assert heading(left.text) == "You are unsubscribed from “Club news”"
    assert phrases()["en"]["mistake"] in left.text
    back = site.post(f"/u/{token}", b"back=")
    assert heading(back.text) == "You are subscribed to “Club news” again"
    assert entries(ledger) == set()
    assert site.click(token).status == 200
    assert entries(ledger) == LEFT
    assert heading(site.get(f"/u/{token}").text) == "You are unsubscribed from “Club news”"


def test_another_list_and_all_lists_can_be_left_and_taken_back(
    site: Served, token: str, ledger: Ledger
) -> None:
    page = site.get(f"/p/{token}").text
    assert "Club news" in page and "Board &amp; friends" in page
    site.post(f"/p/{token}", b"leave=board+%26+friends")
    assert entries(ledger) == {("board & friends", SuppressionReason.UNSUBSCRIBE)}
    site.post(f"/p/{token}", b"leave=*")
    assert (ALL_LISTS, SuppressionReason.UNSUBSCRIBE) in entries(ledger)
    assert heading(site.get(f"/u/{token}").text) == "You are unsubscribed from all lists"
    site.post(f"/p/{token}", b"back=*")
    assert entries(ledger) == {("board & friends", SuppressionReason.UNSUBSCRIBE)}
    site.post(f"/p/{token}", b"back=board+%26+friends")
    assert entries(ledger) == set()


def test_a_list_that_is_not_on_the_page_cannot_be_named(site: Served, token: str, ledger: Ledger) -> None:
    assert site.post(f"/p/{token}", b"leave=somebody+elses").status == 404
    assert entries(ledger) == set()


@pytest.mark.parametrize(
    "reason",
    [
        SuppressionReason.COMPLAINT,
        SuppressionReason.BOUNCE,
        SuppressionReason.MANUAL,
        SuppressionReason.IMPORT,
    ],
)
def test_what_the_subscriber_did_not_say_is_not_taken_back_here(
    site: Served, token: str, ledger: Ledger, reason: SuppressionReason
) -> None:
    ledger.suppressions.add([ANA], reason=reason, source="test")
    for path in (f"/u/{token}", f"/p/{token}"):
        page = site.get(path).text
        assert phrases()["en"]["held_note"] in page and "<button" not in page
        site.post(path, b"back=*")
    assert (ALL_LISTS, reason) in entries(ledger)


# --- what is not there


def test_a_forged_link_is_answered_like_any_path_that_leads_nowhere(site: Served, token: str) -> None:
    forged = token[:-1] + ("a" if token[-1] != "a" else "b")
    other = site.signer.token("bounce", 1)
    answers = [
        site.get("/"),
        site.get("/favicon.ico"),
        site.get(f"/u/{token}/"),
        site.post("/u/short", ONE_CLICK),
        *(
            ask(site.port, how, f"/{kind}/{bad}")
            for how in ("GET", "POST")
            for kind in "up"
            for bad in (forged, other)
        ),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}


def test_a_genuine_link_to_an_unknown_message_is_no_lie(site: Served) -> None:
    stranger = site.token((9 << CAMPAIGN_SHIFT) + 1)
    assert site.click(stranger).status == 404
    assert site.get(f"/u/{stranger}").status == 404
    assert "an older copy" in site.said[0] and stranger not in site.said[0]


def test_a_test_messages_link_works_to_the_eye_and_changes_nothing(site: Served, ledger: Ledger) -> None:
    link = site.token(A_TEST)
    said = phrases()["en"]["test"]
    assert site.click(link).status == 200
    for path, body, shown in (
        (f"/u/{link}", b"leave=", "You are unsubscribed from “Test list”"),
        (f"/u/{link}", b"back=", "You are subscribed to “Test list” again"),
        (f"/p/{link}", b"leave=*", "Your mailing lists"),
    ):
        page = site.post(path, body).text
        assert (heading(page), said in page) == (shown, True)
    assert said in site.get(f"/u/{link}").text
    assert ledger.suppressions.count() == 0


# --- every answer


def test_every_answer_has_the_headers_that_keep_the_link_to_itself(site: Served, token: str) -> None:
    for reply in (site.get(f"/u/{token}"), site.get("/nowhere"), site.click(token), site.get("/health")):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert {"server", "set-cookie", "location", "strict-transport-security"}.isdisjoint(reply.headers)


class Fetches(HTMLParser):
    """What a page would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object") or any(
            name.startswith("on") for name in given
        ):
            self.found.append(tag)
        self.found += [str(value) for value in given.values() if value and "//" in value]


def test_no_page_loads_anything_or_shows_an_address(site: Served, token: str) -> None:
    for path in (f"/u/{token}", f"/p/{token}", "/nowhere"):
        page = site.get(path).text
        assert Fetches(page).found == []
        assert "@" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_the_log_tells_what_was_asked_and_names_no_subscriber(site: Served, token: str) -> None:
    site.click(token)
    site.get(f"/p/{token}?ana@example.org")
    site.get("/ana@example.org")
    site.stop()
    assert [re.sub(r"\d+ ms", "N ms", line) for line in site.log] == [
        "POST /u/… 200 N ms",
        "GET /p/… 200 N ms",
        "GET /… 404 N ms",
    ]


@pytest.mark.parametrize("length", [8_193, 10**12])
def test_a_body_that_is_too_big_is_refused_before_it_is_read(site: Served, token: str, length: int) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as connection:
        connection.sendall(
            f"POST /u/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_tell_its_length_is_cut_too(site: Served, token: str, ledger: Ledger) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as connection:
        connection.sendall(
            f"POST /u/{token} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        connection.sendall(b"2400\r\n" + b"x" * 0x2400 + b"\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")
    assert entries(ledger) == set()


def test_guessing_is_slowed_down_and_clicks_are_not(site: Served, token: str) -> None:
    statuses = [site.get(f"/u/{number}").status for number in range(40)]
    assert statuses[:20] == [404] * 20 and statuses[-1] == 429
    assert (site.click(token).status, site.get(f"/u/{token}").status) == (200, 200)


# --- behind a proxy


def test_forwarded_headers_are_believed_only_from_those_that_were_named(ledger: Ledger) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    for trusted, told in (("", False), ("192.0.2.9", False), ("127.0.0.1", True), ("127.0.0.0/8", True)):
        with Served(ledger, trusted=trusted) as site:
            reply = ask(site.port, "GET", "/health", headers=headers)
            assert ("strict-transport-security" in reply.headers) is told


def test_behind_a_proxy_each_client_has_its_own_patience(ledger: Ledger) -> None:
    with Served(ledger, trusted="127.0.0.1") as site:
        guesser = [site.get("/x", X_Forwarded_For="192.0.2.1").status for _ in range(40)]
        assert (guesser[-1], site.get("/x", X_Forwarded_For="192.0.2.2").status) == (429, 404)


def test_a_path_of_ones_own_is_found_whether_the_proxy_takes_it_off_or_not(ledger: Ledger) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
    with Served(ledger, prefix="/news/") as site:
        for path in (f"/u/{site.token(ana)}", f"/news/u/{site.token(ana)}"):
            assert site.get(path).status == 200
        assert site.get(f"/newsu/{site.token(ana)}").status == 404


# --- languages


def test_every_language_has_every_phrase_with_the_same_gaps() -> None:
    english = phrases()["en"]
    for language, words in phrases().items():
        assert words.keys() == english.keys(), language
        for name, phrase in words.items():
            assert phrase.count("{list}") == english[name].count("{list}"), (language, name)
            assert phrase.strip()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "en"),
        ("*", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.1, ro", "ro"),
        ("tlh, fr-CA;q=0.4", "fr"),
        ("ES", "es"),
        ("de;q=0, it;q=0.2", "it"),
        ("ja;q=nonsense, pl;q=0.1", "pl"),
        (";;,,q=1", "en"),
    ],
)
def test_the_readers_language_is_taken(wanted: str, found: str) -> None:
    assert preferred(wanted) == found


@pytest.mark.parametrize("language", sorted(phrases()))
def test_pages_say_which_language_they_are_in(site: Served, token: str, language: str) -> None:
    page = site.get(f"/u/{token}", Accept_Language=language).text
    assert f'<html lang="{language}">' in page
    assert phrases()[language]["ask"].format(list="Club news") in page


# --- when the ledger does not answer


def test_health_is_the_ledgers(site: Served) -> None:
    assert (site.get("/health").status, site.get("/health").body) == (200, b'{"status":"ok"}')


def test_health_takes_no_write_and_asks_seldom(site: Served, token: str, ledger: Ledger) -> None:
    looks: list[object] = []
    event.listen(ledger.database.engine, "begin", looks.append)
    with ledger.database.write(), ThreadPoolExecutor(60) as monitors:  # nothing can be recorded meanwhile
        answers = list(monitors.map(lambda _: site.get("/health").status, range(60)))
        assert site.get(f"/u/{token}").status == 200
    assert answers == [200] * 60
    assert len(looks) <= 5


def test_what_many_requests_meet_is_told_once(site: Served, token: str, ledger: Ledger) -> None:
    class Broken:
        def ingest(self, _events: object) -> None:
            raise LedgerError("the ledger is locked", "wait", passing=True)

    ledger.inbound_events = Broken()  # type: ignore[assignment]
    assert [site.click(token).status for _ in range(5)] == [503] * 5
    assert site.get("/health").status == 503
    assert site.said == ["the ledger is locked (wait)"]


def test_a_stop_answers_the_clicks_that_were_begun(site: Served, token: str, ledger: Ledger) -> None:
    with ThreadPoolExecutor(2) as others:
        with ledger.database.write():  # nothing can be recorded meanwhile
            answer = others.submit(site.click, token)
            site.await_requests(1)
            stopped = others.submit(site.stop)
            assert not answer.done()
        assert answer.result(60).status == 200
        stopped.result(60)
    assert entries(ledger) == LEFT
