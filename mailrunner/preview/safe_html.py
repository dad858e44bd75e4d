"""Message HTML as a browser may show it: nothing is fetched, no script runs, links open a tab of their own.

    safe = shown(view.html)                      # for an answer with the header POLICY
    file = shown(view.html, policy=FILE_POLICY)  # for a file, which has no headers

The policy is the wall: in Chromium the iframe's `sandbox` alone lets 14 of 17 kinds of remote fetch out.
What is removed from the HTML is the second wall, for a browser that does not keep to the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from lxml import html as lxml_html

# Of the iframe.  Scripts and the page's own origin are never allowed, not even to measure the height.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
FILE_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
)
# Browsers heed frame-ancestors and sandbox in a header alone (CSP 3, §3.3).
POLICY = f"{FILE_POLICY}; frame-ancestors 'self'; sandbox {SANDBOX}"
# With images off, the alternative texts remain, as in a mail program that asks before it loads them.
POLICY_WITHOUT_IMAGES = POLICY.replace("img-src data:", "img-src 'none'")

_REMOVED = re.compile(r"base|iframe|noscript|script|template")
_UNWRAPPED = re.compile(r"applet|embed|frame|frameset|object|portal")  # what is in them is for want of them
_FETCHING = re.compile(
    r"\b(?:dns-prefetch|icon|modulepreload|preconnect|prefetch|preload|prerender|stylesheet)\b", re.IGNORECASE
)
_ATTRIBUTES = frozenset({"autofocus", "ping", "srcdoc", "target"})
_ADDRESSES = frozenset({"action", "formaction", "href", "src", "xlink:href"})
_FETCHED = frozenset({"background", "href", "poster", "src", "srcset", "xlink:href"})
_FETCHING_CSS = re.compile(
    r"(?P<rule>@import\b[^;]*;?)|(?:url|image-set)\(\s*(?![\"']?data:)(?:[^()\"']|\"[^\"]*\"|'[^']*')*\)",
    re.IGNORECASE,
)
_NO_PICTURE = "linear-gradient(transparent,transparent)"  # stands wherever a picture may
_WITHOUT_SOURCE = "img:not([src]){display:inline-block;outline:1px dashed #8a8f98;outline-offset:-1px}"
_RUNNING = re.compile(r"(?:java|vb|live)script:", re.IGNORECASE)
_BLANKS = re.compile(r"[\x00-\x20]+")  # a browser reads "java\nscript:" without them (URL Standard, §4.4)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")  # lxml refuses one in text
_DOCTYPE = re.compile(r"<!DOCTYPE[^<>]*>", re.IGNORECASE)
_NOTHING = "<html><head><title></title></head><body></body></html>"


def shown(html: str, *, policy: str = "", images: bool = True) -> str:
    """The HTML of a message without what acts by itself.

    It keeps the message's document type, or the lack of one, as this decides how boxes are measured.
    `policy` is written into the document as a Content-Security-Policy.  Images of other servers leave their
    alternative texts, without `images` the message's own do too.
    """
    root = _parsed(html)
    doctype = _DOCTYPE.fullmatch(root.getroottree().docinfo.doctype or "")
    # Parsers disagree on where a comment ends; what stands in one must not come to life.
    etree.strip_elements(root, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    for element in list(root.iter(etree.Element)):
        if _UNWRAPPED.fullmatch(_local(str(element.tag))):
            element.drop_tag()
        elif _acts(element):
            element.drop_tree()
        else:
            _tame(element, images)
    _head(root)[:0] = list(_own_elements(policy))
    text = etree.tostring(root, encoding="unicode", method="html", with_tail=False)
    return f"{doctype[0]}\n{text}" if doctype else str(text)


def _own_elements(policy: str) -> Iterator[etree._Element]:
    """A meta element rules what follows it: it comes first."""
    if policy:
        yield etree.Element("meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    yield etree.Element("base", target="_blank")
    style = etree.Element("style")
    style.text = _WITHOUT_SOURCE
    yield style


def _head(root: etree._Element) -> etree._Element:
    head = root.find("head")
    if head is None:
        head = etree.Element("head")
        root.insert(0, head)
    return head


def _parsed(html: str) -> lxml_html.HtmlElement:
    parser = lxml_html.HTMLParser(huge_tree=True, default_doctype=False)
    text = _DECLARATION.sub("", html.replace("\0", ""))
    try:
        return lxml_html.document_fromstring(text, parser=parser)
    except (etree.ParserError, ValueError):  # nothing in it but blanks or comments
        return lxml_html.document_fromstring(_NOTHING, parser=parser)


def _acts(element: etree._Element) -> bool:
    """True for elements that fetch, lead away or run by themselves."""
    tag = _local(str(element.tag))
    if tag == "meta":
        return (element.get("http-equiv") or "").strip().lower() in ("refresh", "content-security-policy")
    if tag == "link":
        return bool(_FETCHING.search(element.get("rel") or ""))
    return bool(_REMOVED.fullmatch(tag))


def _tame(element: etree._Element, images: bool) -> None:
    for name in list(_acting_attributes(element, images)):
        del element.attrib[name]
    if element.get("style"):
        element.set("style", _without_fetches(element.get("style") or ""))
    if _local(str(element.tag)) == "style" and element.text:
        element.text = _without_fetches(element.text)


def _acting_attributes(element: etree._Element, images: bool) -> Iterator[str]:
    is_link = _local(str(element.tag)) in ("a", "area")
    for given, value in element.attrib.items():
        name, address = _local(str(given)), _BLANKS.sub("", str(value))
        runs = name in _ADDRESSES and _RUNNING.match(address)
        fetches = name in _FETCHED and not is_link and not _is_own(address, images)
        if runs or fetches or name.startswith("on") or name in _ATTRIBUTES:
            yield str(given)


def _is_own(address: str, images: bool) -> bool:
    """True for what stands in the message itself."""
    return address.startswith("#") or (images and address[:5].lower() == "data:")


def _without_fetches(css: str) -> str:
    """CSS that fetches nothing: the policy would refuse it, and the browser's console fill with that."""
    return _FETCHING_CSS.sub(lambda found: "" if found["rule"] else _NO_PICTURE, css)


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()
