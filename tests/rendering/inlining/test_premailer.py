"""CSS goes into the elements, nothing is fetched, and nothing that mail programs need is lost."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.rendering.html_to_text import text_from_html
from mailrunner.rendering.inlining.premailer import PremailerInliner

INLINER = PremailerInliner()


class Counting(ThreadingHTTPServer):
    """A web server on loopback that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Counting)
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/css")
        self.end_headers()
        self.wfile.write(b"p { color: red }")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Counting]:
    with Counting() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def page(style: str, body: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><style>{style}</style></head><body>{body}</body></html>"


def test_a_rule_becomes_a_style_attribute() -> None:
    assert '<p style="color:red">x</p>' in INLINER.inline(page("p { color: red }", "<p>x</p>"))


@pytest.mark.parametrize(
    "kept",
    [
        "@media (max-width:600px){p{color:blue !important}}",
        "@font-face{font-family:Club;src:url(https://example.org/c.woff)}",
        "@import url(https://example.org/c.css);",
        "a:hover{color:red}",
        "td:nth-child(2){color:red}",
    ],
)
def test_what_cannot_be_inlined_stays_in_the_sheet_verbatim(kept: str) -> None:
    assert kept in INLINER.inline(page(f"{kept} p{{color:red}}", "<p>x</p>"))


@pytest.mark.parametrize(
    "comment", ["<!--[if mso]><table><tr><td><![endif]-->", "<!--[if !mso]><!-->x<!--<![endif]-->"]
)
def test_comments_for_outlook_survive(comment: str) -> None:
    assert comment in INLINER.inline(page("p{color:red}", f"{comment}<p>x</p>"))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE html>",
        "<!doctype html>",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN"\n "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">',
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>',
        "<!-- a - licence\n-->\n<!--[if mso]>x<![endif]--><!DOCTYPE html>",
    ],
)
def test_the_doctype_and_what_follows_it_survive(doctype: str) -> None:
    comment = '<!--[if mso]><html xmlns:v="urn:v"><![endif]-->'
    inlined = INLINER.inline(f"{doctype}\n{comment}<html><body><p>x</p></body></html>")
    declared = " ".join(doctype[doctype.lower().index("<!doctype") :].split())
    assert inlined.lower().startswith(declared.lower())
    assert comment in inlined


@pytest.mark.parametrize(
    ("fragment", "body"),
    [("Hello", "<body>Hello</body>"), ("<p>a</p><p>b</p>", "<p>b</p>"), ("<!-- x -->a", "a")],
)
def test_a_fragment_becomes_a_document(fragment: str, body: str) -> None:
    inlined = INLINER.inline(fragment)
    assert body in inlined
    assert inlined.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    "html", ["", "  \n", "<!DOCTYPE html>", "<!-- a --> <!-- b -->", "<?xml version='1.0'?>"]
)
def test_html_with_nothing_in_it_fails_the_row(html: str) -> None:
    with pytest.raises(RowError, match=r"^the HTML is empty$"):
        INLINER.inline(html)


def test_nothing_is_fetched_whatever_the_html_names(server: Counting) -> None:
    url = server.url
    html = f"""<html><head><link rel="stylesheet" href="{url}/link.css">
        <style>@import url({url}/import.css); @import "{url}/quoted.css" screen;
        p {{ background: url({url}/b.png) }}
        @font-face {{ font-family: C; src: url({url}/f.woff) }}</style></head>
        <body background="{url}/body.png"><p>x</p><img src="{url}/i.png"></body></html>"""
    inlined = INLINER.inline(html)
    text_from_html(inlined)
    assert server.asked == []
    assert f"{url}/import.css" in inlined
    assert f"{url}/link.css" in inlined


@pytest.mark.parametrize("style", ["p", "body", "div p", "p ", "head"])
def test_a_style_attribute_that_reads_like_a_selector_breaks_no_message(style: str) -> None:
    html = page("body, p, div p, div { color: red }", f'<div style="{style}"><p style="{style}">x</p></div>')
    for _ in range(2):  # the second finds whatever the first left in premailer's cache
        assert re.search(r'<p style="color:red">x', INLINER.inline(html))
    assert '<p style="color:red">' in INLINER.inline(page("p{color:red}", "<p>x</p>"))


@pytest.mark.parametrize(
    "css",
    ["p { color: ; }", "}}}", "p{", "/* open", "p { mso-line-height-rule: exactly; color: var(--x) }", ""],
)
def test_odd_css_neither_fails_nor_prints(css: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert ">x</p>" in INLINER.inline(page(css, "<p>x</p>"))
    assert capfd.readouterr() == ("", "")


def test_threads_do_not_disturb_each_other() -> None:
    pages = [page(f"p {{ width: {n}px }}", f"<p>{n}</p>") for n in range(1, 60)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(INLINER.inline, pages))
    assert together == [INLINER.inline(p) for p in pages]
    assert all(f"width:{n}px" in html for n, html in enumerate(together, start=1))


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_value_comes_through_as_text_and_never_as_markup(value: str) -> None:
    from lxml.html import document_fromstring
    from markupsafe import escape

    inlined = INLINER.inline(page("p{color:red}", f"<p>[{escape(value)}]</p>"))
    (paragraph,) = document_fromstring(inlined).xpath("//p")
    assert len(paragraph) == 0
    printable = [c for c in value if c.isprintable()]
    assert [c for c in paragraph.text[1:-1] if c.isprintable()] == printable


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>Ana</b></p><p>Bye</p>", "Hello Ana\n\nBye\n"),
        ('<a href="https://x.org/?a=1&amp;b=2">Read</a>', "Read (https://x.org/?a=1&b=2)\n"),
        ('<a href="https://x.org/">Read <b>on</b></a>.', "Read on (https://x.org/).\n"),
        ('<a href="https://x.org/">https://x.org/</a>', "https://x.org/\n"),
        ('<a href="mailto:a@x.org?subject=s">write</a>', "write (mailto:a@x.org?subject=s)\n"),
        ('<a href="mailto:a@x.org">a@x.org</a>', "a@x.org\n"),
        ('<a href="#top">up</a>', "up\n"),
        ('<a href="https://x.org/"><img src="l.png" alt="Shop"></a>', "Shop (https://x.org/)\n"),
        ('<div style="display:none">preheader</div><p>x</p>', "x\n"),
        ("<style>p{color:red}</style><script>x()</script><title>t</title><p>x</p>", "x\n"),
        ("<ul><li>a</li><li>b</li></ul>", "  * a\n  * b\n"),
        ("<p>a</p><br><br><br><br><p>b</p>", "a\n\nb\n"),
        ("<!-- nothing -->", ""),
        ("", ""),
    ],
)
def test_the_text_part_says_what_a_recipient_would_read(html: str, text: str) -> None:
    assert text_from_html(html) == text


def test_a_layout_table_does_not_push_text_across_the_page() -> None:
    link = "https://example.org/" + "x" * 90
    centred = "<td style='text-align:center'>Hi</td>"
    html = f"<table align='center'><tr>{centred}<td>side</td></tr><tr><td>{link}</td><td>b</td></tr></table>"
    assert text_from_html(html) == f"Hi  side\n{link}  b\n"


@given(words=st.lists(st.text("abcä ", min_size=1), min_size=1))
def test_the_text_has_no_trailing_blanks_and_is_always_the_same(words: list[str]) -> None:
    html = "<table><tr>" + "".join(f"<td>{w}</td>" for w in words) + "</tr></table>"
    text = text_from_html(html)
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert text_from_html(html) == text
