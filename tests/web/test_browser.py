"""The public pages in a real browser, without scripts, as people use them on a phone and at a desk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailrunner.clock import SystemClock
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import Ledger
from mailrunner.web.translations import phrases
from tests.support.web_clicks import Served, deliveries, mailed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ANA = "ana@example.org"
CHROMIUM = Path("/usr/bin/chromium")
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
WORDS = phrases()["en"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED: the pages in a browser, because there is no {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path}/mailrunner.db"
    with Ledger.open(folder=tmp_path, url=url, clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
def site(ledger: Ledger) -> Iterator[Served]:
    with Served(ledger) as running:
        yield running


@pytest.fixture
def link(site: Served, ledger: Ledger) -> str:
    """Ana's link of one of three lists."""
    spring = mailed(ledger, [ANA])
    for number, name in enumerate(("Members & friends of the reading room", "Summer camp 2027")):
        mailed(ledger, [ANA], name=name, campaign=f"other{number}")
    return f"http://127.0.0.1:{site.port}/u/{site.token(deliveries(ledger, spring)[0])}"


def left(ledger: Ledger) -> set[str]:
    return {entry.list_key for entry in ledger.suppressions.entries(ANA)}


def opened(browser: Browser, link: str, **look: object) -> tuple[Page, list[str]]:
    """The page at `link`, and what the browser complains of."""
    context = browser.new_context(**{"locale": "en-GB", "java_script_enabled": False, **look})  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(link)
    return page, complaints


def heading(page: Page) -> str | None:
    return page.text_content("h1")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_subscriber_leaves_comes_back_and_chooses(
    browser: Browser, ledger: Ledger, link: str, viewport: dict[str, int], scheme: str
) -> None:
    page, complaints = opened(browser, link, viewport=viewport, color_scheme=scheme)
    assert (heading(page), left(ledger)) == ("Unsubscribe from “Club news”?", set())
    page.get_by_role("button", name="Unsubscribe").click()
    assert (heading(page), left(ledger)) == ("You are unsubscribed from “Club news”", {"club news"})
    page.get_by_role("button", name=WORDS["mistake"]).click()
    assert (heading(page), left(ledger)) == ("You are subscribed to “Club news” again", set())
    page.get_by_role("link", name=WORDS["choose"]).click()
    page.get_by_role("button", name="Unsubscribe: Summer camp 2027").click()
    assert left(ledger) == {"summer camp 2027"}
    page.get_by_role("button", name=WORDS["leave_all"]).click()
    assert WORDS["all_left_note"] in page.inner_text("main")
    page.get_by_role("button", name=WORDS["all_mistake"]).click()
    page.get_by_role("button", name="Subscribe again: Summer camp 2027").click()
    assert left(ledger) == set()
    assert complaints == []


@pytest.mark.parametrize("language", sorted(phrases()))
def test_nothing_is_wider_than_a_phone_and_every_button_takes_a_thumb(
    browser: Browser, ledger: Ledger, link: str, language: str
) -> None:
    ledger.suppressions.add([ANA], list_key="club news", reason=SuppressionReason.UNSUBSCRIBE, source="test")
    for address in (link, link.replace("/u/", "/p/"), f"{link}x"):
        page, _ = opened(browser, address, viewport=PHONE, locale=language)
        box = page.locator("main").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
        for button in page.get_by_role("button").all():
            size = button.bounding_box()
            assert size is not None and size["height"] >= 44  # WCAG 2.2, target size (enhanced)
            assert size["x"] + size["width"] <= box["x"] + box["width"]
        page.context.close()
