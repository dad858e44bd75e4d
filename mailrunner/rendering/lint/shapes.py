"""Remarks on pages, made once for a shape, so that a million messages cost no more than a few."""

from __future__ import annotations

from mailrunner.rendering.lint.page import page_remarks
from mailrunner.rendering.lint.remark import Remark
from mailrunner.rendering.mime import Message

_SHAPES = 64  # of pages, whose remarks are kept


class ShapeRemarks:
    """Remarks on pages, made once for a shape: messages of one shape share the fixed pieces of their HTML."""

    def __init__(self, outline: str) -> None:
        """`outline` is the text of the templates, without any row's values."""
        self._outline = outline
        self._known: dict[tuple[str, ...], tuple[Remark, ...]] = {}

    def remarks(self, message: Message) -> tuple[Remark, ...]:
        """The remarks on a message's page; where every row has a page of its own, on the first of them."""
        if message.html_segments is None:
            return ()
        fixed = message.html_segments.statics
        if fixed not in self._known:
            if len(self._known) >= _SHAPES:
                return ()
            self._known[fixed] = tuple(page_remarks(message.html or "", message.text, self._outline))
        return self._known[fixed]
