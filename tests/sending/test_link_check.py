"""`check --links`: links that are the same for all are asked for, within bounds; no other one ever is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mailrunner.sending.link_check import MOST_LINKS, DeadLink, LinkCheck, common_links, link_remarks
from tests.support.projects import LETTER, Project


class Site(ThreadingHTTPServer):
    """Answers 404 for /gone, redirects for /moved and /loop, 200 for all else; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                site.asked.append(f"{self.command} {self.path}")
                status = {"/gone": 404, "/moved": 302, "/loop": 302}.get(self.path, 200)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/gone" if self.path == "/moved" else "/loop")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_only_links_without_a_value_and_none_that_unsubscribes_are_asked_for() -> None:
    page = (
        "<a href=\"https://a.example/x?a=1&amp;b=2\">x</a><A HREF='https://a.example/y'>y</a>"
        '<a href="https://a.example/?m=\0">personal</a><a href="\0">value</a><a href="mailto:a@b">m</a>'
        '<a href="https://a.example/unsubscribe">u</a><a href="https://news.example/u/1">own</a>'
        '<a href="https://a.example/y">again</a><img src="https://a.example/pixel.gif">'
    )
    assert common_links(page, ["https://news.example"]) == [
        "https://a.example/x?a=1&b=2",
        "https://a.example/y",
    ]


def test_dead_links_are_named_and_redirects_followed(site: Site) -> None:
    links = [f"{site.url}/{name}" for name in ("good", "gone", "moved", "loop")]
    assert LinkCheck(allow_private=True).dead(links) == [
        DeadLink(links[1], "answers 404"),
        DeadLink(links[2], "answers 404"),
        DeadLink(links[3], "is sent on more than 5 times"),
    ]
    assert {asked.split()[0] for asked in site.asked} == {"HEAD"}


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"]
)
def test_a_name_that_leads_into_a_private_network_is_not_asked(site: Site, address: str) -> None:
    port = site.server_address[1]
    check = LinkCheck(
        resolve=lambda host, _: ["93.184.216.34", address] if host == "a.example" else [address]
    )
    dead = check.dead([f"http://a.example:{port}/x"])
    assert [one.reason for one in dead] == ["leads into a private network, which is not asked"]
    assert site.asked == []


def test_a_redirect_leads_into_no_private_network_either(site: Site) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    assert LinkCheck(resolve=resolve).dead([f"{site.url}/moved"])[0].reason.startswith("leads into a private")
    assert site.asked == []


def test_what_cannot_be_reached_is_said() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "x")

    assert (
        LinkCheck(resolve=nowhere).dead(["https://no.example"])[0].reason == "has a host that does not exist"
    )
    assert "port" in LinkCheck(resolve=nowhere).dead(["https://no.example:99999999/"])[0].reason.lower()


def test_their_number_is_bounded(site: Site) -> None:
    page = "".join(f'<a href="{site.url}/{n}">x</a>' for n in range(MOST_LINKS + 20))
    sentences = list(link_remarks(page, [], LinkCheck(allow_private=True)))
    assert sentences == [f"only the first {MOST_LINKS} of {MOST_LINKS + 20} links were asked for"]
    assert len(site.asked) == MOST_LINKS


def test_check_asks_only_with_the_option(tmp_path: Path, site: Site) -> None:
    project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
    project.put("templates/letter.html", LETTER.replace("<p>", f'<p><a href="{site.url}/gone">g</a>', 1))
    assert "answers 404" not in project.mailrunner("check", "spring").stdout
    assert site.asked == []
    assert (
        f"! the link {site.url}/gone answers 404" in project.mailrunner("check", "spring", "--links").stdout
    )
