"""A rendering told apart: the same text, the values where they stand, and nothing that only looks like it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from mailrunner.errors import RowError
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.segments import LARGEST, LineTemplate, SegmentedText
from mailrunner.rendering.templates import Templates
from tests.data.shape_corpus.rows import HOSTILE, PLAIN, TEMPLATES, row, template

ROW: dict[str, Any] = {"x": "a<b", "n": None, "d": date(2026, 12, 1), "m": Markup("<i>"), "l": ["1", "2"]}


@pytest.fixture
def compile_(tmp_path: Path) -> Any:
    def compiled(source: str, *, escaped: bool = True, **files: str) -> CompiledTemplate:
        for name, text in {"t": source, **files}.items():
            (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
        templates = Templates(folder=tmp_path, templates_dir=tmp_path)
        return templates.html("t.html") if escaped else templates.text("t.html")

    return compiled


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_text_is_that_of_the_plain_rendering(name: str) -> None:
    compiled, random = template(name), Random(1)
    for values in (PLAIN, HOSTILE):
        for _ in range(10):
            context = row(random, values)
            segments = compiled.segments(context)
            assert segments is None or segments.text == compiled.render(context)
            assert (segments is None) == (name in ("captured", "compared"))


@pytest.mark.parametrize(
    ("source", "statics", "values"),
    [
        ("", ("",), ()),
        ("a{{ x }}b", ("a", "b"), ("a&lt;b",)),
        ("{{ x }}{{ n }}", ("", "", ""), ("a&lt;b", "")),
        ("{{ m }}{{ m|e }}", ("", "", ""), ("<i>", "<i>")),
        ("{{ d }} {{ 1 + 1 }} {{ 'const' }}", ("", " ", " const"), ("2026-12-01", "2")),
        ("{% for i in l %}[{{ i }}]{% endfor %}!", ("[", "][", "]!"), ("1", "2")),
        ("{% if n %}a{% else %}b{% endif %}c{{ x }}", ("bc", ""), ("a&lt;b",)),
        ("{% macro f(y) %}<{{ y }}>{% endmacro %}-{{ f(x) }}-", ("-<", ">-"), ("a&lt;b",)),
        ("{% macro f() %}none{% endmacro %}-{{ f() }}-{{ x }}", ("-", "-", ""), ("none", "a&lt;b")),
        (
            "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}{{ x }}{% endcall %}",
            ("<", ">"),
            ("a&lt;b",),
        ),
        ("{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}c{% endcall %}", ("<", ">"), ("c",)),
        (
            "{% macro f(y) %}({{ y }}){% endmacro %}{% macro g(y) %}[{{ f(y) }}]{% endmacro %}{{ g(x) }}",
            ("[(", ")]"),
            ("a&lt;b",),
        ),
        (
            "{% extends 'base.html' %}{% block b %}{{ super() }}+{{ x }}{% endblock %}",
            ("<", "+", ">"),
            ("a&lt;b", "a&lt;b"),
        ),
        ("{% block b %}{{ x }}{% endblock %}{{ self.b() }}", ("", "", ""), ("a&lt;b", "a&lt;b")),
        (
            "{% from 'lib.html' import f %}{% import 'lib.html' as lib %}{{ f(1) }}{{ lib.f(2) }}",
            ("f", "f", ""),
            ("1", "2"),
        ),
        ("{% include 'part.html' %}", ("p", "q"), ("a&lt;b",)),
    ],
)
def test_values_are_told_from_what_stands_around_them(
    source: str, statics: tuple[str, ...], values: tuple[str, ...], compile_: Any
) -> None:
    files = {
        "base": "<{% block b %}{{ x }}{% endblock %}>",
        "lib": "{% macro f(y) %}f{{ y }}{% endmacro %}",
        "part": "p{{ x }}q",
    }
    compiled = compile_(source, **files)
    assert compiled.segments(ROW) == SegmentedText(statics, values)
    assert compiled.render(ROW) == SegmentedText(statics, values).text


@pytest.mark.parametrize(
    "source",
    [
        "{% filter upper %}{{ x }}{% endfilter %}",
        "{% set y %}{{ x }}{% endset %}{{ y }}",
        "{% macro f() %}{{ x }}{% endmacro %}{{ f()|upper }}",
        "{% macro f() %}{{ x }}{% endmacro %}{{ f() ~ x }}",
        "{% macro f() %}{{ x }}{% endmacro %}{% if f() == 'a' %}{% endif %}",
        "{% macro f() %}{{ x }}{% endmacro %}{% set y = f() %}{{ y }}",
        "{% macro f() %}{{ x }}{% endmacro %}{% set g = f %}{{ g()|length }}",
        "{% macro f(y) %}{{ y|length }}{% endmacro %}{{ f(f('')) }}",
        "{% macro f() %}{{ caller()|upper }}{% endmacro %}{% call f() %}{{ x }}{% endcall %}",
        "{% block b %}{{ x }}{% endblock %}{{ self.b()|upper }}",
        "{% import 'lib.html' as lib %}{{ lib.f(x)|upper }}",
        "{% import 'lib.html' as lib %}{{ lib }}",
        "{% include 'lib' ~ '.html' %}",
        "{% autoescape false %}{{ x }}{% endautoescape %}",
        "{% for i in l recursive %}{{ loop([]) }}{% endfor %}",
        "{{ l|random }}",
        "{{ lipsum() }}",
    ],
)
def test_a_template_that_uses_what_it_rendered_is_left_alone(source: str, compile_: Any) -> None:
    compiled = compile_(source, lib="{% macro f(y) %}f{{ y }}{% endmacro %}")
    assert compiled.segments(ROW) is None
    assert isinstance(compiled.render(ROW), str)


def test_text_is_told_apart_too_and_not_escaped(compile_: Any) -> None:
    source = "{% macro f(y) %}<{{ y }}>{% endmacro %}{{ f(x) }} {{ x }}{{ n }}"
    assert compile_(source, escaped=False).segments(ROW) == SegmentedText(
        ("<", "> ", "", ""), ("a<b", "a<b", "")
    )
    called = "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ x }}{% endcall %}"
    assert compile_(called, escaped=False).segments(ROW) is None


def test_fixed_texts_are_the_same_objects_for_every_row(compile_: Any) -> None:
    compiled = compile_("a{{ x }}b{% if n %}{% endif %}c{{ x }}d")
    one, other = compiled.segments(ROW), compiled.segments({**ROW, "x": "other"})
    assert [a is b for a, b in zip(one.statics, other.statics, strict=True)] == [True] * 3


@pytest.mark.parametrize("source", ["{{ gone }}", "{{ 1 / 0 }}", "{{ x.y.z }}", "{{ [].append(1) }}"])
def test_a_row_that_fails_is_left_to_the_plain_rendering(source: str, compile_: Any) -> None:
    assert compile_(source).segments(ROW) is None


def test_output_without_end_is_stopped(compile_: Any) -> None:
    compiled = compile_("{% for i in range(99999) %}{{ x }}{% endfor %}")
    assert compiled.segments({"x": "x" * (LARGEST // 99_000)}) is None


@given(value=st.text() | st.none() | st.integers() | st.floats() | st.booleans() | st.dates())
def test_any_value_is_written_as_in_the_plain_rendering(value: object) -> None:
    context = {**row(Random(1)), "a": value, "b": value}
    segments = BARE.segments(context)
    assert segments is not None
    assert segments.text == BARE.render(context)
    assert len(segments.values) == 2


BARE = template("bare")


LINES = (
    "Spring is here",
    "{{ name }}, spring is here",
    "{{ name }}{{ city }} - {{ name }} {#- no -#} !",
    "{{ name }} {{ self }}",
    "{{ name|upper }}",
    "{% if name %}{{ name }}{% endif %}",
    "{{ range }} {{ 'x' }}",
    "{{ gone }}",
    "",
)

cells = st.text(max_size=20) | st.none() | st.integers() | st.just("x" * 2000) | st.just("{{ name }}")


@pytest.mark.parametrize("source", LINES)
def test_a_line_is_what_the_template_gives(tmp_path: Path, source: str) -> None:
    template = Templates(folder=tmp_path, templates_dir=tmp_path).line("[message] subject", source)
    line = LineTemplate(template.trees[0].root, template.render)

    @given(context=st.fixed_dictionaries({"name": cells, "city": cells}, optional={"self": cells}))
    def holds(context: dict[str, object]) -> None:
        try:
            expected = template.render(context)
        except RowError as error:
            with pytest.raises(RowError) as caught:
                line.render(context)
            assert str(caught.value) == str(error)
        else:
            assert line.render(context) == expected

    holds()
