"""A message as it is shown: on an address of its own, in a sandbox, with nothing fetched and no script.

The policy of the answer is the wall (docs/dashboard.md has what a hostile mail tried in a browser); what is
taken out of the HTML here is the second one, for a browser that forgets the first.
"""

from __future__ import annotations

import re

from lxml import etree
from lxml import html as parser

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"  # of the iframe; never scripts or the same origin
_OUT = ("script", "base", "iframe", "frame", "frameset")
# What stands in them stays: the parser takes the rest of the message for the content of an <embed>.
_UNWRAPPED = ("object", "embed", "applet", "portal", "noscript")
_FETCHING = re.compile(
    r"\b(prefetch|preload|preconnect|dns-prefetch|modulepreload|prerender)\b", re.IGNORECASE
)
_EMPTY = "<!doctype html><title></title>"


def shown(html: str) -> str:
    """The HTML of a message without what acts by itself; its links open in a tab of their own."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", html.replace("\0", ""))
    try:
        root = parser.document_fromstring(text) if text.strip() else None
    except (etree.ParserError, ValueError):
        root = None
    if root is None:
        return _EMPTY
    for element in list(root.iter(etree.Element)):
        _tame(element)
    head = root.find("head")
    if head is None:
        head = etree.Element("head")
        root.insert(0, head)
    base = etree.Element("base", target="_blank")
    head.insert(0, base)
    return "<!doctype html>" + str(etree.tostring(root, encoding="unicode", method="html"))


def _tame(element: parser.HtmlElement) -> None:
    """Take an element out, or what acts by itself out of it."""
    tag = str(element.tag).lower()
    equivalent = (element.get("http-equiv") or "").strip().lower()
    fetches = tag == "link" and _FETCHING.search(element.get("rel") or "")
    if element.getparent() is None:
        return
    if tag in _OUT or (tag == "meta" and equivalent == "refresh") or fetches:
        element.drop_tree()
    elif tag in _UNWRAPPED:
        element.drop_tag()
    else:
        for name in list(element.attrib):
            if str(name).lower().startswith("on") or str(name).lower() in ("target", "ping"):
                del element.attrib[name]
