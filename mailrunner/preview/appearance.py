"""A message in the colours and without the images that some mail programs show it with: simulated.

The frame has no script and keeps the colour scheme of the system, so that the sheets themselves are changed.
"""

from __future__ import annotations

import re
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
    """The octets of an HTML part against what Gmail shows of one; `links_behind` of `links` are cut off."""

    octets: int
    limit: int
    links: int
    links_behind: int

    @classmethod
    def of(cls, html: str) -> Weight:
        """The weight of HTML as it is sent."""
        octets = html.encode("utf-8", "replace")
        links = [found.start() for found in _LINK.finditer(octets)]
        return cls(len(octets), GMAIL_CLIPS, len(links), sum(1 for place in links if place >= GMAIL_CLIPS))
