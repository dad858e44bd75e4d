"""Remarks on what all messages of one shape have in common: looked at once for a shape."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailrunner.rendering.lint.contrast import contrast_remarks
from mailrunner.rendering.lint.placeholders import placeholder_remarks
from mailrunner.rendering.lint.remark import Remark

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"<img\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_SIZED = re.compile(r"\bwidth\s*[=:]", re.IGNORECASE)
_SHEET = re.compile(r"<link\b[^>]*\brel\s*=\s*[\"']?stylesheet[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]*)", re.IGNORECASE)
_SOURCE = re.compile(r"\bsrc\s*=\s*[\"']?([^\"'\s>]*)", re.IGNORECASE)
_BORING = re.compile(
    r"\W*(?:view (?:this|it|in|online)|having trouble|(?:newsletter )?im browser|webversion|web version|"
    r"falls (?:sie|dieser)|wenn (?:sie|dieser)|voir (?:en ligne|dans)|ver en|visualizza|https?:)",
    re.IGNORECASE,
)


def page_remarks(html: str, text: str, fixed: str) -> Iterator[Remark]:
    """Look at one message of a shape; `fixed` is the text of its templates, without any row's values."""
    page = _COMMENT.sub("", html)
    yield from placeholder_remarks(fixed)
    yield from _sheets(page)
    yield from _images(page)
    yield from contrast_remarks(html)
    if _BORING.match(text):
        sentence = "mailboxes show the first words beside the subject; a preheader would say more"
        yield Remark(sentence, text.strip().partition("\n")[0][:60])


def _sheets(page: str) -> Iterator[Remark]:
    for found in _SHEET.finditer(page):
        href = _HREF.search(found[0])
        yield Remark("a style sheet is a file, which mail programs do not load", href[1] if href else "")


def _images(page: str) -> Iterator[Remark]:
    for found in _IMAGE.finditer(page):
        if not _SIZED.search(found[1]):
            source = _SOURCE.search(found[1])
            sentence = "an image has no width: Outlook shows it in its full size"
            yield Remark(sentence, source[1] if source else "")
