"""Markup that libxml2 would repair away, carried past its parser and serialiser as it was written.

libxml2 builds the tree of HTML 4.  Browsers and mail programs read these in another way, and a message
has to reach them as its template was written:

- `<a><table>`, `<h1><p>`, `<b><p>` and their like: libxml2 closes the outer element first, and a link
  around a table is empty.  While it is parsed, such an outer element has a name that libxml2 does not know.
- `<![if !mso]>`: libxml2 drops it or writes a comment.  It travels as a comment of another form.
- `<div/>`: HTML has no such thing, the element stays open (HTML Standard, "Parse errors",
  non-void-html-element-start-tag-with-trailing-solidus); libxml2 closes it.
"""

from __future__ import annotations

import re
from typing import Any

_KEPT = "kept-"
_PHRASES = "b|i|u|s|big|small|tt|strike|font"
_HEADINGS = "h[1-6]"
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
)
_BLOCKS = frozenset(
    {"address", "blockquote", "center", "div", "dl", "fieldset", "form", "ol", "p", "table", "ul"}
)
# What libxml2 does not let stand in them, though HTML 5 does: found by comparing it with Chromium.
_IN_HEADINGS = frozenset({"fieldset", "form", "li", "p", "table"})
_CLOSED_BY = {
    "a": frozenset({"fieldset", "table"}),
    **dict.fromkeys(("b", "i", "font"), frozenset({"center", "p"})),
    **dict.fromkeys(("u", "s", "big", "small", "tt", "strike"), frozenset({"p"})),
    **{f"h{n}": _IN_HEADINGS for n in range(1, 7)},
}
# Elements of HTML that are not void; a slash at the end of any other, as in SVG, means what it says.
_SLASHED = (
    r"a|b|i|u|s|em|strong|font|big|small|tt|strike|center|span|div|h[1-6]|p|ul|ol|li|dl|dt|dd|blockquote|pre|"
    r"address|label|code|sup|sub|table|tbody|thead|tfoot|tr|td|th|form|section|article|header|footer|main|nav"
)
_IS_SLASHED = re.compile(_SLASHED, re.IGNORECASE)
# Whatever has none of these is given to the parser as it is.
_SUSPECT_SLASH = re.compile(rf"<(?:{_SLASHED})(?:\s[^<>]*)?\Z", re.IGNORECASE)
# Not what ends a comment for Outlook, `<![endif]-->`, which nearly every template has.
_SUSPECT_REVEAL = re.compile(r"<!\[(?:if\b[^\]>]*|endif)\]>", re.IGNORECASE)
_SUSPECT_NESTING = re.compile(
    rf"<(a|{_PHRASES}|{_HEADINGS})\b[^<]*+(?:<(?!/\1\b|(?:table|fieldset|p|center|li|form)\b)[^<]*+)*+"
    r"<(?:table|fieldset|p|center|li|form)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"<!--(?:.*?-->|.*)"
    r"|<(?P<raw>style|script|textarea|title|xmp)\b[^>]*>(?:.*?</(?P=raw)\s*>|.*)"
    r"|<!(?P<reveal>\[(?:if\b[^\]>]*|endif)\])>"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*)(?P<rest>(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>",
    re.IGNORECASE | re.DOTALL,
)
_REVEALED = re.compile(r"<!--kept:(\[[^\]>]*\])-->")


def protected(html: str) -> str:
    """Return a document for the parser, with all that it would repair spelled in another way."""
    if not _is_suspect(html):
        return html
    tokens = list(_TOKEN.finditer(html))
    renamed = _closed_too_early(tokens)
    pieces: list[str] = []
    place = 0
    for number, token in enumerate(tokens):
        spelled = _spelled(token, number in renamed)
        if spelled is not None:
            pieces += [html[place : token.start()], spelled]
            place = token.end()
    return "".join([*pieces, html[place:]])


def _is_suspect(html: str) -> bool:
    revealed = "<![" in html and _SUSPECT_REVEAL.search(html)
    return bool(revealed) or _is_slashed(html) or bool(_SUSPECT_NESTING.search(html))


def _is_slashed(html: str) -> bool:
    """True if an element that HTML leaves open ends its start tag with a slash."""
    before, place = 0, html.find("/>")
    while place >= 0:
        start = html.rfind("<", before, place)
        if start >= 0 and _SUSPECT_SLASH.match(html, start, place):
            return True
        before = place + 2
        place = html.find("/>", before)
    return False


def renamed_back(page: Any) -> None:
    """Give the elements of a parsed document their own names again."""
    for element in page.iter("{*}*"):
        if element.tag.startswith(_KEPT):
            element.tag = element.tag[len(_KEPT) :]


def was_renamed(html: str) -> bool:
    """True if a protected document has elements to be renamed."""
    return f"<{_KEPT}" in html


def restored(html: str) -> str:
    """Return the written document with the conditions that Outlook reads as they were."""
    return _REVEALED.sub(r"<!\1>", html) if "<!--kept:[" in html else html


def _spelled(token: re.Match[str], renamed: bool) -> str | None:
    """Another spelling of a token, None where it stays."""
    if token["reveal"]:
        return f"<!--kept:{token['reveal']}-->"
    if not token["name"]:
        return None
    rest = token["rest"]
    slashed = rest.endswith("/") and _IS_SLASHED.fullmatch(token["name"])
    if not (renamed or slashed):
        return None
    name = f"{_KEPT}{token['name'].lower()}" if renamed else token["name"]
    return f"<{token['end']}{name}{rest.removesuffix('/') if slashed else rest}>"


def _closed_too_early(tokens: list[re.Match[str]]) -> set[int]:
    """The numbers of the start and end tags of elements that libxml2 would close before their time."""
    renamed: set[int] = set()
    open_: list[tuple[str, int]] = []
    for number, token in enumerate(tokens):
        end, written = token.group("end", "name")
        name = written.lower() if written else ""
        if not name or name in _VOID:
            continue
        if end:
            if open_ and open_[-1][0] == name:  # by far the most
                if open_.pop()[1] in renamed:
                    renamed.add(number)
            else:
                _close(name, number, open_, renamed)
            continue
        if open_ and open_[-1][0] == "p" and name in _BLOCKS:
            open_.pop()
        if open_ and name in _CLOSED_BY.get(open_[-1][0], ()):
            renamed.add(open_[-1][1])
        open_.append((name, number))
    return renamed


def _close(name: str, number: int, open_: list[tuple[str, int]], renamed: set[int]) -> None:
    place = next((n for n in range(len(open_) - 1, -1, -1) if open_[n][0] == name), None)
    if place is None:
        return
    if open_[place][1] in renamed:
        renamed.add(number)
    del open_[place:]
