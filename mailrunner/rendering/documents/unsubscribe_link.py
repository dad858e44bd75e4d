"""The link to unsubscribe in a document: its address as text becomes a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from mailrunner.rendering.documents.markup import MarkupPiece

_PLACEHOLDER = re.compile(r"\{\{\s*unsubscribe_url\s*\}\}")


class UnsubscribeLinks:
    """Makes links of such texts, `word` to be read; `made` counts them."""

    def __init__(self, word: str) -> None:
        self._link = f'<a href="{{{{ unsubscribe_url }}}}">{escape(word)}</a>'
        self.made = 0

    def in_texts(self, pieces: Iterable[MarkupPiece]) -> Iterator[MarkupPiece]:
        """The pieces with the links; a text that is a link already stays."""
        is_link = False
        for piece in pieces:
            if piece.kind == "tag" and piece.name == "a":
                is_link = not piece.text.startswith("</")
            if piece.kind == "text" and not is_link:
                text, number = _PLACEHOLDER.subn(lambda _: self._link, piece.text)
                self.made += number
                yield piece._replace(text=text)
            else:
                yield piece
