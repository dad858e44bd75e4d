"""A message in other colours, without images, and up to Gmail's cut."""

from __future__ import annotations

import pytest

from mailrunner.preview.appearance import Weight, clipped
from mailrunner.preview.safe_html import shown
from mailrunner.rendering.lint import GMAIL_CLIPS

HEAVY = "<p>" + "x" * (GMAIL_CLIPS - 40)


def test_what_falls_behind_gmails_cut_is_told() -> None:
    end = '<p class="cut">Late &amp; last <a href="/u"><b>Leave</b></a></p>'
    html = f'{HEAVY} <a href="/before">before</a></p>{end}'
    weight = Weight.of(html)
    assert (weight.links, weight.behind) == (2, ("Leave",))
    assert weight.text_behind == "Late & last Leave"
    assert len(clipped(html).encode()) == GMAIL_CLIPS


@pytest.mark.parametrize("end", ["é", "<a href=x>y</a>", "<style>p{}</style>", "<!-- no -->"])
def test_a_cut_inside_of_a_character_or_a_tag_shows_no_rest_of_it(end: str) -> None:
    html = "x" * (GMAIL_CLIPS - 1) + end
    assert "<" not in Weight.of(html).text_behind
    assert "�" not in clipped(html)


def test_a_light_message_has_nothing_behind() -> None:
    assert Weight.of('<a href="/u">Leave</a>') == (22, GMAIL_CLIPS, 1, (), "")


REMOTE = "http://far.example/"


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="{REMOTE}" srcset="{REMOTE} 2x" alt="a map">',
        f'<table background="{REMOTE}"><tr><td>a map</td></tr></table>',
        f"<p style=\"background: url('{REMOTE}') no-repeat; color: red\">a map</p>",
        f"<style>@import '{REMOTE}'; p {{ background-image: URL( {REMOTE} ) }}</style><p>a map</p>",
        f'<link rel="stylesheet" href="{REMOTE}"><p>a map</p>',
        f'<svg><image href="{REMOTE}"/></svg><video poster="{REMOTE}"></video><p>a map</p>',
    ],
)
def test_what_would_be_fetched_is_taken_out_and_the_words_stay(html: str) -> None:
    found = shown(f"<html><body>{html}</body></html>")
    assert REMOTE not in found
    assert "a map" in found


def test_own_images_stay_until_images_are_off_and_links_always() -> None:
    html = f'<a href="{REMOTE}"><img src="data:image/png;base64,AA" alt="a map"></a><a href="#here">x</a>'
    with_images, without = shown(html), shown(html, images=False)
    assert "data:image" in with_images
    assert "data:image" not in without
    assert all(f'href="{REMOTE}"' in found and 'href="#here"' in found for found in (with_images, without))
