"""A message looks as its template does, in Chromium, on a telephone and on a desk, in light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailrunner.rendering.inlining.premailer import PremailerInliner
from tests.looks.compare import BARE, Comparer, View
from tests.looks.constructs import by_chance, constructs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

INLINER = PremailerInliner()
NARROW, WIDE_DARK = View(375), View(800, "dark")
CHANCES = range(60)


@pytest.fixture(scope="module")
def comparer(browser: Browser) -> Comparer:
    return Comparer(browser)


def differing(comparer: Comparer, pages: dict[str, str], view: View) -> dict[str, list[str]]:
    """The first differences of each page that looks different as a message."""
    pairs = [(page, INLINER.inline(page)) for page in pages.values()]
    found = dict(zip(pages, comparer.styles_of_all(pairs, view), strict=True))
    return {name: differences for name, differences in found.items() if differences}


@pytest.mark.parametrize("view", [NARROW, WIDE_DARK], ids=str)
def test_every_construct_looks_as_in_its_template(comparer: Comparer, view: View) -> None:
    assert differing(comparer, dict(constructs()), view) == {}


@pytest.mark.parametrize("view", [NARROW, WIDE_DARK], ids=str)
def test_combinations_made_by_chance_look_as_in_their_template(comparer: Comparer, view: View) -> None:
    assert differing(comparer, {str(seed): by_chance(seed) for seed in CHANCES}, view) == {}


def test_what_depends_on_nothing_looks_the_same_without_style_elements(comparer: Comparer) -> None:
    """Selectors that the document alone answers are inlined; only what depends on the reader is lost."""
    wanted = ("child", "sibling", "row", "class", "star", "contains", "element", "tbody", "border", "margin")
    pages = {name: page for name, page in constructs() if any(word in name for word in wanted)}
    assert len(pages) > 15
    assert differing(comparer, pages, BARE) == {}
