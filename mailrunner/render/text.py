"""The text part, made from the HTML where the campaign names no text template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_WIDE = 78
_SHOWN = ("http:", "https:", "mailto:")


def text_from_html(html: str) -> str:
    """Return what a person would read: hidden parts left out, links as "text (address)".

    Lines are not wrapped.  Cells of a table stand beside each other; the space between them is kept
    only where the line stays narrow, since newsletters use tables for layout.
    """
    from inscriptis.html_engine import Inscriptis
    from lxml.etree import ParserError
    from lxml.html import document_fromstring

    # libxml2 takes text with an XML encoding declaration for an error.
    try:
        tree = document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", html))
    except ParserError:  # nothing in it
        return ""
    for link in tree.iter("a"):
        _spell_out(link)
    for element in tree.iter("table", "tr", "td", "th"):
        _align_left(element)
    return _tidy(Inscriptis(tree).get_text())


def _spell_out(link: HtmlElement) -> None:
    """Write the address after the link's text, unless it says nothing new."""
    address = (link.get("href") or "").strip()
    if not address.lower().startswith(_SHOWN):
        return
    label = " ".join(link.text_content().split()) or " ".join(link.xpath(".//img/@alt"))
    # With a subject (an unsubscribe token, say) only the whole address does what the link does.
    shown = re.sub(r"^mailto:([^?]*)$", r"\1", address, flags=re.IGNORECASE)
    if label not in (shown, address):
        _append(link, f" ({shown})" if link.text_content().strip() else f"{label} ({shown})".strip())


def _append(element: HtmlElement, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "").rstrip() + text
    else:
        element.text = (element.text or "").rstrip() + text


def _align_left(element: HtmlElement) -> None:
    """Centred cells would be pushed to the middle of the widest line in the message."""
    element.attrib.pop("align", None)
    element.set("valign", "top")
    if style := element.get("style"):
        element.set("style", re.sub(r"(?:text|vertical)-align\s*:[^;]*;?", "", style, flags=re.IGNORECASE))


def _tidy(text: str) -> str:
    lines = (_narrowed(line.rstrip()) for line in text.split("\n"))
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return f"{joined}\n" if joined.strip() else ""


def _narrowed(line: str) -> str:
    return re.sub(r"(?<=\S) {3,}", "  ", line) if len(line) > _WIDE else line
