"""The dashboard in a real browser: at a desk and on a phone, light and dark, with and without script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailrunner.store import Phase
from tests.support.browsers import AXE, CHROMIUM
from tests.support.dashboards import Board, ServedDashboard, new_board, small_campaign
from tests.support.ledger_builder import IN_DOUBT, claim, claim_terms, send
from tests.support.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
C = "/c/spring-newsletter"
PAGES = (
    *("/", C, f"{C}/recipients", f"{C}/recipients?state=failed", f"{C}/recipients?state=in_doubt"),
    *(f"{C}/recipients/17", f"{C}/recipients/985", f"{C}/confirm?do=cancel", "/c/members-2027"),
    *("/accounts/relay", "/suppressions?q=ana&name=anabel@example.org", "/log", "/c/none"),
)
KINDS = """
<html><head><title>evil</title><base href="{o}/base/"><meta http-equiv="refresh" content="0;url={o}/refresh">
<link rel="stylesheet" href="{o}/css"><link rel="prefetch" href="{o}/prefetch">
<style>@import url("{o}/import"); @font-face {{ font-family: f; src: url("{o}/font") }}
body {{ background: url("{o}/background"); font-family: f }}</style></head>
<body onload="document.title='owned'"><img src="{o}/pixel" srcset="{o}/srcset 2x">
<svg><image href="{o}/svg"/></svg>
<video poster="{o}/poster" src="{o}/video" autoplay><source src="{o}/source"></video>
<audio src="{o}/audio"></audio>
<iframe src="{o}/iframe"></iframe><object data="{o}/object"></object><embed src="{o}/embed">
<table background="{o}/table"><tr><td>x</td></tr></table><input type="image" src="{o}/input">
<script>parent.document.title='owned'; fetch("{o}/script")</script>
<form action="{o}/form" method="get"><button id="send">Send</button></form>
<p>Hello {{{{ name }}}} {{{{ postal_address }}}} <a id="plain" href="{o}/plain">a link</a>
<a href="{{{{ unsubscribe_url }}}}">out</a></p></body></html>
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED: the dashboard in a browser, because there is no {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def lively_served(lively_board: Board) -> Iterator[ServedDashboard]:
    with ServedDashboard(lively_board) as running:
        yield running


class Opened:
    """A browser that is signed in; `complaints` are its own, `away` its requests that left loopback."""

    def __init__(self, browser: Browser, served: ServedDashboard, **look: object) -> None:
        self.context = browser.new_context(**{"locale": "en-GB", **look})  # type: ignore[arg-type]
        cookie = {"name": served.cookie_name, "value": served.session, "url": served.url}
        cookie["sameSite"] = "Strict"
        self.context.add_cookies([cookie])  # type: ignore[list-item]
        self.complaints: list[str] = []
        self.away: list[str] = []
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("console", lambda message: self.complaints.append(message.text))
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = self.context.new_page()
        self.url = served.url

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:", "blob:")):
            self.away.append(url)

    def goto(self, path: str) -> Page:
        self.page.goto(self.url + path, wait_until="load")
        return self.page


@contextmanager
def opened(browser: Browser, served: ServedDashboard, **look: object) -> Iterator[Opened]:
    made = Opened(browser, served, **look)
    try:
        yield made
    finally:
        made.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_opens_without_a_complaint(
    browser: Browser, lively_served: ServedDashboard, viewport: dict[str, int], scheme: str, script: bool
) -> None:
    look = {"viewport": viewport, "color_scheme": scheme, "java_script_enabled": script}
    with opened(browser, lively_served, **look) as made:
        for path in PAGES[:-1]:
            page = made.goto(path)
            assert page.locator("main").inner_text().strip(), path
            box = page.locator("body").bounding_box()
            assert box is not None and box["width"] <= viewport["width"], path
            if script:
                assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        assert (made.complaints, made.away) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_serious(
    browser: Browser, lively_served: ServedDashboard, viewport: dict[str, int], scheme: str
) -> None:
    if not AXE.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED: accessibility, because there is no {AXE} (.ci/run gets it)")
    source = AXE.read_text(encoding="utf-8")
    with opened(browser, lively_served, viewport=viewport, color_scheme=scheme) as made:
        for path in PAGES:
            page = made.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            page.evaluate(source)  # add_script_tag is refused by our policy
            found = page.evaluate("axe.run(document, { iframes: false })")
            grave = [
                (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
                for one in found["violations"]
                if one["impact"] in ("serious", "critical")
            ]
            assert grave == [], path


def test_a_link_is_entered_by_one_press_and_leaves_the_address_bar(
    browser: Browser, lively_served: ServedDashboard
) -> None:
    for script in (True, False):
        context = browser.new_context(java_script_enabled=script)
        page = context.new_page()
        page.goto(f"{lively_served.url}/enter?t={lively_served.entrance.new_link()}")
        if not script:
            page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url(f"{lively_served.url}/")
        assert page.get_by_role("heading", name="Campaigns").is_visible()
        context.close()


def test_a_user_without_script_pauses_and_decides_a_doubt(browser: Browser, board: Board) -> None:
    record = board.ledger.campaigns.find("spring")
    assert record is not None
    terms = claim_terms(record)
    send(board.ledger, terms, claim(board.ledger, terms, token=1, most=1)[0], IN_DOUBT)
    with (
        ServedDashboard(board) as served,
        opened(browser, served, viewport=PHONE, java_script_enabled=False) as made,
    ):
        page = made.goto("/")
        page.get_by_role("link", name="Decide").click()
        page.get_by_role("link", name="Record all as sent").click()
        assert "1 message will be recorded as sent" in page.inner_text("main")
        page.get_by_role("button", name="Record 1 message as sent").click()
        assert "Recorded as sent: 1 message." in page.inner_text("main")
        page.get_by_role("button", name="Pause").click()
        assert "Paused." in page.inner_text("main")
        assert board.ledger.deliveries.counts(record.no).sent == 1
        found = board.ledger.campaigns.find("spring")
        assert found is not None and found.phase is Phase.PAUSED
        assert (made.complaints, made.away) == ([], [])


def test_the_keyboard_alone_pauses_a_campaign(browser: Browser, board: Board) -> None:
    with ServedDashboard(board) as served, opened(browser, served, viewport=DESK) as made:
        page = made.goto("/c/spring")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == "Pause":
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/c/spring?done=paused*")
        found = board.ledger.campaigns.find("spring")
        assert found is not None and found.phase is Phase.PAUSED


def test_a_page_that_is_open_shows_what_changes_and_says_when_it_is_lost(
    browser: Browser, board: Board
) -> None:
    record = board.ledger.campaigns.find("spring")
    assert record is not None
    with ServedDashboard(board) as served, opened(browser, served, viewport=DESK) as made:
        page = made.goto("/c/spring")
        page.get_by_text("live", exact=True).wait_for()
        terms = claim_terms(record)
        send(board.ledger, terms, claim(board.ledger, terms, token=1, most=1)[0], IN_DOUBT)
        page.locator(".numbers .in_doubt").wait_for()
        assert page.locator(".numbers .in_doubt b").inner_text() == "1"
        served.stop()  # with the stream open
        page.get_by_text("no answer from mailrunner dashboard").wait_for()


def test_a_hostile_message_fetches_nothing_and_stays_in_its_frame(browser: Browser, tmp_path: Path) -> None:
    with ServedSink() as sink:
        made_board = new_board(Project(tmp_path), letter=KINDS.format(o=sink.url))
        record = small_campaign(made_board, [])
        with made_board.ledger as ledger:
            from tests.support.large_ledger import fill

            fill(ledger, "evil", 1_000, identity="127.0.0.1:2525")
            made_board.project.write_campaign("evil", csv="spring.csv", letter=KINDS.format(o=sink.url))
            assert record.no == 1
            with ServedDashboard(made_board) as served, opened(browser, served, viewport=DESK) as made:
                page = made.goto("/c/evil/recipients/17")
                frame = page.frame_locator("iframe")
                frame.locator("#plain").wait_for()
                title = page.title()
                page.wait_for_load_state("networkidle")
                assert (sink.paths, title) == ([], page.title())
                with made.context.expect_page() as popup:
                    frame.locator("#plain").click()
                assert popup.value.evaluate("window.opener") is None
                assert sink.paths == ["/plain"]
                assert {"referer", "cookie"}.isdisjoint(sink.headers[0])
                assert frame.locator("#plain").is_visible()  # the frame stays
                alone = made.goto("/c/evil/recipients/17/frame")
                assert alone.evaluate("window.origin") == "null"  # opaque, also without the frame
                assert sink.paths == ["/plain"]


class ServedSink:
    """A second origin that records what is asked of it."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/favicon.ico":
                    sink.paths.append(self.path)
                    sink.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ServedSink:
        import threading

        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
