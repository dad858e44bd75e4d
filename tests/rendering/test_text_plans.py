"""Text that was laid out once equals the text made from each message's own document."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.segments import SegmentedText, interleaved
from mailrunner.rendering.text_plans import TextPlans, TextValues

NEWSLETTER = """<!DOCTYPE html><html><head><title>{}</title></head><body>
<div style="display:none">{}</div>
<table><tr><td><h1>Dear {},</h1><p>{} {}</p><p title="{}">You have<b>{}</b>points</p></td></tr>
<tr><td>{}</td><td>{}</td></tr><tr><td><p>{}</p></td><td><p>one</p><p>{}</p></td></tr></table>
<ul><li>{}</li><li>two {}</li></ul>
<a href="{}">{}</a> <a href="https://example.org/{}?a=1">go</a> <a href="mailto:{}">{}</a>
<a href="{}"><img src="{}" alt="{}"></a> <a href="https://example.org/">{}</a>{}<br>{}
<!-- {} --><q>{}</q></body></html>"""
PIECES = tuple(NEWSLETTER.split("{}"))
SLOTS = len(PIECES) - 1
ADDRESSES = frozenset(
    n for n, piece in enumerate(PIECES[:-1]) if piece.endswith(('href="', "org/", 'src="', "mailto:"))
)

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
difficult = st.sampled_from(
    [
        "",
        " ",
        "\u00a0",
        "\n",
        " Ana",
        "Ana ",
        "Ana  Pop",
        "<b>",
        "a & b",
        "&amp;",
        "it's",
        '"x"',
        "zq1qz",
        "😀",
    ]
)
addresses = st.sampled_from(
    [
        "",
        "#",
        "/a",
        "https://example.org/",
        "http://x.org/?a=1&b=2",
        "mailto:ana@x.org",
        "ana@x.org",
        "HTTPS:x",
    ]
)
cells = words | difficult | addresses


def document(values: list[str]) -> str:
    return interleaved(PIECES, tuple(values))


def planned(plans: TextPlans, values: list[str]) -> str | None:
    known = TextValues.of(values)
    plan = known and plans.plan(known, SegmentedText(PIECES, tuple(values)))
    if not known or not plan:
        return None
    return plan.filling.text(known.texts)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(cells.map(escape), min_size=SLOTS, max_size=SLOTS))
def test_a_plan_gives_the_text_of_the_document(values: list[str]) -> None:
    plans = TextPlans(PIECES)
    assert planned(plans, values) is None
    made = planned(plans, values)
    if made is not None:
        assert made == text_from_html(document(values))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.lists((words | addresses).map(escape), min_size=SLOTS, max_size=SLOTS), min_size=2, max_size=6
    )
)
def test_messages_that_share_a_plan_keep_their_own_texts(rows: list[list[str]]) -> None:
    plans = TextPlans(PIECES)
    for values in (*rows, *rows, *rows):
        made = planned(plans, values)
        assert made in (None, text_from_html(document(values)))


def plain_row(n: int) -> list[str]:
    return [
        f"https://example.org/{n}/{slot}" if slot in ADDRESSES else f"cell {n} {slot}"
        for slot in range(SLOTS)
    ]


def test_plain_rows_are_planned_from_the_third_on() -> None:
    plans = TextPlans(PIECES)
    texts = [planned(plans, plain_row(n)) for n in range(50)]
    assert texts[0] is None
    assert texts[1:] == [text_from_html(document(plain_row(n))) for n in range(1, 50)]


@pytest.mark.parametrize(
    "value", ["2", "st", "-1", "a\u200c\u200cb", "\u200b", "\u200b\u00a0\u200b\u00a0\u200b"]
)
@pytest.mark.parametrize(
    "pieces",
    [
        ("<p>10<sup>", "</sup></p>"),
        ('<p><img src="x" alt="a" width="', '"></p>'),
        ("<p>a\u200b\u200b", "b</p>"),
    ],
)
def test_a_plan_of_an_exponent_a_size_or_a_filler_gives_what_the_document_does(
    pieces: tuple[str, str], value: str
) -> None:
    plans = TextPlans(pieces)
    for other in ("2", "x", value, value, "7", value):
        document = SegmentedText(pieces, (other,))
        values = TextValues.of((other,))
        plan = plans.plan(values, document) if values else None
        if plan and values:
            assert plan.filling.text(values.texts) == text_from_html(document.text)
