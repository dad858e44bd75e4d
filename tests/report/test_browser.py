"""The report's page in a real browser: on a desk, a phone and A4; hostile text stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.cli.report import message_kinds_of
from mailrunner.report.heading import report_heading
from mailrunner.report.page import write_page
from mailrunner.report.summary import Summary
from tests.support.browsers import DESK, PHONE, chromium, new_context, obstacles
from tests.support.dashboards import lively, new_board
from tests.support.projects import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

CAMPAIGN = "spring-newsletter"
A4: ViewportSize = {"width": 680, "height": 1009}  # without the margins, at 96 dots an inch


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a campaign in which much has happened."""
    board = new_board(Project(tmp_path_factory.mktemp("club")))
    lively(board, number=3_000)
    context = CommandContext(board.project.folder, clock=board.clock)
    with board.ledger as ledger:
        record = ledger.campaigns.find(CAMPAIGN)
        assert record is not None
        with ledger.reports.reading(record.no) as reading:
            summary = Summary.of(reading, report_heading(context.project, CAMPAIGN, record, reading), record)
            kinds = message_kinds_of(context, reading, record)
            file = board.project.folder / "report.html"
            with file.open("w", encoding="utf-8") as out:
                write_page(reading, out, summary=summary, now=board.clock.now(), kinds=kinds)
    return file


class Opened:
    """The page, what the browser complained of, and what was asked for beside the file."""

    def __init__(self, browser: Browser, file: Path, **look: object) -> None:
        context = new_context(browser, **look)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        context.on("console", lambda message: self.complaints.append(message.text))
        context.on("request", lambda request: self.asked.append(request.url))
        self.page: Page = context.new_page()
        self.page.goto(file.as_uri())
        self.page.get_by_role("heading", name="All rows").wait_for()
        assert self.asked == [file.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_it_opens_without_a_complaint_and_bars_no_reader(
    browser: Browser, page_file: Path, viewport: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    opened = Opened(browser, page_file, viewport=viewport, color_scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    # The long table apart, of which each row is like the others and which takes axe a minute.
    opened.page.evaluate(
        "document.querySelectorAll('.long tbody tr:nth-child(n + 20)').forEach(e => e.remove())"
    )
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert obstacles(opened.page) == []
    assert opened.complaints == []
    opened.page.context.close()


def test_it_is_whole_without_script(browser: Browser, page_file: Path) -> None:
    opened = Opened(browser, page_file, java_script_enabled=False)
    assert opened.page.get_by_role("img").count() == 3
    assert opened.page.locator("script").count() == 0
    opened.page.get_by_text("The same as a table").first.click()
    opened.page.get_by_role("columnheader", name="Quarter of an hour from").wait_for()
    opened.page.context.close()


def test_nothing_is_cut_off_on_a4_and_the_table_of_all_rows_is_not_printed(
    browser: Browser, page_file: Path
) -> None:
    opened = Opened(browser, page_file, viewport=A4)
    opened.page.emulate_media(media="print")
    beyond = opened.page.evaluate(
        "Array.from(document.querySelectorAll('main *')).filter(e => e.getBoundingClientRect().right > "
        f"{A4['width']} + 1 || (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && !e.closest('svg')))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert beyond == []
    assert not opened.page.get_by_role("heading", name="All rows").is_visible()
    assert opened.page.get_by_role("heading", name="Failed").is_visible()
    opened.page.context.close()
