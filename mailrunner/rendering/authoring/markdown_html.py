"""The HTML of a Markdown document: elements without styles, which the frame gives them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from markdown_it.tree import SyntaxTreeNode

from mailrunner.rendering.authoring.jinja_marks import MarkedText
from mailrunner.rendering.authoring.statements import StatementPlaces

_WEB = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]]", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)
_TAGS = {"em": "em", "strong": "strong", "s": "del", "blockquote": "blockquote", "list_item": "li"}
_ROWS = frozenset({"thead", "tbody", "tr"})

LINK_FILTER = "link"
"""The filter of an address that is a row's value: it refuses what is none."""

ImageWidth = Callable[[str], int | None]
"""The width in pixels of an image of the project by its name, None where it is not known."""


class MarkdownPage:
    """Writes the tree of a document as HTML, with the words of Jinja in it."""

    def __init__(self, source: MarkedText, places: StatementPlaces, width: ImageWidth) -> None:
        self._source, self._places, self._width = source, places, width

    def html(self, root: SyntaxTreeNode) -> str:
        """The whole document."""
        return self._children(root)

    def _children(self, node: SyntaxTreeNode) -> str:
        """The children of a node, and between them the statements that stand there."""
        pieces: list[str] = []
        done = -1
        for child in node.children:
            if child.map:
                pieces += map(self._source.word, self._places.before(node, done, child.map[0]))
                done = max(done, child.map[0])
            pieces.append(self._node(child))
        pieces += map(self._source.word, self._places.before(node, done, 1 << 30))
        return "".join(pieces)

    def _node(self, node: SyntaxTreeNode) -> str:
        kind = node.type
        if method := getattr(self, f"_{kind}", None):
            return str(method(node))
        if kind in _TAGS or kind in _ROWS:
            tag = _TAGS.get(kind, kind)
            return f"<{tag}>{self._children(node)}</{tag}>" + ("" if kind in ("em", "strong", "s") else "\n")
        return self._children(node)

    def _paragraph(self, node: SyntaxTreeNode) -> str:
        if node.parent is not None and node.parent.type == "list_item" and node.hidden:
            return self._children(node)
        if (link := button(node)) is not None:
            href = self._address(str(link.attrs.get("href", "")))
            return BUTTON.format(href=href, label=self._children(link))
        return f"<p>{self._children(node)}</p>\n"

    def _heading(self, node: SyntaxTreeNode) -> str:
        return f"<{node.tag}>{self._children(node)}</{node.tag}>\n"

    def _bullet_list(self, node: SyntaxTreeNode) -> str:
        return f"<ul>\n{self._children(node)}</ul>\n"

    def _ordered_list(self, node: SyntaxTreeNode) -> str:
        start = node.attrs.get("start", 1)
        first = f' start="{start}"' if start != 1 else ""
        return f"<ol{first}>\n{self._children(node)}</ol>\n"

    def _table(self, node: SyntaxTreeNode) -> str:
        opening = '<table class="data" cellpadding="0" cellspacing="0" border="0">'
        return f"{opening}\n{self._children(node)}</table>\n"

    def _th(self, node: SyntaxTreeNode) -> str:
        return self._cell(node, "th")

    def _td(self, node: SyntaxTreeNode) -> str:
        return self._cell(node, "td")

    def _cell(self, node: SyntaxTreeNode, tag: str) -> str:
        style = str(node.attrs.get("style", ""))
        aligned = (
            f' align="{style.partition(":")[2]}"' if style.startswith("text-align:") else ' align="left"'
        )
        return f"<{tag}{aligned}>{self._children(node)}</{tag}>"

    def _hr(self, node: SyntaxTreeNode) -> str:
        return "<hr>\n"

    def _fence(self, node: SyntaxTreeNode) -> str:
        return f"<pre>{escape(node.content, quote=False)}</pre>\n"

    _code_block = _fence

    def _code_inline(self, node: SyntaxTreeNode) -> str:
        return f"<code>{escape(node.content, quote=False)}</code>"

    def _html_block(self, node: SyntaxTreeNode) -> str:
        return node.content

    _html_inline = _html_block

    def _softbreak(self, node: SyntaxTreeNode) -> str:
        return "\n"

    def _hardbreak(self, node: SyntaxTreeNode) -> str:
        return "<br>\n"

    def _text(self, node: SyntaxTreeNode) -> str:
        text = escape(node.content, quote=False)
        if _is_in_link(node):
            return text
        return _WEB.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text)

    def _link(self, node: SyntaxTreeNode) -> str:
        href = self._address(str(node.attrs.get("href", "")))
        return f'<a href="{href}">{self._children(node)}</a>'

    def _image(self, node: SyntaxTreeNode) -> str:
        source = str(node.attrs.get("src", ""))
        is_local = bool(source) and not _SCHEME.match(source) and not self._source.words.match(source)
        if is_local:
            source = f"cid:{source.removeprefix('./')}"
        width = self._width(source[4:]) if source.startswith("cid:") else None
        sized = f' width="{width}"' if width else ""
        return f'<img src="{escape(source)}" alt="{escape(node.content)}"{sized}>'

    def _address(self, href: str) -> str:
        """An address; one that begins with a value is looked at for each row."""
        found = self._source.words.match(href)
        if found:
            self._source.filter(int(found[1]), LINK_FILTER)
        return escape(href)


# A cell of a table: Word, which shows mail in Outlook, knows no padding of links.
BUTTON = (
    '<table role="presentation" class="button" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td class="button"><a class="button" href="{href}">{label}</a></td></tr></table>\n'
)


def button(paragraph: SyntaxTreeNode) -> SyntaxTreeNode | None:
    """The link of a paragraph that has nothing but a bold link, which is shown as a button."""
    node = paragraph
    for kind in ("inline", "strong", "link"):
        children = [one for one in node.children if one.type != "text" or one.content.strip()]
        if len(children) != 1 or children[0].type != kind:
            return None
        node = children[0]
    return node


def _is_in_link(node: SyntaxTreeNode) -> bool:
    above = node.parent
    while above is not None and above.type != "link":
        above = above.parent
    return above is not None
