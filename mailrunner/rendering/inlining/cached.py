"""The corrected premailer, with a cache for all that does not depend on the text.

Promise: `CachedInliner.inline` gives what `PremailerInliner.inline` gives, byte for byte or error for
error, in a fraction of the time.  Parser, serialiser and rules are the same; what the sheets say is read
once.  Whatever raises is given to the reference itself.  The caller compares samples with it all the same.
"""

from __future__ import annotations

from mailrunner.rendering.inlining.cascade import Cascade
from mailrunner.rendering.inlining.document import Document, prepared, read, written
from mailrunner.rendering.inlining.premailer import PremailerInliner, basic_attributes, one_at_a_time
from mailrunner.rendering.inlining.styles import Basic, Rules, Sheets

_SHEETS = 64


class CachedInliner:
    """The corrected premailer with a memory; `premailer` is asked where something fails."""

    def __init__(self, premailer: PremailerInliner) -> None:
        self._premailer = premailer
        self._basic: Basic | None = None
        self._cascades: dict[Sheets, Cascade] = {}

    def inline(self, html: str) -> str:
        """Return the document with its CSS inlined; raise RowError as the reference does."""
        html = prepared(html)
        try:
            with one_at_a_time:
                document = read(html)
                cascade = self.cascade(document.sheets)
                return written(document, cascade, matches(document, cascade))
        except Exception:  # the reference says what is wrong
            return self._premailer.inline(html)

    def cascade(self, sheets: Sheets) -> Cascade:
        """The rules of these sheets; the lock is held by the caller."""
        known = self._cascades.get(sheets)
        if known is None:
            if len(self._cascades) >= _SHEETS:
                del self._cascades[next(iter(self._cascades))]
            self._basic = self._basic or basic_attributes()
            known = self._cascades[sheets] = Cascade(sheets, self._basic)
        return known


def matches(document: Document, cascade: Cascade) -> list[Rules]:
    """The rules that apply to each element of a document."""
    return cascade.matched(document.page, document.elements, document.tags)
