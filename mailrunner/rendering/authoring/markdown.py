"""A Markdown file as the two templates of a message: HTML in a frame, and text.

Converted once.  Jinja's braces are words to the converter, so a value is never read as Markdown: a `*`, a tag
or a `[link](…)` in a cell stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.authoring import frame
from mailrunner.rendering.authoring.front_matter import FrontMatter
from mailrunner.rendering.authoring.jinja_marks import MarkedText, TemplateText, marked
from mailrunner.rendering.authoring.markdown_html import ImageWidth, MarkdownPage
from mailrunner.rendering.authoring.markdown_text import MarkdownText
from mailrunner.rendering.authoring.statements import StatementPlaces, taken_out

_TAG_OF_VALUE = re.compile(r"<(\{\{[^{}]*\}\})>")  # as a tag it would let a value write one
_NAMES_TEMPLATES = frozenset({"include", "import", "from", "call", "macro", "block"})
_VERBATIM = frozenset({"fence", "code_block", "html_block"})


class MarkdownTemplates(NamedTuple):
    """The templates of a Markdown file; `text` is None where it includes others, which are HTML."""

    html: TemplateText
    text: TemplateText | None


def converted(
    matter: FrontMatter, label: str, *, frame_name: str, can_unsubscribe: bool, width: ImageWidth
) -> MarkdownTemplates:
    """Make the templates; raises UserError with the lines of what cannot be converted.

    The HTML fills the blocks of the template `frame_name`.  `can_unsubscribe` is true where the message has
    a link to unsubscribe.
    """
    source = marked(_TAG_OF_VALUE.sub(r"[\1](\1)", matter.body))
    UserError.collect(_refused(source, label))
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    placed = taken_out(source, _verbatim(parser, source))
    root = SyntaxTreeNode(parser.parse("\n".join(placed.lines)))
    places = StatementPlaces(placed, root, source.marks, label)
    UserError.collect(places.problems)
    text = None
    if not any(mark.statement in _NAMES_TEMPLATES for mark in source.marks):
        body, lines = source.restored(MarkdownText(source, places).text(root).rstrip("\n") + "\n")
        footer = frame.text_footer(matter.values, can_unsubscribe=can_unsubscribe)
        text = TemplateText(body + footer, lines)
    content = MarkdownPage(source, places, width).html(root)
    return MarkdownTemplates(frame.filled(frame_name, matter, source.restored(content)), text)


def _refused(source: MarkedText, label: str) -> Iterator[Problem]:
    for mark in source.marks:
        if mark.statement == "extends":
            hint = 'write frame = "…" in the campaign file, a template with {% block content %}'
            yield Problem(f"line {mark.line}: Markdown extends no template", label, hint=hint)
    for found in source.words.finditer(source.text):
        if source.text[: found.start()].endswith(("<", "</")):
            line = source.marks[int(found[1])].line
            yield Problem(f"line {line}: a value cannot be the name of a tag", label, hint="write the tag")


def _verbatim(parser: MarkdownIt, source: MarkedText) -> frozenset[int]:
    """The lines that are code or HTML, in which nothing is a statement on a line of its own."""
    tokens = parser.parse(source.text)
    ranges = (range(*token.map) for token in tokens if token.type in _VERBATIM and token.map)
    return frozenset(line for lines in ranges for line in lines)
