"""The page that compares two messages."""

from __future__ import annotations

from dataclasses import dataclass

from mailrunner.errors import RowError
from mailrunner.preview.comparison import Comparison
from mailrunner.preview.list_index import IndexedRow
from mailrunner.preview.live import PreviewState
from mailrunner.web.gallery.message_page import Look


@dataclass(frozen=True, slots=True)
class ComparedPage:
    """Two rows; `found` is None where one of them has no message, and `problem` says why."""

    left: IndexedRow
    right: IndexedRow
    found: Comparison | None = None
    problem: str = ""
    has_html: bool = False


def compare_page(state: PreviewState, look: Look) -> ComparedPage | None:
    """Compare the two rows that are looked at; None where there are no two."""
    preview = state.preview
    left, right = state.index.row(*look.row), state.index.row(*look.against)
    if left is None or right is None:
        return None
    try:
        messages = [preview.comparable(one.entry) for one in (left, right)]
    except RowError as error:
        return ComparedPage(left, right, problem=str(error))
    found = Comparison.of(preview.columns, (left.entry, messages[0]), (right.entry, messages[1]))
    return ComparedPage(left, right, found, has_html=messages[0].html_segments is not None)
