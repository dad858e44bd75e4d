"""Files are saved while a page of the gallery is open in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browsers import DESK, chromium, new_context, obstacles
from tests.support.galleries import COOKIE, ServedGallery
from tests.support.projects import LETTER, Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

TEMPLATE = "templates/letter.html"
LIST = "email,name\nana@example.org,Ana\nbo@example.org,Bo\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write_account()
    made.write_campaign("spring", csv="list.csv", recipients='name = "name"', letter=LETTER)
    made.put("data/list.csv", LIST)
    return made


@pytest.fixture
def gallery(project: Project) -> Iterator[ServedGallery]:
    with ServedGallery(project.folder, "spring") as running:
        yield running


def opened(browser: Browser, gallery: ServedGallery, query: str, *, script: bool) -> Page:
    context = new_context(browser, viewport=DESK, java_script_enabled=script)
    context.add_cookies([{"name": COOKIE, "value": gallery.session, "url": gallery.url}])
    page = context.new_page()
    page.goto(f"{gallery.url}{query}")
    return page


def shows(page: Page, text: str) -> None:
    """Wait until the frame shows a text."""
    page.frame_locator(".screens iframe").get_by_text(text).wait_for()


def test_seven_pages_at_once_leave_the_browser_a_connection(
    browser: Browser, gallery: ServedGallery, project: Project
) -> None:
    first = opened(browser, gallery, "?row=1&screen=phone", script=True)
    pages = [first, *(first.context.new_page() for _ in range(6))]
    for page in pages[1:]:  # none of them is hidden, as in seven windows
        page.goto(f"{gallery.url}?row=1&screen=phone")
    project.put(TEMPLATE, LETTER.replace("{{ name }}", "{{ name }}, once more"))
    for page in (first, pages[-1]):
        shows(page, "once more")
    first.context.close()


def test_a_saved_template_shows_by_itself_and_what_is_looked_at_stays(
    browser: Browser, gallery: ServedGallery, project: Project
) -> None:
    page = opened(browser, gallery, "?row=2&screen=phone&colours=dark", script=True)
    shows(page, "Hello Bo")
    address = page.url
    project.put(TEMPLATE, LETTER.replace("Hello", "Good day"))
    shows(page, "Good day Bo")
    project.put(TEMPLATE, f"{LETTER}\n{{% if %}}\n")
    page.locator(".broken", has_text="line 3").wait_for()
    page.locator(".source.named", has_text="{% if %}").wait_for()
    shows(page, "Good day Bo")
    page.locator(".screens.old").wait_for()
    assert obstacles(page) == []
    project.put(TEMPLATE, LETTER.replace("Hello", "Welcome"))
    shows(page, "Welcome Bo")
    page.locator(".broken").wait_for(state="detached")
    assert page.url == address
    page.context.close()


def test_a_message_is_renewed_even_if_more_is_told_before_the_first_answer_came(
    browser: Browser, project: Project
) -> None:
    project.put("data/list.csv", LIST + "".join(f"p{number}@example.org,P\n" for number in range(3_000)))
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if route.request.resource_type == "fetch" and not held:
            held.append(route)
        else:
            route.continue_()

    with ServedGallery(project.folder, "spring") as gallery:
        page = opened(browser, gallery, "?row=2&screen=phone", script=True)
        shows(page, "Hello Bo")
        page.route("**/?row=2*", hold_the_first)
        project.put(TEMPLATE, LETTER.replace("Hello", "Good day"))
        shows(page, "Good day Bo")
        assert len(held) == 1
        page.context.close()


def test_without_script_a_link_says_that_there_is_something_new(
    browser: Browser, gallery: ServedGallery, project: Project
) -> None:
    page = opened(browser, gallery, "?row=2&screen=phone", script=False)
    shows(page, "Hello Bo")
    project.put(TEMPLATE, LETTER.replace("Hello", "Good day"))
    link = page.frame_locator(".changes").get_by_role("link", name="Look again")
    link.wait_for()
    link.click()
    page.wait_for_url(re.compile(r"row=2&screen=phone$"))
    shows(page, "Good day Bo")
    page.context.close()


def test_a_saved_list_shows_by_itself_with_the_same_recipient(
    browser: Browser, gallery: ServedGallery, project: Project
) -> None:
    page = opened(browser, gallery, "?show=rows&screen=phone", script=True)
    page.click("#rows >> text=Bo")
    shows(page, "Hello Bo")
    project.put("data/list.csv", LIST.replace("ana@", "zoe@example.org,Zoe\nana@").replace(",Bo", ",Bob"))
    page.locator("#rows", has_text="Zoe").wait_for()
    shows(page, "Hello Bob")
    page.context.close()


def test_two_compared_messages_are_shown_anew(
    browser: Browser, gallery: ServedGallery, project: Project
) -> None:
    page = opened(browser, gallery, "compare?row=1&against=2", script=True)
    project.put(TEMPLATE, LETTER.replace("Hello", "Good day"))
    page.locator("pre.diff", has_text="Good day").wait_for()
    page.context.close()


def test_a_stream_ends_when_the_server_stops(project: Project) -> None:
    with ServedGallery(project.folder, "spring") as gallery:
        said = gallery.stream("/stream?seen=1")
        assert next(said) == "retry: 1000"
    assert list(said)[-1:] in ([], [""])


def test_a_page_that_missed_a_change_is_told_at_once(gallery: ServedGallery) -> None:
    lines = gallery.stream("/stream?seen=0")
    assert next(line for line in lines if line.startswith("event")) == "event: changed"
    assert '"number": 1' in next(lines)


def test_the_frame_without_script_asks_again_until_there_is_something_new(gallery: ServedGallery) -> None:
    same, other = gallery.get("/changes?seen=1"), gallery.get("/changes?seen=9&row=2&at=compare")
    assert (same.headers.get("refresh"), "Look again" in same.text) == ("2", False)
    assert (other.headers.get("refresh"), 'href="compare?row=2"' in other.text) == (None, True)
