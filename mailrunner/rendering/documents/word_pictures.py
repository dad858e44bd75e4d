"""The size that Word gave a picture, which mammoth does not read: carried to it in the alternative text.

A drawing says it as `wp:extent` in EMU, of which 9525 are a pixel of CSS (ECMA-376 Part 1 §20.4.2.7), less
what is cropped (`a:srcRect`, in thousandths of a percent, §20.1.8.55).
"""

from __future__ import annotations

import re

from lxml import etree

_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_EMU = 9525  # a pixel: 914400 an inch, of which CSS has 96 pixels
_WHOLE = 100_000
_MARK = "\ue000"  # of private use: in no text
_MARKED = re.compile(f"{_MARK}(\\d+){_MARK}(.*)", re.DOTALL)


def with_widths(root: etree._Element) -> None:
    """Write the width of each picture in front of its alternative text."""
    for drawing in root.iter(f"{_WP}inline", f"{_WP}anchor"):
        _mark(drawing.find(f"{_WP}docPr"), _drawn_width(drawing))


def width_and_text(text: str) -> tuple[int, str]:
    """The width in pixels, 0 where none was said, and the alternative text as the document has it."""
    found = _MARKED.fullmatch(text)
    return (int(found[1]), found[2]) if found else (0, text)


def _mark(element: etree._Element | None, width: float) -> None:
    """Mark the first of the attributes that holds text, which is the one that is read."""
    if element is None or not 1 <= width < 100_000:
        return
    name = "descr" if element.get("descr", "").strip() or not element.get("title") else "title"
    element.set(name, f"{_MARK}{round(width)}{_MARK}{element.get(name, '')}")


def _drawn_width(drawing: etree._Element) -> float:
    """Pixels of the whole picture; 0 where the document says none."""
    extent = drawing.find(f"{_WP}extent")
    shown = _number(extent, "cx") / _EMU
    crop = next(drawing.iter(f"{_A}srcRect"), None)
    left = _WHOLE - _number(crop, "l") - _number(crop, "r")
    return shown * _WHOLE / left if left > 0 else shown


def _number(element: etree._Element | None, name: str) -> int:
    value = "" if element is None else element.get(name, "")
    return int(value) if re.fullmatch(r"-?\d{1,12}", value) else 0
