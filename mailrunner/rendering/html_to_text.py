"""The text part, made from the HTML where the campaign names no text template.

It has what a reader would see: hidden parts are left out, a link is "text (address)", nothing is wrapped.
A row of a table is a line, its cells two blanks apart; where a cell has several lines, the cells of
the row stand below each other.

The layout depends on which texts there are and never on how long they are, so that what was laid out
once can be filled with other values (`text_plans`).  Each question about the wording itself, which
only links give rise to, is asked of a `Judge`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_SHOWN = ("http:", "https:", "mailto:")
_MAILTO = len("mailto:")
_XML = re.compile(r"^\s*<\?xml[^>]*\?>")  # libxml2 takes text with an XML declaration for an error
_LENGTH = re.compile(r"(-?[0-9]*\.?[0-9]+)\s*([a-z]*)")
# Filler behind a preheader, which keeps a mailbox from showing what follows: `&zwnj;&nbsp;` many times.
# It begins with such a character: a search from every blank would take the square of their number.
_FILLING = "[\u034f\u200b-\u200d\u2060\ufeff\u00ad]"
_FILLER = re.compile(f"{_FILLING}(?:[ \t\r\n\u00a0\u2007]*{_FILLING}){{2,}}")
_NUMBER = re.compile(r"\s*[-+\u2212]?[0-9]+\s*")
_SPACER = 4  # pixels: an image that is no larger shows nothing
_INDENT = 4
_BULLETS = ("* ", "+ ", "o ", "- ")
_HIDDEN = frozenset({"head", "link", "meta", "script", "style", "template", "title"})
_SPACED = frozenset({"dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "p"})
_KEPT = frozenset({"listing", "plaintext", "pre", "xmp"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dt"}
    | {"fieldset", "figcaption", "footer", "form", "header", "hgroup", "hr", "html", "li", "main", "nav"}
    | {"ol", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", *_SPACED, *_KEPT}
)


class Shown(Enum):
    """The part of a link's address that stands behind its text."""

    NOTHING = 1
    ADDRESS = 2
    MAILBOX = 3


Judge = Callable[[str, str], Shown]
"""Says what is shown of an address (`href`) behind a label."""


def judge(href: str, label: str) -> Shown:
    """Show the address of a web page or mailbox, unless the label is the address."""
    address = href.strip()
    if not address.lower().startswith(_SHOWN):
        return Shown.NOTHING
    # With a subject (an unsubscribe token, say) only the whole address does what the link does.
    is_mailbox = address[:_MAILTO].lower() == "mailto:" and "?" not in address
    if label == address or (is_mailbox and address[_MAILTO:] in (label, "")):
        return Shown.NOTHING
    return Shown.MAILBOX if is_mailbox else Shown.ADDRESS


def text_from_html(html: str) -> str:
    """Return what a reader would see of a document, or "" if that is nothing; lines end with LF."""
    return lay_out(html, judge).text


class TextPage(NamedTuple):
    """A document as text; `keeps_blanks` if somewhere in it blanks and line breaks are kept (<pre>)."""

    text: str
    keeps_blanks: bool


def lay_out(html: str, judge: Judge) -> TextPage:
    """As `text_from_html`, with any judge of what is shown of links."""
    from lxml.etree import ParserError
    from lxml.html import document_fromstring

    try:
        document = document_fromstring(_XML.sub("", html))
    except ParserError:  # nothing in it
        return TextPage("", False)
    flow, reader = _Flow(), _Reader(judge)
    reader.element(document, flow, pre=False)
    flow.block()
    return TextPage("".join(f"{line}\n" for line in flow.lines), reader.keeps_blanks)


class _Flow:
    """Lines below each other.  A blank line stands only between two texts, and never two of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.starts_apart = False  # wants a blank line in front
        self.indent = 0
        self.bullet = ""
        self.ends_apart = False  # wants one before the next text
        self._line = ""
        self._line_apart = False  # the line wants one in front
        self._blank = False  # a blank is due before the next word

    def write(self, text: str) -> None:
        """Go on with the line; blanks of any kind and number are one."""
        words = text.split()
        if not words:
            self._blank = self._blank or bool(text)
            return
        self._blank = self._blank or text[0].isspace()
        self.put(" ".join(words))
        self._blank = text[-1].isspace()

    def write_kept(self, text: str) -> None:
        """Go on with text whose blanks and line breaks are kept."""
        first, *others = text.replace("\r\n", "\n").split("\n")
        self.put(first)
        for line in others:
            self.end_line()
            self.put(line)

    def put(self, text: str) -> None:
        """Go on with text as it stands."""
        if not text:
            return
        if self._line:
            self._line += f" {text}" if self._blank else text
        else:
            self._line = self.bullet.rjust(self.indent) + text
            self._line_apart, self.bullet, self.ends_apart = self.ends_apart, "", False
        self._blank = False

    def end_line(self) -> None:
        """As <br>: end the line, or leave one blank."""
        if self._line:
            self.block()
        else:
            self.ends_apart = True

    def block(self, *, apart: bool = False) -> None:
        """End the line if there is one; `apart` leaves a blank line before what comes next."""
        if self._line.strip():
            self._end(self._line.rstrip())
        elif self._line:
            self.ends_apart = self.ends_apart or self._line_apart
        self._line, self._blank = "", False
        self.ends_apart = self.ends_apart or apart

    def append(self, other: _Flow) -> None:
        """Take over the lines of another flow."""
        self.block(apart=other.starts_apart)
        for line in other.lines:
            if line:
                self.put(line)
            self.end_line()
        self.block(apart=other.ends_apart)

    def _end(self, line: str) -> None:
        if not self.lines:
            self.starts_apart = self._line_apart
        elif self._line_apart:
            self.lines.append("")
        self.lines.append(line)


class _Layout(NamedTuple):
    """The layout of an element: not at all, as a block, with a blank line before or after it."""

    hidden: bool
    block: bool
    before: bool
    after: bool
    pre: bool

    @classmethod
    def of(cls, element: HtmlElement, pre: bool) -> _Layout:
        tag = element.tag
        block, spaced = tag in _BLOCKS, tag in _SPACED
        style = element.get("style")
        is_hidden = tag in _HIDDEN or "hidden" in element.attrib
        if not style:
            return cls(is_hidden, block, spaced, spaced, pre or tag in _KEPT)
        rules = dict(_rules(style.lower()))
        display, space = rules.get("display"), rules.get("white-space", "")
        return cls(
            hidden=is_hidden or _conceals(rules),
            block=block if display is None else not display.startswith("inline"),
            before=_is_space(rules.get("margin-top"), spaced),
            after=_is_space(rules.get("margin-bottom"), spaced),
            pre=space.startswith("pre") or ((pre or tag in _KEPT) and space not in ("normal", "nowrap")),
        )


class _Reader:
    """Walks through a document and writes it into a flow."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.keeps_blanks = False
        self._lists: list[int | None] = []  # the next number, or None where there are bullets

    def element(self, element: HtmlElement, flow: _Flow, *, pre: bool) -> None:
        """Write an element, without what follows it."""
        tag = element.tag
        if not isinstance(tag, str):  # a comment
            return
        layout = _Layout.of(element, pre)
        if layout.hidden:
            return
        if tag == "br":
            flow.end_line()
        elif tag == "img":
            self._image(element, flow)
        elif tag == "tr":
            self._row(element, flow, layout)
        elif tag in ("ol", "ul"):
            self._list(element, flow, layout)
        elif layout.block:
            flow.block(apart=layout.before)
            if tag == "li":
                flow.bullet = self._bullet(element)
            self._inside(element, flow, layout.pre)
            flow.block(apart=layout.after)
        else:
            self._inside(element, flow, layout.pre)

    def _inside(self, element: HtmlElement, flow: _Flow, pre: bool) -> None:
        quote = '"' if element.tag == "q" else ""
        if element.tag == "sup" and _NUMBER.fullmatch(element.text_content()):
            flow.put("^")  # 10 to the power of 2 is not 102
        flow.put(quote)
        self._text(element.text, flow, pre)
        for child in element:
            self.element(child, flow, pre=pre)
            self._text(child.tail, flow, pre)
        if element.tag == "a":
            self._address(element, flow)
        flow.put(quote)

    def _image(self, image: HtmlElement, flow: _Flow) -> None:
        """Write what stands for a picture; one in a link without a text is the link's label already."""
        alt = " ".join((image.get("alt") or "").split())
        sizes = [_number(image.get(side), _SPACER + 1) for side in ("width", "height")]
        is_ornament = image.get("role") in ("presentation", "none") or image.get("aria-hidden") == "true"
        if alt and not is_ornament and min(sizes) > _SPACER and not self._is_label(image):
            flow.write(f"[{alt}]")

    def _is_label(self, image: HtmlElement) -> bool:
        link = next(image.iterancestors("a"), None)
        return link is not None and bool(link.get("href")) and not link.text_content().split()

    def _text(self, text: str | None, flow: _Flow, pre: bool) -> None:
        if text and pre:
            self.keeps_blanks = True
            flow.write_kept(text)
        elif text:
            flow.write(_FILLER.sub(" ", text))

    def _address(self, link: HtmlElement, flow: _Flow) -> None:
        """Write the address after the link's text, or after the names of its pictures."""
        href = link.get("href")
        if not href:
            return
        text = link.text_content().split()
        label = " ".join(text or " ".join(link.xpath(".//img/@alt")).split())
        shown = self._judge(href, label)
        if shown is Shown.NOTHING:
            return
        address = href.strip()[_MAILTO if shown is Shown.MAILBOX else 0 :]
        flow.write(f" ({address})" if text else f" {label} ({address})")

    def _list(self, element: HtmlElement, flow: _Flow, layout: _Layout) -> None:
        self._lists.append(_number(element.get("start"), 1) if element.tag == "ol" else None)
        flow.block(apart=layout.before)
        flow.indent += _INDENT
        self._inside(element, flow, layout.pre)
        flow.block(apart=layout.after)
        flow.indent -= _INDENT
        self._lists.pop()

    def _bullet(self, item: HtmlElement) -> str:
        if not self._lists:
            return _BULLETS[0]
        number = self._lists[-1]
        if number is None:
            return _BULLETS[(len(self._lists) - 1) % len(_BULLETS)]
        number = _number(item.get("value"), number)
        self._lists[-1] = number + 1
        return f"{number}. "

    def _row(self, row: HtmlElement, flow: _Flow, layout: _Layout) -> None:
        flow.block(apart=layout.before)
        cells = [cell for cell in self._cells(row, flow, layout.pre) if cell.lines]
        if len(cells) > 1 and all(len(cell.lines) == 1 for cell in cells):
            flow.block(apart=any(cell.starts_apart for cell in cells))
            flow.put("  ".join(cell.lines[0] for cell in cells))
            flow.block(apart=any(cell.ends_apart for cell in cells))
        else:
            for cell in cells:
                flow.append(cell)
        flow.block(apart=layout.after)

    def _cells(self, row: HtmlElement, flow: _Flow, pre: bool) -> Iterator[_Flow]:
        for child in row:
            cell = _Flow() if child.tag in ("td", "th") else flow
            self.element(child, cell, pre=pre)
            if cell is not flow:
                cell.block()
                yield cell


def _conceals(rules: Mapping[str, str]) -> bool:
    """True if an element is not seen: as preheaders are hidden, and what is for some programs alone."""
    return (
        rules.get("display") == "none"
        or rules.get("visibility") in ("hidden", "collapse")
        or rules.get("mso-hide") == "all"
        or _is_nothing(rules, "max-height")
        or _is_nothing(rules, "opacity")
        or (
            rules.get("overflow") == "hidden"
            and any(_is_nothing(rules, side) for side in ("height", "width"))
        )
        or ("font-size" in rules and _is_zero(rules["font-size"]) and "line-height" in rules)
    )


def _is_nothing(rules: Mapping[str, str], name: str) -> bool:
    return name in rules and _is_zero(rules[name])


def _is_zero(length: str) -> bool:
    found = _LENGTH.match(length)
    return found is not None and float(found[1]) == 0


def _rules(style: str) -> Iterator[tuple[str, str]]:
    for declaration in style.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            yield name.strip(), value.replace("!important", "").strip()


def _is_space(length: str | None, default: bool) -> bool:
    """True if a margin is worth a blank line: half a line of 16 pixels."""
    found = _LENGTH.match(length or "")
    if not found:
        return default
    return float(found[1]) > (0.5 if found[2] in ("em", "rem") else 4)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else default
