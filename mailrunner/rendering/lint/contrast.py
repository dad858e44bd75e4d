"""Texts that are hard to read: the contrast of their colors where a message states both of them.

The figures are those of WCAG 2.2, 1.4.3: 4.5 for texts, 3 for large ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mailrunner.rendering.colors import contrast
from mailrunner.rendering.lint.remark import Remark

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LEAST, _LEAST_LARGE = 4.5, 3.0
_LARGE = 24  # CSS pixels; 18.66 where it is bold
_SIZE = re.compile(r"(?:^|[\s;/:])([0-9.]+)px")
_DEEPEST = 200  # elements inside each other


class _Look(NamedTuple):
    color: str = ""
    background: str = ""
    size: float = 16
    is_hidden: bool = False


def contrast_remarks(html: str) -> Iterator[Remark]:
    """Look at a page whose styles stand in its elements."""
    from lxml.etree import ParserError
    from lxml.html import document_fromstring

    try:
        page = document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", html))
    except (ParserError, ValueError):
        return
    yield from _of(page, _Look(), 0)


def _of(element: HtmlElement, outer: _Look, depth: int) -> Iterator[Remark]:
    if not isinstance(element.tag, str) or element.tag in ("head", "style", "script") or depth > _DEEPEST:
        return
    look = _look(element, outer)
    if look.is_hidden:
        return
    texts = [element.text, *(child.tail for child in element)]
    shown = " ".join(" ".join(text.split()) for text in texts if text and text.strip())
    if shown and look.color and look.background:
        found = contrast(look.color, look.background)
        if found < (_LEAST_LARGE if look.size >= _LARGE else _LEAST):
            detail = f"“{shown[:40]}”: {look.color} on {look.background}, {found:.1f} : 1"
            yield Remark("a text is hard to read: its colors are too much alike", detail)
    for child in element:
        yield from _of(child, look, depth + 1)


def _look(element: HtmlElement, outer: _Look) -> _Look:
    rules = {
        name.strip(): value.strip()
        for name, _, value in (
            part.partition(":") for part in (element.get("style") or "").lower().split(";")
        )
    }
    background = rules.get("background-color") or rules.get("background") or element.get("bgcolor") or ""
    size = _SIZE.search(rules.get("font-size") or rules.get("font") or "")
    hides = (
        "display:none" in (element.get("style") or "").replace(" ", "").lower() or "hidden" in element.attrib
    )
    is_picture = "url(" in background or bool(element.get("background"))
    return _Look(
        color=_hex(rules.get("color") or element.get("color") or "") or outer.color,
        background="" if is_picture else _hex(background.split(" ")[0]) or outer.background,
        size=float(size[1]) if size else outer.size,
        is_hidden=hides,
    )


def _hex(color: str) -> str:
    """A color as `#rrggbb`; "" for what is none, or shows what is behind it."""
    from tinycss2.color3 import parse_color

    read = parse_color(color.replace("!important", "").strip()) if color else None
    if read is None or isinstance(read, str) or read.alpha < 1:
        return ""
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in (read.red, read.green, read.blue))
