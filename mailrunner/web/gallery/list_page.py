"""The list beside a message: its rows, how far it is read, kinds of message, findings of all."""

from __future__ import annotations

from dataclasses import dataclass

from mailrunner.preview.list_index import PAGE, IndexedRow
from mailrunner.preview.live import PreviewState
from mailrunner.preview.rendering_pass import FoundKind, MessageKind
from mailrunner.web.gallery.message_page import Look


@dataclass(frozen=True, slots=True)
class ListProgress:
    """The progress of reading the list and rendering it; `incoming` counts a new list, or is None."""

    read: int
    usable: int
    rendered: int
    failed: int
    problems: int
    is_read: bool
    is_done: bool
    error: str
    incoming: int | None

    @classmethod
    def of(cls, state: PreviewState) -> ListProgress:
        """The progress of what is shown."""
        index, rendering, incoming = state.index, state.rendering, state.incoming
        return cls(
            read=index.rows,
            usable=index.usable,
            rendered=rendering.rendered,
            failed=rendering.failed,
            problems=index.problems + rendering.failed,
            is_read=index.is_read.is_set(),
            is_done=rendering.is_done,
            error=index.error or rendering.error,
            incoming=None if incoming is None else incoming.rows,
        )


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list; `next` is the place from which the next one goes on, 0 where this is the last."""

    progress: ListProgress
    rows: list[IndexedRow]
    next: int
    kinds: list[MessageKind]
    found: list[FoundKind]


def list_page(state: PreviewState, look: Look) -> ListPage:
    """The page of the list that is looked at."""
    show = look.chosen["show"]
    rows = state.index.find(look.find, show=show, after=look.after, finding=look.finding)
    found = sorted(state.rendering.found.copy().values(), key=lambda each: -each.count)
    last = rows[-1].place if len(rows) >= PAGE else 0
    return ListPage(ListProgress.of(state), rows, last, state.rendering.kinds, found)
