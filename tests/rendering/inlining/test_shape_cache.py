"""Filled plans: what premailer makes of the rendered message, byte for byte, from few plans."""

from __future__ import annotations

import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.inlining.premailer import PremailerInliner
from mailrunner.rendering.inlining.shape_cache import ShapeInliner
from mailrunner.rendering.segments import SegmentedText
from mailrunner.rendering.templates import Templates
from tests.data.shape_corpus.rows import HOSTILE, PLAIN, TEMPLATES, row, template

PREMAILER = PremailerInliner()
PRIMED = ["newsletter", "receipt", "invoice", "digest", "awkward", "sideways", "fragment", "bare"]


@pytest.fixture
def compile_(tmp_path: Path) -> Any:
    def compiled(source: str) -> CompiledTemplate:
        (tmp_path / "t.html").write_text(source, encoding="utf-8")
        return Templates(folder=tmp_path, templates_dir=tmp_path).html("t.html")

    return compiled


def expected(compiled: CompiledTemplate, context: dict[str, Any]) -> str:
    try:
        return PREMAILER.inline(compiled.render(context))
    except RowError as error:
        return f"RowError: {error}"


def outcome(inliner: ShapeInliner, compiled: CompiledTemplate, context: dict[str, Any]) -> str:
    try:
        inlined = inliner.inline(compiled, context)
    except RowError as error:
        return f"RowError: {error}"
    if inlined.shape:
        assert inlined.page.statics == inlined.shape.pieces
        assert len(inlined.shape.kinds) == len(inlined.page.values)
    return inlined.html


def primed(compiled: CompiledTemplate, context: dict[str, Any]) -> ShapeInliner:
    """An inliner that has a plan for the shape of this row, and no eye on what it does."""
    inliner = ShapeInliner(check_every=10**9)
    for _ in range(2):
        inliner.inline(compiled, context)
    return inliner


def hostile(context: Any, random: Random) -> Any:
    """The row with some of its texts replaced, in lists too; what is empty stays empty."""
    if isinstance(context, dict):
        return {name: hostile(value, random) for name, value in context.items()}
    if isinstance(context, list):
        return [hostile(value, random) for value in context]
    swap = isinstance(context, str) and context and random.random() < 0.15
    return random.choice(HOSTILE) if swap else context


@pytest.mark.parametrize("values", [PLAIN, PLAIN + HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_message_is_what_premailer_makes_of_it(name: str, values: tuple[str, ...]) -> None:
    compiled, random = template(name), Random(3)
    inliner = ShapeInliner(check_every=10**9)
    for context in [row(random, values) for _ in range(12)] * 2:
        assert outcome(inliner, compiled, context) == expected(compiled, context)
    assert inliner.tally.mismatch is None


@pytest.mark.parametrize("name", PRIMED)
def test_a_plan_made_of_a_plain_row_holds_hostile_ones_or_leaves_them_alone(name: str) -> None:
    compiled, random = template(name), Random(5)
    context = row(random)
    inliner = primed(compiled, context)
    for _ in range(25):
        changed = hostile(context, random)
        assert outcome(inliner, compiled, changed) == expected(compiled, changed)
    assert inliner.tally.hits > 1


TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=12) | st.sampled_from(HOSTILE)


@settings(max_examples=150)
@given(a=TEXTS, b=TEXTS, url=TEXTS)
def test_any_value_comes_out_as_premailer_writes_it(a: str, b: str, url: str) -> None:
    compiled = AWKWARD
    context = {**AWKWARD_ROW, "a": a, "b": b, "url": url}
    assert outcome(AWKWARD_INLINER, compiled, context) == expected(compiled, context)
    assert AWKWARD_INLINER.tally.mismatch is None


AWKWARD, AWKWARD_ROW = template("sideways"), {**row(Random(1)), "vip": True}
AWKWARD_INLINER = primed(AWKWARD, AWKWARD_ROW)


def test_a_shape_is_planned_at_its_second_sight_and_filled_from_then_on() -> None:
    compiled, context = template("receipt"), row(Random(1))
    inliner = ShapeInliner()
    shapes = [inliner.inline(compiled, {**context, "first_name": name}).shape for name in ("A", "B", "C")]
    assert shapes[0] is None
    assert shapes[1] is not None
    assert shapes[1] is shapes[2]
    tally = inliner.tally
    assert (tally.messages, tally.memo, tally.hits, tally.plans) == (3, 1, 2, 1)
    assert dict(tally.reasons) == {"a first message of its form": 1}


def test_where_plans_do_not_pay_a_shape_must_come_more_often(compile_: Any) -> None:
    compiled = compile_("<p>{{ x }}{% for n in range(many) %}<b>{{ n }}</b>{% endfor %}</p>")
    inliner = ShapeInliner()

    def seen_until_planned(many: int) -> int:
        return next(n for n in range(1, 9) if inliner.inline(compiled, {"x": "y", "many": many}).shape)

    assert [seen_until_planned(many) for many in range(20)] == [2] * 20
    assert seen_until_planned(20) == 4
    while inliner.tally.hits <= inliner.tally.plans * 30:
        inliner.inline(compiled, {"x": "y", "many": 1})
    assert seen_until_planned(21) == 2


def test_nearly_all_of_many_rows_are_filled_plans() -> None:
    inliner, compiled, random = ShapeInliner(), template("receipt"), Random(1)
    for _ in range(300):
        inliner.inline(compiled, row(random, tuple(value for value in PLAIN if value)))
    assert inliner.tally.hits > 290


SLOTS = [
    ("<p>{{ x }}</p>", "text"),
    ('<p title="{{ x }}">x</p>', "attribute"),
    ('<a href="https://example.org/{{ x }}">x</a>', "url attribute"),
    ("<p>y</p><!-- {{ x }} -->", "comment"),
    ('<i style="width: {{ x }}px">y</i>', "attribute"),
    ("<p>&nbsp;{{ x }}</p>", "text"),
]


@pytest.mark.parametrize(("body", "kind"), SLOTS)
def test_values_of_every_kind_of_slot_share_a_plan(body: str, kind: str, compile_: Any) -> None:
    compiled = compile_(f"<html><style>p {{ color: red }}</style><body>{body}</body></html>")
    inliner = ShapeInliner()
    made = [inliner.inline(compiled, {"x": value}) for value in ("one", "two", "3")]
    assert made[2].page.values == ("3",)
    assert made[2].shape is made[1].shape
    assert made[2].shape
    assert [one.value for one in made[2].shape.kinds] == [kind]


@pytest.mark.parametrize(
    "body",
    [
        '<p class="{{ x }}">y</p>',
        "<p style='width: {{ x }}px'>y</p>",
        "<p {{ x }}>y</p>",
        "<p title={{ x }}>y</p>",
        "<{{ x }}>y</{{ x }}>",
        "<style>.{{ x }} { top: 0 }</style><p>y</p>",
        "<textarea>{{ x }}</textarea>",
        "<script>{{ x }}</script>",
        "<p>&{{ x }};</p>",
        "<p>&#{{ x }}</p>",
        '<meta name="y" content="{{ x }}">',
        "<input checked='{{ x }}'>",
    ],
)
def test_a_value_that_the_document_depends_on_is_a_part_of_the_shape(body: str, compile_: Any) -> None:
    compiled = compile_(f"<html><style>p {{ color: red }}</style><body>{body}</body></html>")
    inliner = ShapeInliner()
    for value in ("one", "amp", "34", "one", "amp", "34", "one", "amp", "34", "a b='c' d"):
        assert outcome(inliner, compiled, {"x": value}) == expected(compiled, {"x": value})
    assert inliner.inline(compiled, {"x": "one"}).page.values == ()


def test_the_answers_to_what_selectors_ask_are_a_part_of_the_shape(compile_: Any) -> None:
    sheet = "a[href^=https] { color: green } a[href$=pdf] { color: red }"
    compiled = compile_(f"<html><style>{sheet}</style><body><a href='{{{{ x }}}}'>y</a></body></html>")
    urls = ["https://a.org/", "http://a.org/x.pdf", "https://a.org/x.pdf", "http://a.org/"]
    inliner = ShapeInliner()
    for url in urls * 3:
        assert outcome(inliner, compiled, {"x": url}) == expected(compiled, {"x": url})
    assert len({inliner.inline(compiled, {"x": url}).shape for url in urls}) == 4
    assert len({inliner.inline(compiled, {"x": f"https://{n}.org/"}).shape for n in range(9)}) == 1


def test_answers_about_an_attribute_depend_on_all_the_values_in_it(compile_: Any) -> None:
    link = "<p>{% if y %}{% endif %}<a href='{{ w }}&{{ x }}{{ y }}'>y</a><a href='{{ x }}{{ y }}'>z</a></p>"
    compiled = compile_(f"<html><style>a[href^=https] {{ color: green }}</style><body>{link}</body></html>")
    inliner, values = ShapeInliner(), ("", "/a/", "http", "https://", "s://", "am", "amp;")
    rows = [{"w": w, "x": x, "y": y} for w in ("", "h") for x in values for y in values]
    for context in [*rows, *rows, *rows]:
        assert outcome(inliner, compiled, context) == expected(compiled, context)
    assert inliner.tally.hits


def test_a_value_never_completes_what_another_one_began(compile_: Any) -> None:
    body = "<p title='{{ x|safe }}{{ y }}{{ z }}'>{{ x|safe }}{{ y }}{{ z }}</p>"
    compiled = compile_(f"<html><style>p {{ color: red }}</style><body>{body}</body></html>")
    inliner, values = ShapeInliner(), ("", "&am", "p;", "&amp;", "{b}", "lt;", "&", "plain")
    rows = [{"x": x, "y": y, "z": z} for x in values for y in ("", "p;", "a") for z in values]
    for context in [*rows, *rows]:
        assert outcome(inliner, compiled, context) == expected(compiled, context)
    assert inliner.tally.hits


EMPTIABLE = [
    "<p>Dear {{ x }} {{ y }},</p>",
    '<a href="https://example.org/{{ x }}" title="to {{ y }}">z</a>',
    "<td>{{ x }} and {{ y }}</td>",
    "<div>from<br>{{ x }}, {{ y }}<br></div>",
    "<td>{{ x }}</td><td> {{ y }}</td>",
    "<p>{{ x }} {{ y }}</p>",
    """<img alt="{{ x }}" src="{{ y }}">""",
    "<div><p>a</p>{{ x }}<p>b</p>{{ y }}<p>c</p></div>",
    "b{{ x }}<i>{{ y }}</i>",
]


@pytest.mark.parametrize("body", EMPTIABLE)
def test_an_empty_value_makes_no_other_shape(body: str, compile_: Any) -> None:
    compiled = compile_(f"<html><style>p {{ color: red }}</style><body>{body}</body></html>")
    inliner = ShapeInliner()
    rows = [{"x": x, "y": y} for x in ("Ana", "", " ") for y in ("Pop", "", "<b>")]
    for context in [{"x": "a", "y": "b"}] * 2 + rows * 3:
        assert outcome(inliner, compiled, context) == expected(compiled, context)
    shapes = {inliner.inline(compiled, {"x": x, "y": y}).shape for x in ("", "c") for y in ("", "d")}
    assert len(shapes) == 1
    assert None not in shapes


def test_an_empty_value_in_a_comment_is_a_part_of_the_shape(compile_: Any) -> None:
    compiled = compile_("<html><style>p { color: red }</style><body><p>y</p><!--{{ x }}--></body></html>")
    inliner = ShapeInliner()
    for value in ("a", "", "b", "") * 3:
        assert outcome(inliner, compiled, {"x": value}) == expected(compiled, {"x": value})
    assert inliner.inline(compiled, {"x": ""}).shape is not inliner.inline(compiled, {"x": "c"}).shape


def test_markup_that_a_row_brings_is_a_part_of_the_shape(compile_: Any) -> None:
    compiled = compile_("<html><style>b { color: red }</style><body><p>{{ x|safe }}</p></body></html>")
    inliner = ShapeInliner()
    for value in ["plain", "<b>bold</b>", "<b>open", "a & b", "</p><b>", "<!-- ", "<b>bold</b>", "plain"] * 3:
        assert outcome(inliner, compiled, {"x": value}) == expected(compiled, {"x": value})
    assert inliner.tally.hits > 8


def test_a_value_that_breaks_the_document_does_not_spoil_the_plans_of_others(compile_: Any) -> None:
    compiled = compile_("<html><body><p>{{ x|safe }}</p><p>{{ y }}</p><b>z</b></body></html>")
    inliner = ShapeInliner()
    for value in ["<!-- ", "<!-- ", "plain", "plain", "plain"]:
        made = inliner.inline(compiled, {"x": value, "y": "y"})
    assert made.shape is not None
    context = {"x": "plain", "y": "y"}
    assert outcome(inliner, compiled, context) == expected(compiled, context)


@pytest.mark.parametrize("name", ["captured", "compared"])
def test_a_template_that_looks_at_what_it_rendered_is_never_planned(name: str) -> None:
    inliner, compiled = ShapeInliner(), template(name)
    for _ in range(3):
        assert inliner.inline(compiled, row(Random(1))).shape is None
    assert dict(inliner.tally.reasons) == {"a template that cannot be taken apart": 3}


def test_strict_asks_premailer_for_everything() -> None:
    inliner, compiled, context = ShapeInliner(strict=True), template("receipt"), row(Random(1))
    made = [inliner.inline(compiled, context) for _ in range(3)]
    assert [(one.page, one.shape) for one in made] == [
        (SegmentedText((expected(compiled, context),)), None)
    ] * 3
    assert (inliner.tally.strict, inliner.tally.hits, inliner.tally.memo) == (3, 0, 0)


def test_a_plan_that_is_wrong_ends_all_plans_and_the_message_is_right() -> None:
    compiled, context = template("receipt"), row(Random(1))
    inliner = ShapeInliner(check_every=5)
    inliner.inline(compiled, context)
    shape = inliner.inline(compiled, context).shape
    assert shape is not None
    shape.pieces = ("poison", *shape.pieces[1:])
    made = [inliner.inline(compiled, context) for _ in range(4)]
    assert [one.html.startswith("poison") for one in made] == [True, True, False, False]
    assert made[2] == made[3]
    assert (made[2].page, made[2].shape) == (SegmentedText((expected(compiled, context),)), None)
    tally = inliner.tally
    assert tally.mismatch is not None
    assert tally.mismatch.startswith("shape_corpus/receipt.html: at character 0 it has 'poison")
    assert (tally.messages, tally.memo, tally.hits, tally.strict) == (6, 1, 3, 2)


def test_a_row_that_cannot_be_rendered_fails_as_without_plans(compile_: Any) -> None:
    compiled = compile_("<p>{{ 1 / n }}</p>")
    inliner = ShapeInliner()
    for _ in range(3):
        with pytest.raises(RowError, match=r"^.*t\.html, line 1: division by zero$"):
            inliner.inline(compiled, {"n": 0})
        with pytest.raises(RowError, match=r'nothing is called "n"'):
            inliner.inline(compiled, {})


def test_html_that_is_empty_or_has_a_nul_fails_the_row_however_often(compile_: Any) -> None:
    compiled = compile_("{{ x }}")
    inliner = ShapeInliner()
    for _ in range(3):
        with pytest.raises(RowError, match="the HTML is empty"):
            inliner.inline(compiled, {"x": " "})
        with pytest.raises(RowError, match="NUL"):
            inliner.inline(compiled, {"x": "a\0b"})


def test_threads_share_plans_and_get_what_premailer_gives() -> None:
    compiled, random = template("invoice"), Random(2)
    rows = [row(random) for _ in range(60)] * 3
    wanted = [expected(compiled, context) for context in rows]
    inliner = ShapeInliner()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda context: inliner.inline(compiled, context).html, rows))
    finally:
        sys.setswitchinterval(interval)
    assert made == wanted
    tally = inliner.tally
    assert tally.messages == len(rows) == tally.hits + tally.memo


def test_a_shape_is_dropped_when_it_is_not_needed_any_more() -> None:
    compiled, context = template("receipt"), row(Random(1))
    inliner = primed(compiled, context)
    shape = inliner.inline(compiled, context).shape
    assert shape is not None
    seen = weakref.ref(shape)
    assert {shape: 1}[shape] == 1
    del inliner, shape
    gc.collect()
    assert seen() is None
