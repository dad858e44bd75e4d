"""Features of Can I email that a message's HTML uses: elements, attributes, pictures, and its CSS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from lxml import html as lxml_html

from mailrunner.preview.client_support.css_features import sheet_features, style_features
from mailrunner.preview.client_support.support_table import known_features

LARGEST = 2_000_000  # characters of a message that is looked at: beyond that it takes too long
_ELEMENTS = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "html-h1-h6"),
    **dict.fromkeys(("ul", "ol", "dl"), "html-lists"),
    **dict.fromkeys(
        (
            *("article", "aside", "details", "figcaption", "figure", "footer", "header", "main", "mark"),
            *("nav", "section", "summary", "time"),
        ),
        "html-semantics",
    ),
    "map": "html-image-maps",
    "s": "html-strike",
}
_ATTRIBUTES = {
    **{
        name: f"html-{name}"
        for name in (
            *("align", "background", "cellpadding", "cellspacing", "dir", "height", "hidden", "lang"),
            *("popover", "required", "role", "srcset", "target", "valign", "width"),
            *("aria-describedby", "aria-hidden", "aria-label", "aria-labelledby", "aria-live"),
        )
    },
    "usemap": "html-image-maps",
    "loading": "html-loading-attribute",
    "inert": "css-inert-attribute",
    "sizes": "html-srcset",
}
# Elements of the table with the word of an attribute behind their name.
_OF_A_TYPE = ("input", "button")
_PICTURES = {"jpeg": "jpg", "svg+xml": "svg", "tif": "tiff", "heic": "heif", "x-icon": "ico"}
_ONLY_OUTLOOK = re.compile(r"<!--\[if\b.*?<!\[endif\]-->", re.DOTALL | re.IGNORECASE)


def features_of(html: str) -> Counter[str]:
    """Each feature with the number of its uses; none for a message of more than LARGEST characters.

    `html` is what is sent: its inline images are cid:, and its styles stand in the elements.
    """
    if len(html) > LARGEST:
        return Counter()
    # What Outlook alone reads says nothing of the others.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", _ONLY_OUTLOOK.sub("", html).replace("\0", ""))
    try:
        root = lxml_html.document_fromstring(text, parser=lxml_html.HTMLParser(huge_tree=True))
    except (etree.ParserError, ValueError):
        return Counter()
    return Counter(slug for slug in _document(root) if slug in known_features())


def _document(root: Any) -> Iterator[str]:
    for element in root.iter(etree.Element):
        tag = str(element.tag).lower()
        yield _ELEMENTS.get(tag, f"html-{tag}")
        if tag in _OF_A_TYPE:
            default = "text" if tag == "input" else "submit"
            yield f"html-{tag}-{(element.get('type') or default).lower()}"
        if tag == "style":
            yield from sheet_features(element.text or "")
        if tag == "meta" and (element.get("name") or "").lower() == "color-scheme":
            yield "html-meta-color-scheme"
        for name, value in element.attrib.items():
            yield from _attribute(tag, str(name).lower(), str(value))


def _attribute(tag: str, name: str, value: str) -> Iterator[str]:
    if name in _ATTRIBUTES:
        yield _ATTRIBUTES[name]
    if name == "style":
        yield from style_features(value)
    elif name == "href" and tag in ("a", "area"):
        yield from _link(value.strip())
    elif name in ("src", "poster") and tag in ("img", "input", "source", "video"):
        yield from _picture(value.strip())


def _link(target: str) -> Iterator[str]:
    if target.startswith("#") and len(target) > 1:
        yield "html-anchor-links"
    elif target.lower().startswith("mailto:"):
        yield "html-mailto-links"


def _picture(source: str) -> Iterator[str]:
    """The format of a picture, as its name or the beginning of a data: address says."""
    kind = source[:60].lower()
    if kind.startswith("data:"):
        yield "image-base64"
        found = kind.removeprefix("data:image/").partition(";")[0]
    else:
        try:
            found = urlsplit(source).path.lower().rpartition(".")[2]
        except ValueError:
            return
    yield f"image-{_PICTURES.get(found, found)}"
