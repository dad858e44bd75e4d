"""The page that `mailrunner preview` writes, opened as a file in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from tests.support.browsers import DESK, PHONE, new_context, obstacles
from tests.support.hostile_message import Hits
from tests.support.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

LETTER = """<html><head><style>p {{ background: url("{o}/background.png") }}</style></head><body>
<p>Hello {{{{ name }}}} <img src="{o}/pixel.png" alt=""><svg><image href="{o}/svg.png"/></svg></p>
<p><a id="programme" href="{o}/programme">The programme</a></p>
<p>{{{{ postal_address }}}} <a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p></body></html>
"""
LIST = "email,name\nana@example.org,Ana\nbo@gmial.com,\n"


@pytest.fixture
def hits() -> Iterator[Hits]:
    with Hits() as server:
        yield server


@pytest.fixture
def index(tmp_path: Path, hits: Hits) -> str:
    """The address of the page."""
    project = Project(tmp_path)
    project.write_account()
    letter = LETTER.format(o=hits.origin)
    project.write_campaign("spring", csv="list.csv", recipients='name = "name"', letter=letter)
    project.put("data/list.csv", LIST)
    result = CliRunner().invoke(commands(), ["preview", "spring", "--project", str(tmp_path)])
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip()).as_uri()


def opened(browser: Browser, index: str, size: ViewportSize) -> Page:
    page = new_context(browser, viewport=size).new_page()
    page.goto(index)
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_fetches_nothing_fits_its_screen_and_bars_no_reader(
    browser: Browser, index: str, hits: Hits, size: ViewportSize
) -> None:
    page = opened(browser, index, size)
    page.frame_locator("iframe >> nth=0").get_by_text("Hello Ana").wait_for()
    assert hits.paths == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert obstacles(page) == []
    page.context.close()


def test_a_link_opens_a_tab_of_its_own_and_the_message_stays(
    browser: Browser, index: str, hits: Hits
) -> None:
    page = opened(browser, index, DESK)
    programme = page.frame_locator("iframe >> nth=0").locator("#programme")
    with page.context.expect_page() as tab:
        programme.click()
    tab.value.wait_for_load_state()
    assert (hits.paths, hits.referrers) == (["/programme"], [""])
    programme.wait_for()
    page.context.close()
