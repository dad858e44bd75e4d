"""Remarks on pages: placeholders, colors, pictures and sheets."""

from __future__ import annotations

import pytest

from mailrunner.rendering.lint import page_remarks, remarks


def kinds(html: str, text: str = "Hello", fixed: str = "") -> list[str]:
    return [remark.kind for remark in page_remarks(html, text, fixed)]


@pytest.mark.parametrize(
    "field",
    [
        "{{ name }}",
        "{<b>{ name }</b>}",
        "*|FNAME|*",
        "[[name]]",
        "«First_Name»",
        "%%name%%",
        "{$name}",
        "[name,fallback=x]",
        "&lt;&lt;Name&gt;&gt;",
        "%FIRST_NAME%",
    ],
)
def test_placeholders_of_other_systems_are_named(field: str) -> None:
    assert kinds("<p>x</p>", fixed=f"<p>{field}</p>") == [
        "a placeholder of another system, or one that the editor has split, stands there as text"
    ]


@pytest.mark.parametrize(
    "text", ["100 % und 50 %", "« Bonjour »", "a {b}", "[1]", "<style>{{x}}</style>", "\0 \0"]
)
def test_ordinary_text_is_no_placeholder(text: str) -> None:
    assert kinds("<p>x</p>", fixed=text) == []


@pytest.mark.parametrize(
    ("html", "is_named"),
    [
        ('<p style="color:#aaa; background-color:#fff">x</p>', True),
        ('<table bgcolor="#ffffff"><tr><td><font color="#cccccc">x</font></td></tr></table>', True),
        ('<div style="background:#000"><p style="color:rgb(20,20,20)">x</p></div>', True),
        ('<p style="color:#333; background-color:#fff">x</p>', False),
        ('<p style="color:#999">nothing is said of what is behind</p>', False),
        ('<p style="color:#888; background-color:#fff; font-size:30px">large</p>', False),
        ('<p style="color:#fff; background:#fff url(x.png)">over a picture</p>', False),
        ('<div style="display:none; color:#fff; background-color:#fff">hidden</div>', False),
        ('<div style="color:#fff; background-color:#fff"><p style="color:#000">x</p></div>', False),
    ],
)
def test_colors_that_are_too_much_alike_are_named(html: str, is_named: bool) -> None:
    assert bool(kinds(html)) is is_named


def test_pictures_without_width_and_sheets_in_files_are_named() -> None:
    found = kinds('<link rel="stylesheet" href="a.css"><img src="https://a.example/x.png" alt="x">')
    assert [kind.partition(":")[0].partition(",")[0] for kind in found] == [
        "a style sheet is a file",
        "an image has no width",
    ]
    assert kinds('<img src="x" alt="x" width="10"><img style="width:5px" src="x">') == []


def test_a_message_that_begins_with_a_link_to_itself_wants_a_preheader() -> None:
    assert kinds("<p>x</p>", "View this email in your browser") == [
        "mailboxes show the first words beside the subject; a preheader would say more"
    ]


@pytest.mark.parametrize(
    ("html", "sentence"),
    [
        ('<a href="www.a.example/x">x</a>', "www.a.example/x, is it https://www.a.example/x?"),
        ('<a href="ana@a.example">x</a>', "ana@a.example, is it mailto:ana@a.example?"),
        ('<a href="">x</a>', "(empty)"),
        ('<img alt="" src="data:image/png;base64,AAAA">', "data:image/png"),
    ],
)
def test_links_and_pictures_that_lead_nowhere_are_named(html: str, sentence: str) -> None:
    assert any(sentence in remark.detail for remark in remarks(html, "S", 10))
