"""The public pages in a real browser, without scripts, as people use them on a phone and at a desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailrunner.clock import SystemClock
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import Ledger
from mailrunner.web.translations import phrases
from tests.support.browsers import DESK, new_context
from tests.support.web_clicks import Served, deliveries, mailed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ANA = "ana@example.org"
PHONE: ViewportSize = {"width": 360, "height": 740}
WORDS = phrases()["en"]


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
    page = new_context(browser, **{"locale": "en-GB", "java_script_enabled": False, **look}).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(link)
    return page, complaints


def wait_for_heading(page: Page, text: str) -> None:
    page.get_by_role("heading", name=text, exact=True).wait_for()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_subscriber_leaves_comes_back_and_chooses(
    browser: Browser, ledger: Ledger, link: str, viewport: dict[str, int], scheme: str
) -> None:
    page, complaints = opened(browser, link, viewport=viewport, color_scheme=scheme)
    wait_for_heading(page, "Unsubscribe from “Club news”?")
    assert left(ledger) == set()
    page.get_by_role("button", name="Unsubscribe").click()
    wait_for_heading(page, "You are unsubscribed from “Club news”")
    assert left(ledger) == {"club news"}
    page.get_by_role("button", name=WORDS["mistake"]).click()
    wait_for_heading(page, "You are subscribed to “Club news” again")
    assert left(ledger) == set()
    page.get_by_role("link", name=WORDS["choose"]).click()
    page.get_by_role("button", name="Unsubscribe: Summer camp 2027").click()
    page.get_by_role("button", name="Subscribe again: Summer camp 2027").wait_for()
    assert left(ledger) == {"summer camp 2027"}
    page.get_by_role("button", name=WORDS["leave_all"]).click()
    page.locator("main", has_text=WORDS["all_left_note"]).wait_for()
    page.get_by_role("button", name=WORDS["all_mistake"]).click()
    page.get_by_role("button", name="Subscribe again: Summer camp 2027").click()
    page.get_by_role("button", name="Unsubscribe: Summer camp 2027").wait_for()
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
