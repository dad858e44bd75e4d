"""A document on its way: parsed by lxml, its sheets found, and written again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mailrunner.errors import RowError
from mailrunner.rendering.inlining.limits import require_inlinable
from mailrunner.rendering.inlining.markup import protected, renamed_back, restored, was_renamed
from mailrunner.rendering.inlining.styles import Rules, Sheets, Signature, Styles

# Where a comment stands before the doctype libxml2 overlooks it, and the message would be in quirks mode.
_PROLOGUE = re.compile(
    r"\A\s*(?:<\?xml[^>]*\?>)?\s*(?:(?:<!--(?:(?!-->).)*-->\s*)*(?P<doctype><!doctype[^>]*>))?",
    re.IGNORECASE | re.DOTALL,
)
_NOTHING = re.compile(r"(?:\s|<!--.*?-->|<!(?!--)[^>]*>)*+", re.DOTALL)
_DOCTYPES = _SHEETS = 64
# Selectors by which it matters that a browser puts the rows of every table into a tbody.
_ROWS = re.compile(r"tbody|[>+~]|\btr\s*:", re.IGNORECASE)
_EVERYWHERE = frozenset({None, "", "all", "screen"})


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: `root` is what is written in the end, `page` its <html>.

    `styles` are the elements of the sheets.
    """

    root: Any
    page: Any
    sheets: Sheets
    styles: Sequence[Any]
    elements: Sequence[Any]
    tags: Sequence[str]


def prepared(html: str) -> str:
    """Return the document as it is parsed; raise RowError if that is nothing, or too much."""
    require_inlinable(html)
    html = _PROLOGUE.sub(lambda prologue: _doctype(prologue["doctype"]), html, count=1)
    if _NOTHING.fullmatch(html):
        raise RowError("the HTML is empty")
    return protected(html)


def read(html: str) -> Document:
    """Parse a prepared document as premailer does, give it a <head> and find its sheets."""
    from lxml import etree

    html = html.strip()
    tree = _parsed(html)
    page = tree.getroot()
    if was_renamed(html):
        renamed_back(page)
    root = tree if html.startswith(tree.docinfo.doctype) else page
    elements = list(page.iter("*"))
    tags = [element.tag for element in elements]
    added = "head" not in tags
    if added:
        elements[tags.index("body")].getparent().insert(0, etree.Element("head"))
    styles = [e for e, tag in zip(elements, tags, strict=True) if tag == "style" and _is_css(e)]
    sheets = tuple(_sheets(styles))
    if any(_tells_rows(css) for css, _ in sheets):
        added = _with_table_bodies(page) or added
    if "meta" in tags:
        for meta in page.iter("meta"):
            _say_utf8(meta)
    if added:
        elements = list(page.iter("*"))
        tags = [element.tag for element in elements]
    return Document(root, page, sheets, styles, elements, tags)


def _parsed(html: str) -> Any:
    """Parse a document; raise RowError where libxml2 would leave out a part of it.

    It ends in silence at 256 open elements and at texts of 10 MB, and what follows reached no reader.
    """
    from lxml import etree

    parser = etree.HTMLParser()
    tree = etree.fromstring(html, parser).getroottree()
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise RowError("the HTML nests more than 250 elements deep, or is too large; make it simpler")
    return tree


def written(document: Document, styles: Styles, matched: Sequence[Rules]) -> str:
    """Write the document with the rules, found for each of its elements, applied."""
    from lxml import etree

    signed = _signed(document, matched)
    decision = styles.decision([signature for _, signature in signed])
    for element, signature in signed:
        style, attributes = styles.finish(signature, decision)
        if style is not None:
            element.set("style", style)
        for name, value in attributes:
            element.set(name, value)
    if decision.promoted:
        for element, css in zip(document.styles, styles.sheets(decision), strict=True):
            element.text = css
    # Not indented: blanks between boxes that stand side by side would move them.
    html: bytes = etree.tostring(document.root, method="html", encoding="utf-8")
    return restored(html.decode("utf-8"))


def _signed(document: Document, matched: Sequence[Rules]) -> list[tuple[Any, Signature]]:
    """The elements that something may be written into."""
    signed = []
    for element, tag, rules in zip(document.elements, document.tags, matched, strict=True):
        if rules:
            sized = tag == "img" and (element.get("width") or element.get("height")) is not None
            signed.append((element, Signature(rules, element.get("style", ""), tag, sized)))
        elif tag == "img" and (own := element.get("style")):
            signed.append((element, Signature((), own, tag, True)))
    return signed


@lru_cache(maxsize=_DOCTYPES)
def _doctype(declared: str | None) -> str:
    """Spell a doctype as libxml2 does: it keeps no other, nor the comments that follow it."""
    from lxml import etree

    if not declared:
        return ""
    return str(etree.fromstring(f"{declared}<p>", etree.HTMLParser()).getroottree().docinfo.doctype)


@lru_cache(maxsize=_SHEETS)
def _tells_rows(css: str) -> bool:
    return bool(_ROWS.search(css))


def _is_css(style: Any) -> bool:
    return style.get("type", "text/css").strip().lower() in ("", "text/css")


def _sheets(styles: Sequence[Any]) -> Iterator[tuple[str, bool]]:
    for element in styles:
        css = element.text or ""
        element.text = css  # merges what libxml2 has read in pieces
        ignored = element.attrib.pop("data-premailer", None) == "ignore"
        yield css, ignored or element.get("media", "").strip().lower() not in _EVERYWHERE


def _with_table_bodies(page: Any) -> bool:
    """Put rows that stand in a table itself into a tbody, as browsers do (HTML Standard, 13.2.6.4.9).

    True if there were any.
    """
    found = False
    for table in page.iter("table"):
        body = None
        for child in list(table):
            if child.tag == "tr" and body is None:
                body = child.makeelement("tbody")
                child.addprevious(body)
                found = True
            elif child.tag in ("tbody", "thead", "tfoot", "caption", "colgroup"):
                body = None
            if body is not None:
                body.append(child)
    return found


def _say_utf8(meta: Any) -> None:
    """A message is UTF-8, whatever the program that made its template said of that file."""
    charset = meta.get("charset")
    if charset is not None and charset.strip().lower() != "utf-8":
        meta.set("charset", "utf-8")
    content = meta.get("content", "")
    declares = meta.get("http-equiv", "").strip().lower() == "content-type" and "charset" in content.lower()
    if declares and "utf-8" not in content.lower():
        meta.set("content", "text/html; charset=utf-8")
