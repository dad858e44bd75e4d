"""Messages put together from what their shape has in common are read as those that were encoded whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.rendering import Message, Renderer
from mailrunner.rendering.bodies import Bodies
from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.inlining import Inlined, Shape, ShapeInliner
from mailrunner.rendering.inlining.slots import SlotKind
from mailrunner.rendering.segments import SegmentedText
from mailrunner.rendering.templates import Templates
from tests.support.projects import Project
from tests.support.rendering import (
    NOW,
    Spec,
    as_read,
    assert_clean_on_the_wire,
    fields_for,
    modern,
    project_in,
    renderer,
)

NEWSLETTER = """<html><head><style>p { color: red } a { color: blue }</style></head><body>
<table><tr><td><h1>Dear {{ name }},</h1></td></tr><tr><td>{{ city }}</td><td>{{ points }}</td></tr></table>
<p title="{{ name }}">{{ name }} has<b> {{ points }} </b>points. From {{ city }}.
.{{ city }} <a href="{{ url }}">{{ name }}</a> <a href="https://example.org/{{ points }}">go</a></p>
{% if points == "7" %}<p>Lucky!</p>{% endif %}
<img src="cid:logo.png" alt="{{ name }}"><a href="{{ unsubscribe_url }}">Leave</a></body></html>"""
PLAIN = "Dear {{ name }},\n.{{ city }}\nFrom {{ points }} points\n{{ url }}"

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
difficult = st.sampled_from(
    [
        "Ana",
        "",
        " ",
        "7",
        "O'Neil & Sons",
        "<b>x</b>",
        "Ștefan",
        "新聞",
        "a  b",
        " a",
        ".",
        "=",
        "a\nb",
        "a\r\nb",
        "\r",
    ]
)
urls = st.sampled_from(
    [
        "https://example.org/a?b=1&c=2",
        "#",
        "mailto:a@x.org",
        "",
        "https://x.org/ăî",
        "https://x.org/" + "k" * 90,
    ]
)
rows = st.fixed_dictionaries(
    {"name": words | difficult, "city": words | difficult, "points": words | difficult, "url": urls}
)
seldom = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project_in(tmp_path_factory.mktemp("project"))
    Project(folder).put("templates/news.html", NEWSLETTER)
    Project(folder).put("templates/news.txt", PLAIN)
    return folder


@pytest.fixture(scope="module")
def slow(folder: Path) -> Renderer:
    return renderer(folder, Spec(html="news.html", subject="Spring"), strict_inlining=True)


@pytest.fixture(scope="module")
def quick(folder: Path) -> Renderer:
    return renderer(folder, Spec(html="news.html", subject="Spring"))


def rendered(made: Renderer, row: Mapping[str, object]) -> Message | str:
    try:
        return made.render(fields_for(**row), NOW)
    except RowError as error:
        return str(error)


@seldom
@given(row=rows | rows.map(lambda row: {**row, "city": "a\0b"}))
def test_a_message_of_a_known_shape_is_read_as_one_that_was_encoded_whole(
    quick: Renderer, slow: Renderer, row: dict[str, str]
) -> None:
    expected = rendered(slow, row)
    for _ in range(4):  # unknown, planned, laid out, filled
        message = rendered(quick, row)
        if isinstance(message, str) or isinstance(expected, str):
            assert message == expected
        else:
            assert_clean_on_the_wire(message.data)
            assert as_read(message) == as_read(expected)
            assert message.text == text_from_html(message.html or "")


def test_ordinary_rows_are_filled_into_plans(folder: Path) -> None:
    made = renderer(folder, Spec(html="news.html", subject="Spring"))
    for n in range(60):
        made.render(
            fields_for(name=f"Ana {n}", city="Cluj", points=str(n + 100), url=f"https://x.org/{n}"), NOW
        )
    assert made.inlining.hits >= 55
    reasons = {reason: many for reason, many in made.inlining.reasons.items() if reason.startswith("text")}
    assert 1 <= sum(reasons.values()) <= 5


@seldom
@given(row=rows)
def test_a_text_template_is_composed_too(folder: Path, row: dict[str, str]) -> None:
    made = renderer(folder, Spec(html=None, text="news.txt", subject="Spring"))
    message = made.render(fields_for(**row), NOW)
    assert_clean_on_the_wire(message.data)
    text = f"Dear {row['name']},\n.{row['city']}\nFrom {row['points']} points\n{row['url']}"
    assert message.text == text
    octets = modern(message).get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert octets.decode().splitlines() == text.rstrip("\r\n").splitlines()


class Turncoat:
    """An inliner whose documents are not, from the fifth on, what their shape says."""

    shape = Shape(("<p>Dear ", "</p>"), (SlotKind.TEXT,))
    asked = 0

    def inline(self, template: object, context: Mapping[str, str]) -> Inlined:
        self.asked += 1
        if self.asked < 5:
            return Inlined(SegmentedText(self.shape.pieces, (context["name"],)), self.shape)
        return Inlined(SegmentedText(("<b><p>Dear ", "</p></b>!"), (context["name"],)), self.shape)


def test_a_plan_that_is_found_to_be_wrong_is_not_used(folder: Path) -> None:
    template = Templates(folder=folder, templates_dir=folder / "templates").html("news.html")
    bodies = Bodies(html=template, text=None, inliner=cast(ShapeInliner, Turncoat()), check_every=4)
    texts = [bodies.body({"name": f"Ana {n}"}).text.text for n in range(8)]
    assert texts == [*(f"Dear Ana {n}\n" for n in range(4)), *(f"Dear Ana {n}\n\n!\n" for n in range(4, 8))]
    assert bodies.single["text: a plan was wrong"] == 1
