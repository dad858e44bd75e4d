"""The text part that is made from the HTML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.rendering.html_to_text import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<html><body> \n </body></html>", ""),
        ("<p>one\n two\u00a0 three</p>", "one two three\n"),
        ("<p>one</p><p>two</p>", "one\n\ntwo\n"),
        ("<p style='margin-bottom:0'>one</p><p style='margin-top:2px'>two</p>", "one\ntwo\n"),
        ("<div style='margin-top: 20px'>one</div><div style='margin-top:1em'>two</div>", "one\n\ntwo\n"),
        ("<div>one</div><div>two</div>", "one\ntwo\n"),
        ("one<br>two<br><br><br>three<br>", "one\ntwo\n\nthree\n"),
        ("<h1>Head</h1>text<hr>more", "Head\n\ntext\nmore\n"),
        ("a<b>b</b> <i> c</i>", "ab c\n"),
        ("<span style='display:block'>a</span><div style='display:inline'>b</div>c", "a\nbc\n"),
        ("a<!-- not this --> b", "a b\n"),
        ("<title>no</title><style>no</style><script>no</script>yes", "yes\n"),
        ("<div style='color:red; DISPLAY : none !important'>no</div><p>yes</p>", "yes\n"),
        ("<pre> as\n   it  is</pre>", " as\n   it  is\n"),
        (
            "<p style='white-space:pre-wrap'>a  b</p><pre style='white-space:normal'>a  b</pre>",
            "a  b\n\na b\n",
        ),
        ("<q>said</q> she", '"said" she\n'),
        ("<?xml version='1.0' encoding='utf-8'?><p>ș</p>", "ș\n"),
    ],
)
def test_text_is_what_a_recipient_would_read(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://x.org/a">shop</a>.', "shop (https://x.org/a).\n"),
        ('<a href="https://x.org/a">https://x.org/a</a>', "https://x.org/a\n"),
        ('<a href="#top">up</a> <a href="/x">there</a> <a>here</a>', "up there here\n"),
        ('<a href="mailto:ana@x.org">write</a>', "write (ana@x.org)\n"),
        ('<a href="MAILTO:ana@x.org">ana@x.org</a> <a href="mailto:">x</a>', "ana@x.org x\n"),
        (
            '<a href="mailto:u@x.org?subject=leave%201">leave</a>',
            "leave (mailto:u@x.org?subject=leave%201)\n",
        ),
        ('<a href="https://x.org"><img alt="Our  shop" src="a"></a>', "Our shop (https://x.org)\n"),
        ('see<a href="https://x.org"><img src="a"></a>', "see (https://x.org)\n"),
        ('<a href="https://x.org"><div>block</div></a>', "block\n(https://x.org)\n"),
        ('<a href="https://x.org">shop </a>', "shop (https://x.org)\n"),
        ('<img src="a" alt="a picture">', "[a picture]\n"),
    ],
)
def test_a_link_names_its_address_unless_it_is_its_text(html: str, text: str) -> None:
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<tr><td>Item<td>Price<tr><td>Apples, red<td>3 €", "Item  Price\nApples, red  3 €\n"),
        ("<tr><td>a<td> <td>b", "a  b\n"),
        ("<tr><td><p>left</p><p>more</p><td><p>right</p>", "left\n\nmore\n\nright\n"),
        ("<tr><td><h1>a</h1><tr><td><p>b</p><p>c</p>", "a\n\nb\n\nc\n"),
        ("<tr><td><table><tr><td>in<td>side</table><td>out", "in  side  out\n"),
        ("<tr style='display:none'><td>no<tr><td style='display:none'>no<td>yes", "yes\n"),
        (
            "<caption>Prices</caption><thead><tr><th>a<th>b</thead><tbody><tr><td>1<td>2",
            "Prices\na  b\n1  2\n",
        ),
    ],
)
def test_a_row_is_a_line_where_its_cells_are_and_else_cells_stand_below_each_other(
    html: str, text: str
) -> None:
    assert text_from_html(f"<table>{html}</table>") == text


def test_lists_have_bullets_or_numbers_and_are_indented() -> None:
    html = """before<ul><li>one<ol start="3"><li>in</li><li value="7">seven<li>next</ol></li><li></li><li>two
        <ul><li>deep</li></ul></li></ul>after"""
    assert text_from_html(html) == (
        "before\n  * one\n     3. in\n     7. seven\n     8. next\n  * two\n      + deep\nafter\n"
    )


def test_nothing_depends_on_the_width_of_a_cell() -> None:
    row = "<table><tr><td>{}</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    assert text_from_html(row.format("a" * 200)) == "a" * 200 + "  b\nc  d\n"


def test_documents_nested_as_deeply_as_a_parser_allows_are_read() -> None:
    deep = "<table><tr><td>" * 60
    assert text_from_html(f"<div>{'<div>' * 200}x{'</div>' * 200}{deep}y") == "x\ny\n"


markup = st.sampled_from(
    [*"<>/=' \n&;-!x", "<p>", "<td>", "<table>", "<br>", "<a href=", "<li>", "<pre>", "</p>"]
)


@given(html=st.lists(markup, max_size=40).map("".join))
def test_any_markup_gives_lines_without_two_blank_ones(html: str) -> None:
    text = text_from_html(html)
    assert "\n\n\n" not in text
    assert not text.startswith("\n")
    assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))


@pytest.mark.parametrize(
    "hiding",
    [
        'style="max-height:0; overflow:hidden"',
        'style="max-height: 0px"',
        'style="mso-hide:all"',
        'style="opacity:0"',
        'style="height:0px; overflow:hidden"',
        'style="width:0; overflow:hidden"',
        'style="visibility:hidden"',
        'style="font-size:0; line-height:0"',
        "hidden",
        'hidden="hidden"',
    ],
)
def test_what_no_reader_sees_stays_out(hiding: str) -> None:
    assert text_from_html(f"<div {hiding}>preheader</div><p>Hello</p>") == "Hello\n"


def test_filler_of_preheaders_stays_out_and_joiners_of_words_stay_in() -> None:
    assert (
        text_from_html(f"<p>Hi{'&zwnj;&nbsp;' * 40}</p><p>{'&#847;&shy; ' * 20}</p><p>x</p>") == "Hi\n\nx\n"
    )
    assert text_from_html("<p>علی\u200cرضا 👩\u200d👩\u200d👧</p>") == "علی\u200cرضا 👩\u200d👩\u200d👧\n"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p>Hi <img src="x" alt="Our garden"> there</p>', "Hi [Our garden] there\n"),
        ('<p><img src="x" alt=""><img src="x" alt="pixel" width="1" height="1">a</p>', "a\n"),
        ('<a href="https://a.example"><img src="x" alt="Shop"></a>', "Shop (https://a.example)\n"),
        ('<a href="https://a.example">Go <img src="x" alt="arrow"></a>', "Go [arrow] (https://a.example)\n"),
        (
            '<p>a<img src="x" alt="line" role="presentation"><img src="x" alt="dot" aria-hidden="true"></p>',
            "a\n",
        ),
        ('<p style="height:0">still seen</p><p style="opacity:0.9">and this</p>', "still seen\n\nand this\n"),
        ("<p>10<sup>2</sup> m<sup>-1</sup></p>", "10^2 m^-1\n"),
        ("<p>the 1<sup>st</sup>, H<sub>2</sub>O, Acme<sup>®</sup></p>", "the 1st, H2O, Acme®\n"),
    ],
)
def test_pictures_that_matter_and_exponents_are_written(html: str, text: str) -> None:
    assert text_from_html(html) == text
