"""premailer with a memory: the same bytes, the same errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.rendering.inlining.cached import CachedInliner
from mailrunner.rendering.inlining.premailer import PremailerInliner
from tests.data.shape_corpus.rows import HOSTILE, PLAIN, TEMPLATES, row, template
from tests.looks.constructs import by_chance, constructs

PREMAILER = PremailerInliner()
MEMO = CachedInliner(PremailerInliner())


def outcome(inliner: PremailerInliner | CachedInliner, html: str) -> str:
    try:
        return inliner.inline(html)
    except RowError as error:
        return f"RowError: {error}"


def page(style: str, body: str) -> str:
    return f"<!DOCTYPE html><html><head><style>{style}</style></head><body>{body}</body></html>"


@pytest.mark.parametrize("values", [PLAIN, HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_comes_out_as_premailer_makes_it(name: str, values: tuple[str, ...]) -> None:
    compiled, random = template(name), Random(7)
    for _ in range(12):
        html = compiled.render(row(random, values))
        assert outcome(MEMO, html) == outcome(PREMAILER, html)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<!-- only -->",
        "just text",
        "<p>a<p>b",
        "<?xml version='1.0'?><!doctype html><p>x</p>",
        "<!DOCTYPE html><!-- before --><html><body><p>x</p></body></html><!-- after -->",
        "<html><body><p>no head</p></body></html>",
        "<frameset><frame></frameset>",
        "<style>p{color:red}</style>",
        page("p{color:red}", "<p style='p'>x</p>"),
        page("p{color:red}", "<p style='color: {'>x</p>"),
        page("td:first-child{color:red}", "<table><td style='td:first-child'>x</table>"),
        page("p{{{color:red", "<p>x</p>"),
        page("p:nth-child{color:red}", "<p>x</p>"),
        page("p[{color:red}", "<p>x</p>"),
        page("@import url(https://example.org/x.css); p{color:red}", "<p>x</p>"),
        page("P, .X { color: red } p[TITLE] { top: 0 }", "<p class='X' title='y'>x</p>"),
        page("p{color:unset} b{color:red!important} b{color:blue}", "<p>x<b style='color:green'>y</b></p>"),
        page("svg|a { color: red } a|b { top: 0 }", "<a>x</a>"),
        page("img { float: right } ", "<img><img style='float:left'><img style=''><img style='float'>"),
        page("p { color: red }", "<svg><style>p { top: 0 }</style></svg><p>x</p>"),
        page("a[href=''] { top: 0 } a[href^=''] { left: 0 } a[rel!=x] { right: 0 }", "<a href=''>x</a>"),
        "<style></style><style media='print'>p{color:red}</style><style media=''>p{top:0}</style><p>x</p>",
        "<style data-premailer='ignore'>p{color:red}</style><p>x</p>",
        f"{'<div>' * 400}x",
    ],
)
def test_odd_documents_come_out_as_premailer_makes_them(html: str) -> None:
    assert [outcome(MEMO, html) for _ in range(2)] == [outcome(PREMAILER, html)] * 2


TAGS = st.sampled_from(
    ["p", "b", "td", "a", ".x", ".y", "#i", "p.x", "[title]", "[title=t]", "a[href^=h]", "*"]
)
JOINS = st.sampled_from([" ", " > ", " + ", " ~ ", ""])
SELECTORS = st.builds(
    "".join, st.lists(st.one_of(TAGS, st.tuples(TAGS, JOINS).map("".join)), min_size=1, max_size=4)
)
RULES = st.tuples(
    SELECTORS, st.sampled_from(["color:red", "width:3px", "top:0!important", "text-align:left;left:1px", ""])
)
ATTRIBUTES = st.sampled_from(
    ["", " class='x'", " class=' y\tx'", " id='i'", " title='t'", " style='top:1px'", " href='h'"]
)


@st.composite
def bodies(draw: st.DrawFn, depth: int = 4) -> str:
    inner = st.just("") if depth == 0 else bodies(depth - 1)
    children = draw(st.lists(st.one_of(st.sampled_from(["t", " ", "<!-- c -->"]), inner), max_size=3))
    tag = draw(st.sampled_from(["p", "b", "td", "a", "div", "img"]))
    return f"<{tag}{draw(ATTRIBUTES)}{draw(ATTRIBUTES)}>{''.join(children)}</{tag}>"


@given(rules=st.lists(RULES, max_size=6), body=bodies())
def test_any_sheet_over_any_tree_gives_what_premailer_gives(rules: list[tuple[str, str]], body: str) -> None:
    html = page(" ".join(f"{selector} {{{style}}}" for selector, style in rules), body)
    assert outcome(MEMO, html) == outcome(PREMAILER, html)


def test_constructs_and_combinations_come_out_as_the_reference_makes_them() -> None:
    pages = [*(page for _, page in constructs()), *map(by_chance, range(300))]
    assert [outcome(MEMO, html) for html in pages] == [outcome(PREMAILER, html) for html in pages]


def test_threads_get_what_premailer_gives() -> None:
    pages = [
        page(f"p {{ width: {n}px }} .x b {{ top: 0 }}", f"<p class='x'><b>{n}</b></p>") for n in range(99)
    ]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(MEMO.inline, pages))
    assert together == [PREMAILER.inline(html) for html in pages]
