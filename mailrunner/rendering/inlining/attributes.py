"""HTML attributes beside the style attribute, for Outlook's Word engine: `width`, `bgcolor`, `align`, ….

The mapping is premailer's.  Left out is what would change the look in a browser or means nothing there
(HTML Standard, section 15, "Rendering"): a value that is no legacy value, `align` where it moves the
element itself, the second side of an image, which would set its aspect ratio.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

LEGACY = frozenset({"background-color", "height", "text-align", "vertical-align", "width"})
"""The properties whose values may become attributes."""

_LENGTH = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:px|%)?|0", re.IGNORECASE)
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_ALIGN = frozenset({"left", "right", "center", "justify"})
_VALIGN = frozenset({"top", "middle", "bottom", "baseline"})
# Where `align` is about the text inside; on tables, images and rules it is about the element.
_TEXT_INSIDE = frozenset(
    {"div", "h1", "h2", "h3", "h4", "h5", "h6", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_RATIO = frozenset({"canvas", "img", "input", "video"})


def legacy_pairs(tag: str, sized: bool, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The declarations of an element that become attributes, in their order.

    `sized` says that the template itself gives the element a width or height.
    """
    return [pair for pair in pairs if _is_legacy(tag, sized, *pair)]


def _is_legacy(tag: str, sized: bool, name: str, value: str) -> bool:
    value = value.lower()
    if name == "text-align":
        return tag in _TEXT_INSIDE and value in _ALIGN
    if name == "vertical-align":
        return value in _VALIGN
    if name == "background-color":
        return bool(_HEX.fullmatch(value)) or _is_named_colour(value)
    if name in ("width", "height"):
        return bool(_LENGTH.fullmatch(value)) and not (tag in _RATIO and (sized or name == "height"))
    return False


@lru_cache(maxsize=512)
def _is_named_colour(value: str) -> bool:
    """True for the names of CSS Color 3 §4.3; of other words HTML makes some color ("inherit")."""
    from tinycss2.color3 import RGBA, parse_color

    colour = parse_color(value) if value.isalpha() else None
    return isinstance(colour, RGBA) and colour.alpha == 1
