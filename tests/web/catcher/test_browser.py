"""The catcher in a real browser: at a desk and on a phone, light and dark, without script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from smtplib import SMTPRecipientsRefused
from typing import TYPE_CHECKING, Literal

import pytest

from tests.support.browsers import DESK, PHONE, chromium, new_context, obstacles
from tests.support.hostile_message import Hits, hostile_message
from tests.web.catcher.test_catcher import MESSAGE, Site, catching

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

PAGES = (
    *("/", "/?by=recipient", "/?problems", "/?q=nothing", "/m/1", "/m/2", "/m/3", "/m/4"),
    *("/m/1?part=headers", "/m/1?part=source", "/m/1?screen=phone&colours=inverted&images=off"),
)
HARMLESS = MESSAGE.replace(b"http://evil.example/p.gif", b"data:image/gif;base64,R0lGODdhAQABAA==")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def filled() -> Iterator[Site]:
    """Messages of which one came twice, one was refused, and one has texts that mean harm."""
    with catching() as site:
        site.send("ana@garden.example", HARMLESS)
        site.send("ana@garden.example", HARMLESS)
        with suppress(SMTPRecipientsRefused):
            site.send("gone@garden.example")
        site.send("bo@garden.example", b"Subject: <b>\xe2\x80\xae" + b"x" * 300 + b"\r\n" + HARMLESS)
        yield site


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_opens_without_a_complaint(
    browser: Browser, filled: Site, viewport: ViewportSize, scheme: Literal["light", "dark"], script: bool
) -> None:
    context = new_context(browser, viewport=viewport, color_scheme=scheme, java_script_enabled=script)
    complaints: list[str] = []
    away: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    context.on("request", lambda request: away.append(request.url))
    page = context.new_page()
    for path in PAGES:
        page.goto(filled.url + path, wait_until="load")
        box = page.locator("main").bounding_box()
        assert box is not None and box["width"] <= viewport["width"], path
        if script:
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        if script and (viewport is PHONE) == (scheme == "light"):
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert obstacles(page) == [], path
    assert complaints == []
    assert [url for url in away if not url.startswith((filled.url, "data:"))] == []
    context.close()


def test_a_message_is_found_looked_at_and_the_list_emptied_without_script(browser: Browser) -> None:
    context = new_context(browser, java_script_enabled=False)
    page = context.new_page()
    with catching() as site:
        site.send("ana@garden.example")
        site.send("bo@garden.example")
        page.goto(site.url)
        page.get_by_role("searchbox").fill("ana@")
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name="ana@garden.example").click()
        page.frame_locator(".screens .desk iframe").get_by_text("Hello").wait_for()
        page.get_by_role("link", name="All messages").click()
        page.get_by_role("button", name="Empty").click()
        page.get_by_text("Nothing was caught yet").wait_for()
    context.close()


def _in_lines(html: str) -> bytes:
    """Lines that SMTP takes (RFC 5321 §4.5.3.1.6)."""
    return html.replace("><", ">\r\n<").replace(" src=", "\r\n src=").encode()


def test_a_hostile_message_fetches_nothing_and_stays_in_its_frame(browser: Browser) -> None:
    context = new_context(browser)
    page = context.new_page()
    with Hits() as hits, catching() as site:
        head = b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        site.send("ana@garden.example", head + _in_lines(hostile_message(hits.origin)))
        page.goto(f"{site.url}/m/1", wait_until="networkidle")
        page.goto(f"{site.url}/m/1/frame", wait_until="networkidle")
        assert page.evaluate("window.origin") == "null"  # an opaque one, also when it is opened alone
        assert hits.paths == []
    context.close()
