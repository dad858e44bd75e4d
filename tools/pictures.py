"""The pictures of README.md, from the real pages and screens: a fixed clock, and the same people each time.

python -m tools.pictures [DIR]
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from threading import Thread

from playwright.sync_api import Browser, Page
from rich.console import Console

from mailrunner.cli.bars import Drawing
from mailrunner.cli.context import CommandContext
from mailrunner.cli.report import message_kinds_of
from mailrunner.cli.status_text import account_lines, status_lines
from mailrunner.report.heading import report_heading
from mailrunner.report.page import write_page
from mailrunner.report.summary import Summary
from mailrunner.web import server
from mailrunner.web.catcher.messages import Arrival, CaughtMessages
from mailrunner.web.catcher.pages import CatcherPages
from tests.support.browsers import chromium, new_context
from tests.support.clocks import START
from tests.support.dashboards import Board, ServedDashboard, new_board
from tests.support.projects import Project
from tests.support.story import story

_CAMPAIGN = "spring-newsletter"
_WIDTH = 1000
_FOLDER = Path(__file__).parents[1] / "docs/pictures"
_ADDRESS = "127.0.0.1:1025"


def main() -> None:
    """Write all pictures into DIR, or docs/pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TZ"] = "UTC"
    time.tzset()
    with TemporaryDirectory() as place, chromium() as browser:
        board = story(new_board(Project(_project(Path(place)))))
        with board.ledger:
            _dashboard(browser, board, folder)
            _report(browser, board, folder)
            _terminal(browser, board, folder)
        _catcher(browser, folder)
    for picture in sorted(folder.glob("*.png")):
        print(f"{picture.name}: {picture.stat().st_size / 1024:.0f} KB")


def _project(place: Path) -> Path:
    folder = place / "linden-garden-club"
    folder.mkdir()
    return folder


@contextmanager
def _page(browser: Browser, *, height: int) -> Iterator[Page]:
    context = new_context(browser, viewport={"width": _WIDTH, "height": height}, color_scheme="light")
    yield context.new_page()
    context.close()


def _shot(page: Page, path: Path, *, top: int = 0, height: int) -> None:
    page.screenshot(path=path, full_page=True, animations="disabled",
                    clip={"x": 0, "y": top, "width": _WIDTH, "height": height})  # fmt: skip


def _dashboard(browser: Browser, board: Board, folder: Path) -> None:
    with ServedDashboard(board) as served, _page(browser, height=900) as page:
        page.context.add_cookies([{"name": served.cookie_name, "value": served.session, "url": served.url}])
        for name, path, height in (
            ("dashboard", "/", 700),
            ("campaign", f"/c/{_CAMPAIGN}", 705),
            ("account", "/accounts/relay", 640),
        ):
            page.goto(f"{served.url}{path}")
            page.locator("#live[data-state=live]").wait_for()
            _shot(page, folder / f"{name}.png", height=height)


def _report(browser: Browser, board: Board, folder: Path) -> None:
    context = CommandContext(board.project.folder, clock=board.clock)
    record = board.ledger.campaigns.find(_CAMPAIGN)
    assert record is not None  # noqa: S101 - the story has it
    file = board.project.folder / "report.html"
    with board.ledger.reports.reading(record.no) as reading, file.open("w", encoding="utf-8") as out:
        heading = report_heading(context.project, _CAMPAIGN, record, reading)
        kinds = message_kinds_of(context, reading, record)
        write_page(
            reading, out, summary=Summary.of(reading, heading, record), now=board.clock.now(), kinds=kinds
        )
    with _page(browser, height=900) as page:
        page.goto(file.as_uri())
        _shot(page, folder / "report.png", height=1_000)


def _terminal(browser: Browser, board: Board, folder: Path) -> None:
    """What `status` and `quota` print on a terminal of 80 columns."""
    context = CommandContext(board.project.folder, clock=board.clock)
    drawing = Drawing(cells=48, is_ascii=False)
    found = context.handle.status(_CAMPAIGN).as_dict()
    campaigns, accounts = found["campaigns"], found["accounts"]
    lines = ["$ mailrunner status", *status_lines(campaigns, accounts, drawing), "", "$ mailrunner quota"]
    for account in accounts:
        lines += account_lines(account, drawing, returns=True)
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    for line in lines:
        console.print(fill(line, 79, subsequent_indent="    ") if isinstance(line, str) else line)
    svg = console.export_svg(title="mailrunner", unique_id="terminal")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # which a server elsewhere has
    with _page(browser, height=700) as page:
        page.set_content(f"<style>body {{ margin: 0; background: #fff }}</style>{svg}")
        page.locator("svg").screenshot(path=folder / "terminal.png", animations="disabled")


def _catcher(browser: Browser, folder: Path) -> None:
    with closing(CaughtMessages()) as messages, _page(browser, height=700) as page:
        for place, arrival in enumerate(_arrivals()):
            messages.add(arrival, START + timedelta(seconds=place))
        listener = server.listen("127.0.0.1", 0)
        pages = CatcherPages(messages, address=_ADDRESS).application(port=listener.getsockname()[1])
        running = server.uvicorn_server(pages, tell=print)
        thread = Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        page.goto(server.address_of(listener))
        _shot(page, folder / "catcher.png", height=665)
        running.stop()
        thread.join()


def _arrivals() -> Iterator[Arrival]:
    """What the demonstration sends, and a message that came twice."""
    people = {"ana.pop": "Ana", "hanako": "花子", "stefan.munteanu": "Ștefan", "pavel": "Павел"}
    refused = {
        "gone": "550 5.1.1 there is no such mailbox, as its name asks",
        "full": "452 4.2.2 this mailbox is full, as its name asks",
    }
    for place, (box, name) in enumerate({**people, "zoe.martin": "Zoë", "emma.oneill": "Emma"}.items()):
        subject, number = f"Spring is here, {name}: the first seeds are in", f"<{place}@garden.example>"
        body = b"x" * (64_000 + 371 * place)
        arrival = Arrival("news@garden.example", f"{box}@garden.example", subject, number, "club", "", body)
        yield arrival
        if box == "pavel":
            yield arrival
    for box, answer in refused.items():
        yield Arrival("news@garden.example", f"{box}@garden.example", "", "", "", answer, b"")


if __name__ == "__main__":
    main()
