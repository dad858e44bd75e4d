"""The catcher over real connections: messages are kept and shown, and nothing of them acts."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mailrunner.web import server
from mailrunner.web.catcher.mailbox import Mailbox
from mailrunner.web.catcher.messages import Arrival, CaughtMessages
from mailrunner.web.catcher.one_click import loopback_link
from mailrunner.web.catcher.pages import CatcherPages
from mailrunner.web.catcher.smtp import MOST_CONNECTIONS, CatchingServer
from mailrunner.web.catcher.view import MessageParts

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
MESSAGE = (
    b"From: Club <news@garden.example>\r\nTo: ana@garden.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <1@garden.example>\r\nList-Id: <news.garden.example>\r\nContent-Type: text/html\r\n\r\n"
    b'<p>Hello<script>alert(1)</script><img src="http://evil.example/p.gif"></p>\r\n'
)


class Site:
    """A catcher on two free ports."""

    def __init__(self, smtp_port: int, url: str, messages: CaughtMessages) -> None:
        self.smtp_port, self.messages, self.url = smtp_port, messages, url
        self.http = httpx.Client(base_url=url)

    def send(self, to: str, data: bytes = MESSAGE) -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as client:
            return client.sendmail("news@garden.example", [to], data)


@contextmanager
def catching(mailbox: Mailbox | None = None) -> Iterator[Site]:
    """A catcher that keeps its messages in a mailbox too."""
    smtp, web = server.listen("127.0.0.1", 0), server.listen("127.0.0.1", 0)
    with closing(CaughtMessages()) as messages, closing(smtp):
        pages = CatcherPages(messages, address="127.0.0.1:1025")
        running = server.uvicorn_server(pages.application(port=web.getsockname()[1]), tell=print)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [web]})
        thread.start()
        with CatchingServer(smtp, messages, now=lambda: NOW, mailbox=mailbox, slow=0):
            caught = Site(smtp.getsockname()[1], server.address_of(web), messages)
            with caught.http:
                yield caught
        running.stop()
        thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with catching() as caught:
        yield caught


def test_a_message_is_kept_and_shown(site: Site) -> None:
    site.send("ana@garden.example")
    page = site.http.get("/").text
    assert "1 message<" in page and "Grüße" in page and "ana@garden.example" in page
    assert "the same message twice" not in page
    assert site.http.get("/m/1.eml").content == MESSAGE
    assert "<news@garden.example>" in site.http.get("/m/1").text.replace("&lt;", "<").replace("&gt;", ">")


def test_the_frame_has_no_script_and_its_policy(site: Site) -> None:
    site.send("ana@garden.example")
    frame = site.http.get("/m/1/frame")
    assert "<script" not in frame.text and "Hello" in frame.text
    policy = frame.headers["content-security-policy"]
    assert "sandbox allow-popups" in policy and "default-src 'none'" in policy and "script" not in policy
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in site.http.get("/m/1").text


def test_a_message_is_shown_in_the_views_of_the_gallery(site: Site) -> None:
    dark = b"<style>@media (prefers-color-scheme: dark) { p { color: red } }</style>"
    picture = b'<img alt="a rose" src="data:image/gif;base64,R0lGODdhAQABAA==">'
    site.send("ana@garden.example", MESSAGE.replace(b"<p>Hello", dark + b"<p>Hello" + picture))
    assert "Whose message it is" in site.http.get("/m/1?part=headers").text
    assert "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=" in site.http.get("/m/1?part=source").text
    assert "(min-width:0px)" in site.http.get("/m/1/frame?colours=dark").text
    assert "hue-rotate" in site.http.get("/m/1/frame?colours=inverted").text
    without = site.http.get("/m/1/frame?images=off")
    assert "R0lGOD" not in without.text
    assert "img-src 'none'" in without.headers["content-security-policy"]


def test_an_unknown_page_leads_back(site: Site) -> None:
    for path in ("/m/99", "/nothing", "/static/nothing.css"):
        answer = site.http.get(path)
        assert (answer.status_code, "All messages" in answer.text) == (404, True)


def test_the_same_message_twice_is_marked(site: Site) -> None:
    site.send("ana@garden.example")
    site.send("bo@garden.example")
    assert "the same message twice" not in site.http.get("/").text
    site.send("ana@garden.example")
    assert site.http.get("/").text.count("the same message twice") == 2
    assert [one["twice"] for one in site.http.get("/messages.json").json()["messages"]] == [True, False, True]
    assert site.http.get("/?problems").text.count("bo@garden.example") == 0


@pytest.mark.parametrize(("name", "code"), [("full", 452), ("gone", 550), ("quota", 550), ("GONE+x", 550)])
def test_addresses_are_refused_as_their_names_say(site: Site, name: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        site.send(f"{name}@garden.example")
    assert refused.value.recipients[f"{name}@garden.example"][0] == code
    assert "refused on purpose" in site.http.get("/").text


def test_cut_takes_the_message_and_hangs_up(site: Site) -> None:
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        site.send("cut@garden.example")
    assert [one.recipient for one in site.messages.listed()] == ["cut@garden.example"]


def test_slow_is_accepted_in_the_end(site: Site) -> None:
    assert site.send("slow@garden.example") == {}


def test_messages_are_found_and_grouped(site: Site) -> None:
    site.send("ana@garden.example")
    site.send("bo@garden.example")
    assert "bo@" not in site.http.get("/?q=ana%40").text
    assert "ana@garden.example" in site.http.get("/?by=recipient").text
    assert "2 messages" in site.http.get("/?by=list_id").text
    assert "bo@" not in site.http.get("/?by=recipient&is=ana%40garden.example").text
    assert len(site.http.get("/messages.json?to=bo@garden.example").json()["messages"]) == 1
    assert "No message is like that" in site.http.get("/?q=%25").text  # no wildcard


PATHS = ["/", "/static/catcher.css", "/messages.json", "/m/1", "/m/1/frame", "/m/1.eml"]


@pytest.mark.parametrize("path", PATHS)
def test_another_host_is_answered_nowhere(site: Site, path: str) -> None:
    site.send("ana@garden.example")
    port = site.url.rpartition(":")[2]
    for host in (f"evil.example:{port}", "127.0.0.1:1", "127.0.0.1"):
        assert site.http.get(path, headers={"host": host}).status_code == 421
    assert site.http.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "none"},
     {"origin": "http://evil.example"}, {"origin": "null"}],
)  # fmt: skip
def test_a_page_of_another_site_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    site.send("ana@garden.example")
    assert site.http.delete("/messages", headers=headers).status_code == 403
    assert site.http.post("/empty", headers=headers).status_code == 403
    assert site.http.post("/m/1/one-click", headers=headers).status_code == 403
    assert len(site.messages.listed()) == 1


def test_tests_and_the_own_page_may_empty_the_list(site: Site) -> None:
    site.send("ana@garden.example")
    assert site.http.delete("/messages").status_code == 204
    site.send("ana@garden.example")
    assert site.http.post("/empty", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert site.messages.listed() == []


def test_a_number_that_is_not_there_is_not_found(site: Site) -> None:
    for path in ("/m/1", "/m/99999999999999999999999", "/m/1/frame", "/m/1.eml"):
        assert site.http.get(path).status_code == 404


def test_one_click_is_tried_and_its_answer_shown(site: Site) -> None:
    link = f"{site.url}/m/1/one-click-target"
    head = f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()
    site.send("ana@garden.example", head + MESSAGE)
    assert "Try one-click" in site.http.get("/m/1").text
    assert "404 Not Found" in site.http.post("/m/1/one-click").text


@pytest.mark.parametrize(
    ("link", "is_tried"),
    [("http://127.0.0.1:8025/u/x", True), ("http://localhost/u/x", True), ("http://[::1]:80/u", True),
     ("https://news.garden.example/u/x", False), ("http://127.0.0.1.evil.example/", False),
     ("http://127.0.0.1@evil.example/", False), ("http://evil@127.0.0.1/", False),
     ("http://127.0.0.1:x/", False), ("mailto:a@localhost", False)],
)  # fmt: skip
def test_one_click_is_tried_on_this_machine_alone(link: str, is_tried: bool) -> None:
    head = f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
    assert bool(loopback_link(MessageParts.of(head.encode()))) is is_tried


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\xff\xfe", b"Subject: =?nope?b?###?=\r\n\r\nx",
     b"Content-Type: text/html; charset=nope\r\n\r\n\xff",
     b"Subject: a\r\n\xe9: b\r\n\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 50,
     b'Content-Type: text/plain; name="../../x"\r\n'
     b'Content-Disposition: attachment; filename="../x"\r\n\r\nx'],
)  # fmt: skip
def test_any_octets_are_a_message(site: Site, data: bytes) -> None:
    site.messages.add(Arrival("a@b", "c@d", MessageParts.of(data).subject, "", "", "", data), NOW)
    for path in ("/", "/m/1", "/m/1/frame", "/m/1.eml", "/messages.json"):
        assert site.http.get(path).status_code == 200


def test_only_the_newest_are_kept() -> None:
    with closing(CaughtMessages(most=3)) as few:
        for number in range(5):
            few.add(Arrival("", f"{number}@d", "", "", "", "", b"x"), NOW)
        assert [one.recipient for one in few.listed()] == ["4@d", "3@d", "2@d"]
    with closing(CaughtMessages(octets=30)) as small:
        for number in range(5):
            small.add(Arrival("", f"{number}@d", "", "", "", "", bytes([number]) * 3), NOW)
        assert [one.recipient for one in small.listed()] == ["4@d", "3@d"]


def test_a_message_beyond_the_limit_is_refused(site: Site) -> None:
    with smtplib.SMTP("127.0.0.1", site.smtp_port) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 32_000_000
        assert client.mail("a@b.example", ["size=33000000"])[0] == 552


def test_a_mailbox_of_files_is_shown(tmp_path: Path) -> None:
    Mailbox(tmp_path).keep(MESSAGE)
    (tmp_path / "notes.txt").write_bytes(b"x")
    (found,) = Mailbox(tmp_path).arrivals()
    assert (found.sender, found.recipient, found.subject) == (
        "news@garden.example",
        "ana@garden.example",
        "Grüße",
    )


def test_each_message_is_kept_in_a_file_of_ours_and_none_is_written_over(tmp_path: Path) -> None:
    hostile = MESSAGE.replace(b"<1@garden.example>", b"<../../x@y>")
    with catching(Mailbox(tmp_path / "kept")) as site:
        site.send("ana@garden.example")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            site.send("gone@garden.example")
    (tmp_path / "kept" / "of the user.eml").write_bytes(b"mine")
    with catching(Mailbox(tmp_path / "kept")) as site:
        site.send("../../bo@garden.example", hostile)
        site.http.delete("/messages")
    files = {file.name: file.read_bytes() for file in (tmp_path / "kept").iterdir()}
    assert files == {"000001.eml": MESSAGE, "000002.eml": hostile, "of the user.eml": b"mine"}
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]


def test_a_message_that_cannot_be_kept_is_refused_for_now(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "kept")
    (tmp_path / "kept").rmdir()
    with catching(mailbox) as site:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            site.send("ana@garden.example")
        assert refused.value.smtp_code == 452
        assert site.messages.listed() == []


def test_the_server_ends_while_a_client_is_connected() -> None:
    with catching() as site:
        client = smtplib.SMTP("127.0.0.1", site.smtp_port)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.noop()
    client.close()


def test_connections_beyond_the_limit_are_told_so_and_room_comes_back(site: Site) -> None:
    def greeting(client: socket.socket) -> bytes:
        return client.recv(200)

    with ExitStack() as stack:
        address = ("127.0.0.1", site.smtp_port)
        clients = [stack.enter_context(socket.create_connection(address)) for _ in range(MOST_CONNECTIONS)]
        assert all(greeting(client).startswith(b"220") for client in clients)
        with socket.create_connection(address) as late:
            assert greeting(late).startswith(b"421")
        for client in clients:
            client.sendall(b"QUIT\r\n")
            assert greeting(client).startswith(b"221")
    assert site.send("ana@garden.example") == {}
