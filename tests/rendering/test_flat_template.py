"""Templates of text and names: joined here, they give what Jinja gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.rendering.flat_template import flat_segments
from mailrunner.rendering.segments import SegmentedText, SegmentingEnvironment
from mailrunner.rendering.templates import Templates
from tests.support.rendering import project_in

PIECES = st.sampled_from(
    ["<p>", "{{ a }}", "{{ b }}", " & ", "{{ row['x y'] }}", "{{ who.name }}", "{{ row.a }}", "{# c #}", "\n"]
)
VALUES = st.one_of(
    st.sampled_from(["Ana", "<b>&\"'", "", "é中😀", "x" * 999, "y" * 1000, 7, None, 1.5]), st.text(max_size=5)
)


class Person:
    def __init__(self, name: object) -> None:
        self.name = name


def environment(escaped: bool) -> SegmentingEnvironment:
    return SegmentingEnvironment(
        autoescape=escaped,
        finalize=lambda value: "" if value is None else value,
        lines={},
        own_filters={},
        sheets=None,
    )


@given(
    pieces=st.lists(PIECES, max_size=9),
    values=st.lists(VALUES, min_size=4, max_size=4),
    escaped=st.booleans(),
)
def test_the_same_pieces_and_values_as_from_jinja(
    pieces: list[str], values: list[Any], escaped: bool
) -> None:
    jinja, source = environment(escaped), "".join(pieces)
    rendered = jinja.segmenting(jinja.from_string(source))
    flat = flat_segments(jinja.parse(source), rendered, escaped=escaped)
    a, b, part, name = values
    context = {"a": a, "b": b, "row": {"x y": part, "a": a}, "who": Person(name)}
    assert flat(context) == rendered(context)


def refusing(_: object) -> SegmentedText | None:
    raise AssertionError("Jinja was asked")


@pytest.mark.parametrize("source", ["Hi {{ a }}{{ a }}!", "{{ row['a'] }}", "{{ row.a }} {{ who.name }}"])
def test_jinja_is_not_asked_for_plain_text(source: str) -> None:
    flat = flat_segments(environment(escaped=True).parse(source), refusing, escaped=True)
    found = flat({"a": "<x>", "row": {"a": "<x>"}, "who": Person("<x>")})
    assert found is not None
    assert set(found.values) == {"&lt;x&gt;"}


@pytest.mark.parametrize(
    "source",
    [
        "{{ a | upper }}",
        "{% if a %}x{% endif %}{{ a }}",
        "{{ self.a }}",
        "{{ a._b }}",
        "{{ a ~ b }}",
        "no values",
    ],
)
def test_all_else_is_left_to_jinja(source: str) -> None:
    assert flat_segments(environment(escaped=True).parse(source), refusing, escaped=True) is refusing


@pytest.mark.parametrize("context", [{}, {"a": 1}, {"a": "x" * 1000}, {"a": None}], ids=str)
def test_a_row_with_anything_else_is_left_to_jinja(context: dict[str, Any]) -> None:
    flat = flat_segments(environment(escaped=True).parse("{{ a }}"), refusing, escaped=True)
    with pytest.raises(AssertionError, match="Jinja was asked"):
        flat(context)


def test_what_is_a_method_of_a_dictionary_is_left_to_jinja() -> None:
    flat = flat_segments(environment(escaped=True).parse("{{ row.items }}"), refusing, escaped=True)
    with pytest.raises(AssertionError, match="Jinja was asked"):
        flat({"row": {"items": "5"}})


def test_a_missing_name_is_the_error_that_it_was(tmp_path: Path) -> None:
    project_in(tmp_path)
    (tmp_path / "templates").mkdir(exist_ok=True)
    (tmp_path / "templates/t.html").write_text("<p>{{ a }}</p>", encoding="utf-8")
    template = Templates(folder=tmp_path, templates_dir=tmp_path / "templates").html("t.html")
    assert template.segments({}) is None
    assert template.segments({"a": "<"}) == (("<p>", "</p>"), ("&lt;",))
