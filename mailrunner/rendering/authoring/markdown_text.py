"""The text part of a Markdown document: the Markdown itself, tidied for readers who know none of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it.tree import SyntaxTreeNode

from mailrunner.rendering.authoring.jinja_marks import MarkedText
from mailrunner.rendering.authoring.statements import StatementPlaces

_TAG = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_UNDERLINES = {"h1": "=", "h2": "-"}
_LONGEST = 72


class MarkdownText:
    """Writes the tree of a document as text, with the words of Jinja in it."""

    def __init__(self, source: MarkedText, places: StatementPlaces) -> None:
        self._source, self._places = source, places

    def text(self, root: SyntaxTreeNode) -> str:
        """The whole document, its paragraphs apart by an empty line."""
        return self._blocks(root)

    def _blocks(self, node: SyntaxTreeNode, gap: str = "\n") -> str:
        """The children of a container, each ending its line, with `gap` between two of them.

        The gap belongs to the child before it, so that what a statement leaves out leaves no gap.
        """
        pieces: list[str] = []
        done = -1
        for child in node.children:
            if child.map:
                pieces += map(self._statement, self._places.before(node, done, child.map[0]))
                done = max(done, child.map[0])
            if text := self._block(child):
                pieces += (text, "" if self._ends_in_statement(text) else "\n", gap)
        pieces += map(self._statement, self._places.before(node, done, 1 << 30))
        return "".join(pieces)

    def _statement(self, number: int) -> str:
        return self._source.word(number)

    def _ends_in_statement(self, text: str) -> bool:
        """True if the last line is a statement, which leaves none in the text."""
        last = text.rpartition("\n")[2]
        return "\n" in text and not self._source.words.sub("", last) and self._is_statement(last)

    def _is_statement(self, words: str) -> bool:
        return all(self._source.marks[int(n)].statement for n in self._source.words.findall(words))

    def _block(self, node: SyntaxTreeNode) -> str:
        written: dict[str, Callable[[SyntaxTreeNode], str]] = {
            "heading": self._heading,
            "bullet_list": self._list,
            "ordered_list": self._list,
            "blockquote": lambda quote: self._indented(self._blocks(quote), "> ", "> "),
            "table": self._table,
            "hr": lambda _: "-" * 32,
            "fence": self._code,
            "code_block": self._code,
            "html_block": lambda block: _TAG.sub("", _BREAK.sub("\n", block.content)).strip(),
        }
        return written.get(node.type, self._inline)(node)

    def _code(self, node: SyntaxTreeNode) -> str:
        return self._indented(node.content, "    ", "    ")

    def _heading(self, node: SyntaxTreeNode) -> str:
        text = self._inline(node)
        if node.tag not in _UNDERLINES:
            return text
        width = len(self._source.words.sub("x" * 12, text))
        return f"{text}\n{_UNDERLINES[node.tag] * min(width, _LONGEST)}"

    def _list(self, node: SyntaxTreeNode) -> str:
        number = int(node.attrs.get("start", 1))
        pieces: list[str] = []
        done = -1
        for item in node.children:
            start = item.map[0] if item.map else done
            pieces += map(self._statement, self._places.before(node, done, start))
            done = max(done, start)
            bullet = "- " if node.type == "bullet_list" else f"{number}. "
            number += 1
            pieces += (self._indented(self._blocks(item, ""), bullet, " " * len(bullet)), "\n")
        pieces += map(self._statement, self._places.before(node, done, 1 << 30))
        return "".join(pieces).rstrip("\n")

    def _table(self, table: SyntaxTreeNode) -> str:
        pieces: list[str] = []
        for part in table.children:
            done = -1
            for row in part.children:
                start = row.map[0] if row.map else done
                pieces += map(self._statement, self._places.before(part, done, start))
                done = max(done, start)
                pieces += ("  |  ".join(self._inline(cell) for cell in row.children).rstrip(), "\n")
            pieces += map(self._statement, self._places.before(part, done, 1 << 30))
        return "".join(pieces).rstrip("\n")

    def _indented(self, text: str, first: str, others: str) -> str:
        lines = text.rstrip("\n").split("\n")
        return "\n".join((first if n == 0 else others) + line for n, line in enumerate(lines)).rstrip()

    def _inline(self, node: SyntaxTreeNode) -> str:
        if not node.children:
            return self._leaf(node)
        if node.type == "link":
            return self._link(node)
        if node.type == "image":
            return f"[{node.content}]"
        inside = "".join(map(self._inline, node.children))
        match node.type:
            case "strong":
                only_link = len(node.children) == 1 and node.children[0].type == "link"
                return inside if only_link else f"*{inside}*"
            case "em":
                return f"_{inside}_"
        return inside

    def _leaf(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "softbreak" | "hardbreak":
                return "\n"
            case "html_inline":
                return "\n" if _BREAK.fullmatch(node.content) else ""
            case "text" | "code_inline":
                return node.content
        return ""

    def _link(self, node: SyntaxTreeNode) -> str:
        label = "".join(map(self._inline, node.children))
        href = str(node.attrs.get("href", ""))
        address = href.removeprefix("mailto:") if "?" not in href else href
        same = self._spelled(label) in (self._spelled(href), self._spelled(address))
        return label if same or not href else f"{label} ({address})"

    def _spelled(self, text: str) -> str:
        return self._source.words.sub(lambda word: self._source.marks[int(word[1])].text, text)
