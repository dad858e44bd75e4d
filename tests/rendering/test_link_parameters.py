"""UTM parameters stand on every link of a message once, and on nothing else."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.rendering import MessageFields, Renderer
from mailrunner.rendering.link_parameters import LinkParameters, changed
from tests.support.rendering import FIELDS, NOW, Spec, fields_for, project_in

UTM = {"source": "news", "medium": "e mail"}
ADDED = "utm_source=news&utm_medium=e%20mail"
OWN = "https://news.example.org/club"
PARAMETERS = LinkParameters(UTM, OWN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://x.org", f"https://x.org?{ADDED}"),
        ("HTTPS://x.org/", f"HTTPS://x.org/?{ADDED}"),
        ("http://x.org/a?b=1", f"http://x.org/a?b=1&{ADDED}"),
        ("https://x.org/a?", f"https://x.org/a?{ADDED}"),
        ("https://x.org/a?b=1&", f"https://x.org/a?b=1&{ADDED}"),
        ("https://x.org/a#part", f"https://x.org/a?{ADDED}#part"),
        ("https://x.org/a?b#c?d", f"https://x.org/a?b&{ADDED}#c?d"),
        (" https://x.org\n", f" https://x.org?{ADDED}\n"),
        ("https://x.org?utm_source=own", "https://x.org?utm_source=own&utm_medium=e%20mail"),
        ("https://x.org?UTM_Source=own;utm%5Fmedium=x", None),
        (f"{OWN}/u/token", None),
        (f"{OWN}?x", None),
        ("HTTPS://NEWS.example.org/club", None),
        ("https://news.example.org/clubs", f"https://news.example.org/clubs?{ADDED}"),
        *(
            (same, None)
            for same in ("mailto:a@x.org", "tel:+40", "#top", "cid:logo.png", "data:,x", "/a", "")
        ),
        *((same, None) for same in ("javascript:alert(1)", "ftp://x.org", "//x.org", "httpsx://x.org")),
    ],
)
def test_an_address(before: str, after: str | None) -> None:
    assert PARAMETERS.added(before) == (before if after is None else after)


@given(st.from_regex(r"https?://[a-z.]{1,9}(/[a-z&;?=#%+._0-9-]{0,30})?", fullmatch=True))
def test_an_address_keeps_what_it_had_and_is_changed_once(address: str) -> None:
    added = PARAMETERS.added(address)
    assert PARAMETERS.added(added) == added
    before, after = urlsplit(address), urlsplit(added)
    assert (before.netloc, before.path, before.fragment) == (after.netloc, after.path, after.fragment)
    assert after.query.startswith(before.query)
    names = [name for name, _ in parse_qsl(re.sub(";", "&", after.query), keep_blank_values=True)]
    if not before.query:
        assert names == ["utm_source", "utm_medium"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="https://x.org?a=1&amp;b=2">', '<a href="https://x.org?a=1&amp;b=2&amp;{}">'),
        ('<a href="https://x.org?a=1&copy=2">', '<a href="https://x.org?a=1&amp;copy=2&amp;{}">'),
        ("<A class=x HREF = 'https://x.org'>", "<A class=x HREF = 'https://x.org?{}'>"),
        ("<a href=https://x.org/a>", "<a href=https://x.org/a?{}>"),
        (
            '<v:roundrect style="a>b" href="https://x.org">',
            '<v:roundrect style="a>b" href="https://x.org?{}">',
        ),
        ('<area href="https://x.org">', '<area href="https://x.org?{}">'),
        ('<link rel="stylesheet" href="https://x.org/a.css">', None),
        ('<base href="https://x.org">', None),
        ('<img src="https://x.org/a.png" data-href="https://x.org">', None),
        ("<p>https://x.org</p>", None),
        ('<a href="https://x.org/it&#39;s">', '<a href="https://x.org/it&#x27;s?{}">'),
    ],
)
def test_a_page(before: str, after: str | None) -> None:
    expected = before if after is None else after.format(ADDED.replace("&", "&amp;"))
    assert changed(before, PARAMETERS.in_attribute) == expected


def test_an_address_in_a_text_ends_before_the_sentence_does() -> None:
    for behind in (".", ",", ")", ").", "!", ""):
        assert PARAMETERS.in_text(f"https://x.org/a{behind}") == f"https://x.org/a?{ADDED}{behind}"
    assert PARAMETERS.in_text("https://x.org/a_(b)") == f"https://x.org/a_(b)?{ADDED}"


PAGE = """<html><head><style>a { color: red }</style></head><body>
<a href="https://shop.example.org/{{ path }}?who={{ who }}">Hello {{ name }}</a>
<a href="{{ link }}">{{ link }}</a> {{ markup|safe }}
<a title="{{ name }}" href="https://x.org/#{{ who }}">x</a>
<a href="mailto:{{ name }}@x.org">m</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a>
</body></html>"""


def made(folder: Path, **keys: object) -> Renderer:
    project_in(folder)
    (folder / "templates/links.html").write_text(PAGE)
    return Renderer(
        folder=folder,
        templates_dir=folder / "templates",
        spec=Spec(html="links.html", subject="Hi"),
        kind="bulk",
        campaign_id="spring",
        list_name="Club",
        list_id="Club <club.example.org>",
        utm=UTM,
        own_pages="https://news.example.org",
        **keys,  # type: ignore[arg-type]
    )


def row(**columns: str) -> MessageFields:
    known = {"path": "a", "who": "1", "name": "Ana", "link": "https://y.org", "markup": ""}
    return fields_for(**known | columns)


def test_a_message_has_them_in_both_parts_and_not_where_recipients_leave(tmp_path: Path) -> None:
    message = made(tmp_path).render(row(who="a&b", link="https://y.org/?q=1"), NOW)
    assert message.html is not None
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', message.html)]
    assert links[0] == f"https://shop.example.org/a?who=a&b&{ADDED}"
    assert links[1] == f"https://y.org/?q=1&{ADDED}" and links[2] == f"https://x.org/?{ADDED}#a&b"
    assert links[3] == "mailto:Ana@x.org" and links[4] == FIELDS.unsubscribe_url
    assert f"https://y.org/?q=1&{ADDED}" in message.text


_TEXT = st.text(alphabet="ab&;#?=/%'\"<> :.x", max_size=12)
_ROWS = st.fixed_dictionaries(
    {
        "path": _TEXT,
        "who": _TEXT,
        "name": _TEXT,
        "link": st.one_of(_TEXT, _TEXT.map("https://z.org/{}".format)),
    }
    | {"markup": st.sampled_from(["", "<b>b</b>", '<a href="https://m.org">m</a>', "it's"])}
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Renderer, Renderer]:
    fast, strict = (tmp_path_factory.mktemp(name) for name in ("fast", "strict"))
    return made(fast), made(strict, strict_inlining=True)


@given(values=_ROWS)
def test_the_fast_rendering_equals_the_strict_one(
    both: tuple[Renderer, Renderer], values: dict[str, str]
) -> None:
    fast, strict = (renderer.render(row(**values), NOW) for renderer in both)
    assert (fast.html, fast.text) == (strict.html, strict.text)


@given(values=_ROWS)
def test_values_told_apart_give_what_the_whole_page_gives(
    both: tuple[Renderer, Renderer], values: dict[str, str]
) -> None:
    template = both[0]._content.html
    assert template is not None
    context = {**row(**values).context, "unsubscribe_url": FIELDS.unsubscribe_url}
    segments = template.segments(context)
    page = template.page(context).text
    assert segments is None or segments.text == page
    assert segments is not None or "<" in values["markup"] or "'" in values["markup"]
