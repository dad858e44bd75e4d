"""A style sheet of the project that a template links to goes into the message; no other file does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.rendering.inlining.premailer import PremailerInliner
from mailrunner.rendering.templates import Templates

Rendered = Callable[..., str]
LINK = '<link rel="stylesheet" href="{}">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "css").mkdir(parents=True)
    (tmp_path / "templates" / "news.css").write_text("p { color: red } {# {{ x }} #}", encoding="utf-8")
    (tmp_path / "templates" / "css" / "more.css").write_text("\ufeffp { margin: 3px }", encoding="utf-8")
    (tmp_path / "secret.css").write_text("p { color: blue }", encoding="utf-8")
    (tmp_path / "templates" / "latin.css").write_bytes("p::after { content: 'é' }".encode("latin-1"))
    (tmp_path / "templates" / "markup.css").write_text("</STYLE><b>", encoding="utf-8")
    (tmp_path / "templates" / ".hidden.css").write_text("p { top: 0 }", encoding="utf-8")
    (tmp_path / "templates" / "out.css").symlink_to(tmp_path / "secret.css")
    return tmp_path


def templates(folder: Path) -> Templates:
    return Templates(folder=folder, templates_dir=folder / "templates")


def rendered(folder: Path, head: str, name: str = "t.html", **context: object) -> str:
    path = folder / "templates" / name
    path.write_text(f"<html><head>{head}</head><body><p>x</p></body></html>", encoding="utf-8")
    template = templates(folder).html(name)
    segments = template.segments(context)
    page = template.render(context)
    assert segments is None or segments.text == page
    return page


@pytest.mark.parametrize(
    ("link", "css"),
    [
        (LINK.format("news.css"), "<style>p { color: red } {# {{ x }} #}</style>"),
        ("<LINK href=./news.css?v=2 REL=stylesheet type='text/css' />", "<style>p { color: red } {# {{"),
        (LINK.format("css/more.css"), "<style>p { margin: 3px }</style>"),
        ('<link rel=stylesheet media="(max-width:9px)" href=news.css>', '<style media="(max-width:9px)">p {'),
    ],
)
def test_a_sheet_of_the_folder_stands_in_the_place_of_its_link(folder: Path, link: str, css: str) -> None:
    page = rendered(folder, link)
    assert css in page
    assert "<link" not in page.lower()


def test_a_sheet_is_looked_for_beside_the_template_and_then_in_the_folder(folder: Path) -> None:
    assert "margin: 3px" in rendered(folder, LINK.format("more.css"), name="css/t.html")
    assert "color: red" in rendered(folder, LINK.format("../news.css"), name="css/t.html")
    assert "color: red" in rendered(folder, LINK.format("news.css"), name="css/t.html")


def test_a_linked_sheet_is_inlined(folder: Path) -> None:
    page = rendered(folder, LINK.format("news.css"))
    assert '<p style="color:red">' in PremailerInliner().inline(page)


@pytest.mark.parametrize(
    "link",
    [
        LINK.format("https://fonts.example.org/a.css"),
        LINK.format("//fonts.example.org/a.css"),
        '<link rel="icon" href="none.png">',
        '<link rel="alternate stylesheet" href="none.css">',
        "<!-- <link rel=stylesheet href=none.css> -->",
    ],
)
def test_other_links_stay(folder: Path, link: str) -> None:
    assert link in rendered(folder, link)


@pytest.mark.parametrize(
    ("href", "said"),
    [
        ("none.css", "the style sheet none.css does not exist"),
        ("../secret.css", "outside the templates' folder"),
        ("%2e%2e/secret.css", "outside the templates' folder"),
        ("/etc/passwd", "outside the templates' folder"),
        ("out.css", "outside the templates' folder"),
        (".hidden.css", "is hidden"),
        ("latin.css", "is not UTF-8"),
        ("markup.css", "is no CSS"),
    ],
)
def test_a_sheet_that_is_not_there_or_not_sent_is_a_problem_of_the_template(
    folder: Path, href: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        rendered(folder, LINK.format(href))
    assert caught.value.problems[0].file == "templates/t.html"


def test_a_value_names_no_sheet(folder: Path) -> None:
    page = rendered(folder, LINK.format("{{ sheet }}"), sheet="news.css")
    assert "color: red" not in page
    page = rendered(folder, "{{ link|safe }}", link=LINK.format("news.css"))
    assert "color: red" not in page


def test_a_changed_sheet_is_a_changed_message(folder: Path) -> None:
    rendered(folder, LINK.format("news.css"))
    made = templates(folder)
    made.html("t.html")
    before = made.sources()
    assert set(before) == {"templates/t.html", "templates/news.css"}
    (folder / "templates" / "news.css").write_text("p { color: green }", encoding="utf-8")
    again = templates(folder)
    again.html("t.html")
    changed = {name for name, digest in again.sources().items() if digest != before[name]}
    assert changed == {"templates/news.css"}
