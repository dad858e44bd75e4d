"""The dashboard in a real browser: at a desk and on a phone, light and dark, with and without script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from mailrunner.store import Phase
from tests.support.browsers import DESK, PHONE, new_context, obstacles
from tests.support.dashboards import Board, ServedDashboard, new_board, small_campaign
from tests.support.hostile_message import Hits
from tests.support.large_ledger import fill
from tests.support.ledger_builder import IN_DOUBT, claim, claim_terms, send
from tests.support.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, ViewportSize

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
def lively_served(lively_board: Board) -> Iterator[ServedDashboard]:
    with ServedDashboard(lively_board) as running:
        yield running


class Opened:
    """A browser that is signed in; `complaints` are its own, `away` its requests that left loopback."""

    def __init__(self, browser: Browser, served: ServedDashboard, **look: object) -> None:
        self.context = new_context(browser, **{"locale": "en-GB", **look})
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


@pytest.mark.parametrize(
    ("viewport", "scheme", "script"),
    [(PHONE, "light", True), (PHONE, "dark", False), (DESK, "light", False), (DESK, "dark", True)],
    ids=["phone, light", "phone, dark, no script", "desk, light, no script", "desk, dark"],  # each two once
)
def test_every_page_opens_without_a_complaint(
    browser: Browser, lively_served: ServedDashboard, viewport: ViewportSize, scheme: str, script: bool
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


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_axe_finds_nothing_serious(
    browser: Browser,
    lively_served: ServedDashboard,
    viewport: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    with opened(browser, lively_served, viewport=viewport, color_scheme=scheme) as made:
        for path in PAGES:
            page = made.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert obstacles(page) == [], path


def test_a_link_is_entered_by_one_press_and_leaves_the_address_bar(
    browser: Browser, lively_served: ServedDashboard
) -> None:
    for script in (True, False):
        context = new_context(browser, java_script_enabled=script)
        page = context.new_page()
        page.goto(f"{lively_served.url}/enter?t={lively_served.entrance.new_link()}")
        if not script:
            page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url(f"{lively_served.url}/")
        page.get_by_role("heading", name="Campaigns").wait_for()
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
        page.locator("main", has_text="1 message will be recorded as sent").wait_for()
        page.get_by_role("button", name="Record 1 message as sent").click()
        page.locator("main", has_text="Recorded as sent: 1 message.").wait_for()
        page.get_by_role("button", name="Pause").click()
        page.locator("main", has_text="Paused.").wait_for()
        assert board.ledger.deliveries.counts(record.no).sent == 1
        found = board.ledger.campaigns.find("spring")
        assert found is not None and found.phase is Phase.PAUSED
        assert (made.complaints, made.away) == ([], [])


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus, with an outline; it may be far down the page."""
    wanted.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("found => found === document.activeElement"):
            break
    assert wanted.evaluate("found => getComputedStyle(found).outlineStyle") == "solid"


def test_the_keyboard_alone_pauses_a_campaign(browser: Browser, board: Board) -> None:
    with ServedDashboard(board) as served, opened(browser, served, viewport=DESK) as made:
        page = made.goto("/c/spring")
        _tab_to(page, page.get_by_role("button", name="Pause"))
        page.keyboard.press("Enter")
        page.wait_for_url("**/c/spring?done=paused*")
        found = board.ledger.campaigns.find("spring")
        assert found is not None and found.phase is Phase.PAUSED


def test_the_keyboard_alone_finds_a_recipient_and_decides_a_doubt(browser: Browser, board: Board) -> None:
    record = board.ledger.campaigns.find("spring")
    assert record is not None
    terms = claim_terms(record)
    send(board.ledger, terms, claim(board.ledger, terms, token=1, most=1)[0], IN_DOUBT)
    with ServedDashboard(board) as served, opened(browser, served, viewport=DESK) as made:
        page = made.goto("/c/spring/recipients")
        skip = page.get_by_role("link", name="Skip to the content")
        _tab_to(page, skip)
        assert skip.evaluate("found => found.getBoundingClientRect().top") >= 0  # above the page before
        _tab_to(page, page.get_by_role("searchbox"))
        page.keyboard.type("ana@")
        page.keyboard.press("Enter")
        page.wait_for_url("**/recipients?*q=ana*")
        _tab_to(page, page.get_by_role("link", name="ana@example.org"))
        page.keyboard.press("Enter")
        _tab_to(page, page.get_by_role("link", name="Record as sent"))
        page.keyboard.press("Enter")
        _tab_to(page, page.get_by_role("button", name="as sent"))
        page.keyboard.press("Enter")
        page.locator("main", has_text="Recorded as sent: 1 message.").wait_for()
    assert board.ledger.deliveries.counts(record.no).sent == 1


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
        page.locator(".numbers .in_doubt b").get_by_text("1", exact=True).wait_for()
        served.stop()  # with the stream open
        page.get_by_text("no answer from mailrunner dashboard").wait_for()


def test_seven_pages_at_once_leave_the_browser_a_connection(browser: Browser, board: Board) -> None:
    record = board.ledger.campaigns.find("spring")
    assert record is not None
    with ServedDashboard(board) as served, opened(browser, served, viewport=DESK) as made:
        pages = [made.page, *(made.context.new_page() for _ in range(6))]
        for page in pages:  # none of them is hidden, as in seven windows
            page.goto(f"{served.url}/c/spring")
            page.get_by_text("live", exact=True).wait_for()
        terms = claim_terms(record)
        send(board.ledger, terms, claim(board.ledger, terms, token=1, most=1)[0], IN_DOUBT)
        for page in (pages[0], pages[-1]):
            page.locator(".numbers .in_doubt b").get_by_text("1", exact=True).wait_for()


def test_a_hostile_message_fetches_nothing_and_stays_in_its_frame(browser: Browser, tmp_path: Path) -> None:
    with Hits() as hits:
        made_board = new_board(Project(tmp_path), letter=KINDS.format(o=hits.origin))
        record = small_campaign(made_board, [])
        with made_board.ledger as ledger:
            fill(ledger, "evil", 1_000, identity="127.0.0.1:2525")
            made_board.project.write_campaign("evil", csv="spring.csv", letter=KINDS.format(o=hits.origin))
            assert record.no == 1
            with ServedDashboard(made_board) as served, opened(browser, served, viewport=DESK) as made:
                page = made.goto("/c/evil/recipients/17")
                frame = page.frame_locator("iframe")
                frame.locator("#plain").wait_for()
                title = page.title()
                page.wait_for_load_state("networkidle")
                assert (hits.paths, title) == ([], page.title())
                with made.context.expect_page() as popup:
                    frame.locator("#plain").click()
                assert popup.value.evaluate("window.opener") is None
                assert hits.paths == ["/plain"]
                assert {"Referer", "Cookie"}.isdisjoint(hits.headers[0])
                frame.locator("#plain").wait_for()  # the frame stays
                alone = made.goto("/c/evil/recipients/17/frame")
                assert alone.evaluate("window.origin") == "null"  # opaque, also without the frame
                assert hits.paths == ["/plain"]
