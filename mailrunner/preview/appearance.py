"""A message in the colours and without the images that some mail programs show it with: simulated.

The frame has no script and keeps the colour scheme of the system, so that the sheets themselves are changed.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from mailrunner.rendering.lint import GMAIL_CLIPS

_SHEETS = re.compile(r"(<style\b[^>]*>)(.*?)(</style)", re.IGNORECASE | re.DOTALL)
_MEDIA = re.compile(r"""(\smedia\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width:0px)", "(max-width:0px)"
_INVERTED = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,video,svg{filter:invert(1) hue-rotate(180deg)}</style>"
)
_LINK = re.compile(rb"<a\s[^>]*href", re.IGNORECASE)
_LINKED = re.compile(r"<a\s[^>]*href[^>]*>(.*?)</a", re.IGNORECASE | re.DOTALL)
_UNREAD = re.compile(r"<(style|script|title)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")
_MOST_TEXT = 2_000  # characters of what is cut off


def in_scheme(html: str, scheme: str) -> str:
    """The HTML as a mail program in "dark" or "light" mode shows it, by the author's own media queries."""

    def decided(found: re.Match[str]) -> str:
        return _ALWAYS if found[1].lower() == scheme else _NEVER

    html = _SHEETS.sub(lambda found: found[1] + _SCHEME.sub(decided, found[2]) + found[3], html)
    return _MEDIA.sub(lambda found: found[1] + _SCHEME.sub(decided, found[2]), html)


def inverted(html: str) -> str:
    """The HTML with its colours turned round, its images as they are."""
    head, body, rest = html.partition("</head>")
    return head + _INVERTED + body + rest


class Weight(NamedTuple):
    """The octets of an HTML part against what Gmail shows of one.

    `behind` are the texts of the links that are cut off, of `links` in all; `text_behind` is what a reader
    would miss.
    """

    octets: int
    limit: int
    links: int
    behind: tuple[str, ...]
    text_behind: str

    @classmethod
    def of(cls, html: str) -> Weight:
        """The weight of HTML as it is sent."""
        octets = html.encode("utf-8", "replace")
        links = len(_LINK.findall(octets))
        if len(octets) <= GMAIL_CLIPS:
            return cls(len(octets), GMAIL_CLIPS, links, (), "")
        rest = _behind_tag(octets[GMAIL_CLIPS:])
        behind = [_SPACE.sub(" ", _TAG.sub("", found)).strip() for found in _LINKED.findall(rest)]
        text = _SPACE.sub(" ", _TAG.sub(" ", _UNREAD.sub(" ", rest))).strip()
        return cls(len(octets), GMAIL_CLIPS, links, tuple(map(unescape, behind)), unescape(text)[:_MOST_TEXT])


def clipped(html: str) -> str:
    """The HTML up to where Gmail cuts it."""
    return html.encode("utf-8", "replace")[:GMAIL_CLIPS].decode("utf-8", "ignore")


def _behind_tag(octets: bytes) -> str:
    """Text behind the cut, without the rest of a tag in which the cut may be."""
    text = octets.decode("utf-8", "ignore")
    end, start = text.find(">"), text.find("<")
    return text[end + 1 :] if end >= 0 and (start < 0 or end < start) else text
