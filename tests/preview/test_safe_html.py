"""A hostile message in a real browser: nothing is fetched, no script runs, the frame stays where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailrunner.preview.safe_html import FILE_POLICY, POLICY, SANDBOX, shown
from tests.support.browsers import new_context
from tests.support.hostile_message import Hits, hostile_message

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE_POLICY = {"Content-Security-Policy": "default-src 'none'; frame-src 'self'"}
LINKS = ("plain", "top", "own")
WALLS = {
    "policy and cleaning": (True, POLICY),
    "the policy alone": (False, POLICY),
    "cleaning and a policy in the file": (True, ""),
}


@pytest.fixture
def hits() -> Iterator[Hits]:
    with Hits() as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with new_context(browser) as context:
        yield context.new_page()


@pytest.fixture
def own() -> Iterator[Hits]:
    """The server of the page that shows the message: another origin than the message's server."""
    with Hits() as server:
        yield server


def open_message(
    page: Page, own: Hits, html: str, *, policy: str, sandbox: str = f'sandbox="{SANDBOX}"'
) -> None:
    """The message in a frame of a page, as the gallery and the dashboard show it."""
    frame = f'<iframe {sandbox} src="/frame" width="900" height="600"></iframe>'
    own.pages["/"] = (f"<title>Preview</title>{frame}", PAGE_POLICY if sandbox else {})
    own.pages["/frame"] = (html, {"Content-Security-Policy": policy} if policy else {})
    page.goto(f"{own.origin}/", wait_until="load")
    page.wait_for_load_state("networkidle" if sandbox else "load")


def address_of_frame(page: Page) -> str:
    return str(page.frame_locator("iframe").locator(":root").evaluate("root => root.ownerDocument.URL"))


def follow(page: Page, name: str) -> None:
    """A click on a link of the message; the page that opens is of another tab and knows no opener."""
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").locator(f"#{name}").click()
    other = opened.value
    other.wait_for_load_state()
    assert other.evaluate("window.opener") is None
    other.close()


@pytest.mark.parametrize("wall", WALLS)
def test_a_hostile_message_fetches_nothing_runs_nothing_and_stays(
    page: Page, own: Hits, hits: Hits, wall: str
) -> None:
    is_cleaned, policy = WALLS[wall]
    html = hostile_message(hits.origin)
    if is_cleaned:
        html = shown(html, policy="" if policy else FILE_POLICY)
    open_message(page, own, html, policy=policy)
    assert hits.paths == []
    assert page.title() == "Preview"
    assert address_of_frame(page) == f"{own.origin}/frame"


def test_links_open_in_a_tab_without_opener_or_referrer_and_nothing_is_submitted(
    page: Page, own: Hits, hits: Hits
) -> None:
    open_message(page, own, shown(hostile_message(hits.origin)), policy=POLICY)
    for name in LINKS:
        follow(page, name)
    page.frame_locator("iframe").locator("#send").click()
    page.frame_locator("iframe").locator("#script").click()
    assert hits.paths == ["/plain", "/top", "/own"]
    assert hits.referrers == ["", "", ""]
    assert (page.title(), address_of_frame(page)) == ("Preview", f"{own.origin}/frame")


def test_opened_alone_it_has_no_origin(page: Page, own: Hits, hits: Hits) -> None:
    open_message(page, own, shown(hostile_message(hits.origin)), policy=POLICY)
    page.goto(f"{own.origin}/frame")
    assert page.evaluate("self.origin") == "null"
    assert hits.paths == []


def test_a_file_opened_alone_fetches_nothing(page: Page, hits: Hits, tmp_path: Path) -> None:
    file = tmp_path / "message.html"
    file.write_text(shown(hostile_message(hits.origin), policy=FILE_POLICY), encoding="utf-8-sig")
    page.goto(file.as_uri())
    assert page.title() == "Spring"
    assert hits.paths == []


def test_the_message_itself_would_reach_its_server(page: Page, own: Hits, hits: Hits) -> None:
    """What the walls are for: else a message that tries nothing would pass."""
    open_message(page, own, hostile_message(hits.origin).replace("refresh", "-"), policy="", sandbox="")
    assert hits.wait_for(17)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<!-- -->",
        "<p>Hello",
        "<!-- <head> --><p>Hello</p>",
        '<!-- --!><script>run()</script> --><!DOCTYPE html PUBLIC "><script>run()</script>"><p>Hello</p>',
        "<?xml version='1.0' encoding='utf-16'?><html xmlns='http://www.w3.org/1999/xhtml'><p>Hello</p></html>",
        "<html><body>\0<p>Hello</p></body></html>",
    ],
)
def test_the_policy_stands_before_all_that_a_message_brings(html: str) -> None:
    made = shown(html, policy=FILE_POLICY)
    before, _, after = made.partition('<meta http-equiv="Content-Security-Policy"')
    assert re.fullmatch(r"(<!DOCTYPE[^<>]*>\n)?<html[^<>]*><head>\s*", before)
    assert "Hello" in after or "Hello" not in html
    assert "<script" not in made


def test_text_behind_what_is_removed_stays() -> None:
    made = shown(
        "<p>one<script>run()</script>two<object>or</object>three<embed src=x>four</p><iframe></iframe>five"
    )
    assert "<p>onetwoorthreefour</p>five" in made


@pytest.mark.parametrize(
    "attribute",
    ["onclick=run()", 'target="_top"', "ping=/p", "href='java\tscript:run()'", "href=VBScript:run()"],
)
def test_attributes_that_act_are_removed_and_the_others_kept(attribute: str) -> None:
    assert '<a title="kept">x</a>' in shown(f"<p><a {attribute} title=kept>x</a></p>")


@pytest.mark.parametrize(
    "doctype", ["", "<!DOCTYPE html>", '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://w3.org/x">']
)
def test_the_document_type_is_the_messages_own(doctype: str) -> None:
    assert shown(f"{doctype}<p>x</p>").startswith(doctype or "<html>")
