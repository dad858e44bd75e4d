"""The reference: premailer with its faults corrected, step by step for each message.

`CorrectedPremailer` is a premailer whose CSS is read and weighed as browsers do it.  docs/inlining.md
lists where its result differs from plain premailer's and why; the quick ways give its result byte for byte.
Nothing is ever fetched: `@import` and remote sheets stay for the mail program to follow.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from mailrunner.errors import RowError
from mailrunner.rendering.inlining.attributes import legacy_pairs
from mailrunner.rendering.inlining.document import prepared, read, written
from mailrunner.rendering.inlining.styles import Basic, Styles
from mailrunner.rendering.inlining.stylesheet import declarations

# Elements of libxml2 are not for two threads at a time, nor is the memory of the quick ways.
one_at_a_time = threading.Lock()


class PremailerInliner:
    """Inlines the CSS of documents, one after the other."""

    def inline(self, html: str) -> str:
        """Return the document with its CSS inlined; fragments become documents.

        Raises RowError if nothing can be made of it.
        """
        html = prepared(html)
        with one_at_a_time:
            try:
                return str(corrected_premailer()(html).transform())
            except RowError:
                raise
            except Exception as error:
                raise RowError(f"the CSS of this message cannot be inlined: {error}") from error


@lru_cache(maxsize=1)
def corrected_premailer() -> Callable[[str], Any]:
    """Import premailer, and return what makes of a document something that can `transform()` it."""
    os.environ.setdefault("PREMAILER_CACHE", "LRU")
    import cssutils
    from premailer import Premailer

    cssutils.log.setLevel(logging.CRITICAL)  # of a value that it does not know it would print a line

    class CorrectedPremailer(Premailer):  # type: ignore[misc]
        """premailer with another way to read sheets, to find what wins and to derive attributes."""

        def transform(self) -> str:
            document = read(self.html)
            styles = Styles(document.sheets, self._style_to_basic_html_attributes)
            return written(document, styles, styles.matched(document.page, document.elements, document.tags))

        def _style_to_basic_html_attributes(
            self, element: Any, style_content: str, force: bool = True
        ) -> None:
            pairs = [(found.name, found.value) for found in declarations(style_content)]
            legacy = legacy_pairs(element.tag, element.sized, pairs)
            style = ";".join(f"{name}:{value}" for name, value in legacy)
            super()._style_to_basic_html_attributes(element, style, force=force)

    return CorrectedPremailer


def basic_attributes() -> Basic:
    """What writes premailer's attributes of a style into an element."""
    return corrected_premailer()("<p>")._style_to_basic_html_attributes  # type: ignore[no-any-return]
