"""Messages in Markdown: HTML in a frame and text, with Jinja, and errors with the line of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import RowError, UserError
from mailrunner.rendering import Message, Renderer
from tests.support.projects import Project
from tests.support.rendering import NOW, Spec, as_read, fields_for, project_in, renderer

HEAD = "---\nsubject: News\n---\n"


def of_markdown(folder: Path, text: str, **keys: object) -> Renderer:
    project_in(folder)
    Project(folder).put("templates/brief.md", text)
    keys = {"subject": "", **keys}
    return renderer(folder, Spec(html=None, markdown="brief.md", **keys))  # type: ignore[arg-type]


def message(folder: Path, text: str, **columns: object) -> Message:
    return of_markdown(folder, HEAD + text).render(fields_for(**columns), NOW)


def content(sent: Message) -> str:
    """The HTML of the message between the frame's."""
    assert sent.html is not None
    return sent.html.partition('class="content"')[2].partition(">")[2].partition("</table>\n  </td>")[0]


def test_the_message_is_html_in_a_frame_and_tidied_text(tmp_path: Path) -> None:
    sent = message(
        tmp_path,
        "# Hello {{ first_name }}\n\n"
        "Some **bold** and [a page](https://a.example/x?a=1&b=2).\n\n- one\n- two\n",
    )
    assert "<h1" in content(sent) and "Hello Bob</h1>" in content(sent)
    assert 'href="https://a.example/x?a=1&amp;b=2"' in content(sent)
    assert sent.html is not None and "Unsubscribe</a>" in sent.html and "1 Park Street" in sent.html
    assert sent.text.startswith(
        "Hello Bob\n==================\n\n"
        "Some *bold* and a page (https://a.example/x?a=1&b=2).\n\n- one\n- two\n"
    )
    assert "Unsubscribe: https://news.example.org/u/" in sent.text


@pytest.mark.parametrize(
    "cell",
    ["*x*", "<b>x</b>", "[x](javascript:alert(1))", "# x", "- x\n- y", "| a |", "`x`", "{{ 7*7 }}", "&lt;"],
)
def test_a_cell_is_text_and_never_markup(tmp_path: Path, cell: str) -> None:
    from lxml.html import fromstring

    sent = message(
        tmp_path, "# {{ x }}\n\n- **{{ x }}**\n\n{{ x }}\n\n[{{ x }}](https://a.example)\n", x=cell
    )
    page = fromstring(sent.html or "")
    written = " ".join(cell.split())
    assert " ".join(page.xpath("//h1")[0].text_content().split()) == written
    assert [" ".join(e.text_content().split()) for e in page.xpath("//li/strong")] == [written]
    assert not page.xpath("//h1/*") and cell in sent.text


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", " vbscript:x", "file:///etc"])
def test_a_cell_that_is_no_link_fails_its_row(tmp_path: Path, scheme: str) -> None:
    made = of_markdown(tmp_path, HEAD + "[read]({{ page }})\n")
    with pytest.raises(RowError, match=r"templates/brief\.md, line 4: page: .* is no link"):
        made.render(fields_for(page=scheme, row={"page": scheme}), NOW)
    assert made.render(fields_for(page="https://a.example"), NOW)


def test_a_statement_on_its_own_line_repeats_items_and_rows_and_chooses_paragraphs(tmp_path: Path) -> None:
    text = (
        "Before\n{% if vip %}\nYou are **vip**.\n{% endif %}\nAfter\n\n"
        "- first\n{% for x in xs %}\n- {{ x }}\n{% endfor %}\n- last\n\n"
        "| a | b |\n|---|--:|\n{% for x in xs %}\n| {{ x }} | 1 |\n{% endfor %}\n\nEnd\n"
    )
    sent = message(tmp_path, text, vip=False, xs=["p", "q"])
    from lxml.html import fromstring

    page = fromstring(sent.html or "")
    assert [e.text_content().strip() for e in page.xpath("//ul/li")] == ["first", "p", "q", "last"]
    assert len(page.xpath("//ul")) == 1
    assert [e.text_content().strip() for e in page.xpath("//table[@class='data']//td")] == [
        "p",
        "1",
        "q",
        "1",
    ]
    assert "vip" not in content(sent)
    assert "- first\n- p\n- q\n- last\n\na  |  b\np  |  1\nq  |  1\n\nEnd\n" in sent.text
    assert "Before\n\nAfter\n" in sent.text


def test_a_statement_that_ends_elsewhere_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 5: \{% if %\} begins and ends in different parts"):
        of_markdown(tmp_path, HEAD + "- a\n{% if x %}\n- b\n\nText\n{% endif %}\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "Hi\n\n{{ first name }}\n", "line 6: expected token 'end of print statement'"),
        ("---\nsubjct: x\n---\n", 'line 2: the front matter has no key "subjct" (did you mean "subject"?)'),
        ("---\nsubject: x\n", "line 1: the front matter is never closed"),
        ("---\nsubject: x\ncolor: green\n---\n", 'line 3: "green" is not a color'),
        ("Hi\n", "the message has no subject"),
        (HEAD + '{% extends "x.html" %}\n', "line 4: Markdown extends no template"),
        (HEAD + "<{{ x }} y>\n", "line 4: a value cannot be the name of a tag"),
    ],
)
def test_an_error_names_the_line_of_the_file(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        of_markdown(tmp_path, text)
    assert f"templates/brief.md: {sentence}" in str(error.value)


def test_an_unknown_name_and_a_failing_row_name_the_line_of_the_file(tmp_path: Path) -> None:
    made = of_markdown(tmp_path, HEAD + "Hi\n\n- a\n- {{ 1 // zero }}\n\n{{ plot }}\n\n{{ zero }}\n")
    problems = [str(p) for p in made.unknown_names(["first_name", "zero"])]
    assert problems == [
        'templates/brief.md: line 9: nothing is called "plot" (name a column, or set it in [message] vars)'
    ]
    with pytest.raises(RowError, match=r"templates/brief\.md, line 7: .*zero"):
        made.render(fields_for(zero=0, plot="1"), NOW)


def test_the_fast_way_gives_what_the_slow_one_does(tmp_path: Path) -> None:
    text = (
        HEAD + "# {{ x }}\n\n{% for y in ys %}\n- {{ y }}\n{% endfor %}\n\n[a]({{ u }})\n\n![l](logo.png)\n"
    )
    fast = of_markdown(tmp_path, text)
    slow = renderer(tmp_path, Spec(html=None, subject="", markdown="brief.md"), strict_inlining=True)
    for number in range(12):
        row = fields_for(x=f"<{number}>", ys=["*a*", str(number)][: number % 3], u="https://a.example")
        assert as_read(fast.render(row, NOW)) == as_read(slow.render(row, NOW))
    assert fast.inlining.hits >= 4 and fast.inlining.mismatch is None


def test_images_of_the_project_go_along_and_are_as_wide_as_the_card_at_most(tmp_path: Path) -> None:
    sent = message(tmp_path, "![A logo](logo.png) and ![far](https://a.example/x.png)\n")
    assert sent.images == ("logo.png",)
    assert 'src="cid:logo.png" alt="A logo" width="512"' in content(sent)
    assert "[A logo] and [far]\n" in sent.text


def test_the_frame_may_be_the_projects_own(tmp_path: Path) -> None:
    project_in(tmp_path)
    own = '<h6>{% block content %}{% endblock %}</h6><a href="{{ unsubscribe_url }}">x</a>'
    Project(tmp_path).put("templates/base.html", own)
    Project(tmp_path).put("templates/brief.md", "Hi\n")
    made = renderer(tmp_path, Spec(html=None, subject="S", markdown="brief.md", frame="base.html"))
    assert "<h6>" in (made.render(fields_for(), NOW).html or "")
    assert set(made.digest()) >= {"templates/brief.md", "templates/base.html"}


def test_a_transactional_message_without_a_list_has_no_link_to_unsubscribe(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("templates/brief.md", "Hi\n")
    spec = Spec(html=None, subject="S", markdown="brief.md")
    made = renderer(tmp_path, spec, "transactional", "")
    assert made.uses("unsubscribe_url") == frozenset()
    assert "Park Street" in made.render(fields_for(), NOW).text


def test_braces_that_markdown_makes_are_text(tmp_path: Path) -> None:
    sent = message(tmp_path, "\\{\\{ first_name }} and {% raw %}{{ y }}{% endraw %} and `{{ first_name }}`\n")
    assert "{{ first_name }} and {{ y }} and Bob" in sent.text
    assert "{{ first_name }} and {{ y }} and <code" in content(sent)


def test_the_footer_speaks_the_language_of_the_message(tmp_path: Path) -> None:
    made = of_markdown(tmp_path, "---\nsubject: S\nlanguage: de\n---\nHallo\n")
    sent = made.render(fields_for(), NOW)
    assert "Abmelden: https://" in sent.text and '<html lang="de"' in (sent.html or "")


def test_a_paragraph_of_one_bold_link_is_a_button(tmp_path: Path) -> None:
    sent = message(tmp_path, "**[Join us](https://a.example)**\n")
    assert '<td class="button"' in content(sent)
    assert "Join us (https://a.example)\n" in sent.text


def test_a_template_that_includes_html_gets_its_text_from_the_html(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("templates/card.html", "<p>a <i>card</i></p>")
    Project(tmp_path).put("templates/brief.md", 'Hi\n\n{% include "card.html" %}\n')
    sent = renderer(tmp_path, Spec(html=None, subject="S", markdown="brief.md")).render(fields_for(), NOW)
    assert "a card" in sent.text and "<i>" not in sent.text


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_text(tmp_path: Path) -> None:
    made = of_markdown(
        tmp_path, "\ufeff---\r\nsubject: News\r\n---\r\n# Hi\r\n{% if vip %}\r\nyes\r\n{% endif %}\r\n"
    )
    assert made.render(fields_for(vip=True), NOW).text.startswith("Hi\n==\n\nyes\n")
