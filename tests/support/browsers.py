"""The system's Chromium, and axe-core (npm), which looks for what keeps people from using a page.

with chromium() as browser:
    page = new_context(browser, viewport=PHONE).new_page()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("main")).to_contain_text("Paused.")
    assert obstacles(page) == []

A click, a key or a form answers before the next page is there, so a test reads a page by `expect` and
locators, which wait for what they look for, never by `inner_text`, `url` or `frames[1]`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.patience import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

_LONGEST = PATIENCE * 1000  # ms for a page, a click or what is expected
CHROMIUM = Path("/usr/bin/chromium")
# The tests of the wheel run in a tree of their own, without build/.
AXE = Path(os.environ.get("AXE") or Path(__file__).parents[2] / "build/axe-core/axe.min.js")
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}
_RUN = """async () => (await axe.run(document, {iframes: false})).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
  .map(found => found.id + ': ' + found.nodes.map(node => node.html.slice(0, 120)).join(' | '))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; where there is none the test is skipped, but never in CI."""
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED: the pages in a browser, because there is no {CHROMIUM}")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_LONGEST)
    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=_LONGEST)
        yield running
        running.close()


def new_context(browser: Browser, **look: Any) -> BrowserContext:
    """A context that waits as long as a busy machine needs; `look` is that of `Browser.new_context`."""
    context = browser.new_context(**look)
    context.set_default_timeout(_LONGEST)
    return context


def obstacles(page: Page) -> list[str]:
    """The serious and critical findings of axe-core, by way of evaluate(): the page's policy stays on."""
    if not AXE.exists() and "CI" not in os.environ:
        pytest.skip(f"NOT TESTED: obstacles on the pages, because there is no {AXE} (make axe)")
    page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(_RUN)
    return found
