"""Looks at the share of complaints beside a command that takes inbound events in until it is ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mailrunner.errors import MailrunnerError
from mailrunner.sending.hooks.delivery import Hooks
from mailrunner.sending.hooks.watch import tell_complaints
from mailrunner.store import Ledger

_REST = 60.0  # seconds between two looks, each of which counts whole campaigns


class ComplaintWatch:
    """Tells hooks of complaints in a thread of its own, from here to the end of the block.

    `hooks` makes those of one look, which is over when they are told, so that a failure is said then;
    `say` gets a sentence where the ledger could not be read.
    """

    def __init__(self, ledger: Ledger, hooks: Callable[[], Hooks], say: Callable[[str], None]) -> None:
        self._ledger, self._hooks, self._say = ledger, hooks, say
        self._is_due = False
        self._woken, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="complaints", daemon=True)

    def complained(self) -> None:
        """A complaint was recorded; returns at once, from any thread."""
        self._is_due = True
        self._woken.set()

    def _watch(self) -> None:
        while not self._ending.is_set():
            self._woken.wait()
            self._woken.clear()
            self._look()
            self._ending.wait(_REST)
        self._look()  # at what came while it rested

    def _look(self) -> None:
        if not self._is_due:
            return
        self._is_due = False
        try:
            with self._hooks() as hooks:
                tell_complaints(self._ledger, hooks)
        except MailrunnerError as error:
            self._say(f"the share of complaints could not be counted: {error}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look at what was not looked at yet, then end."""
        self._ending.set()
        self._woken.set()
        self._thread.join()
