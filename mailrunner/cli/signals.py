"""SIGINT (Ctrl-C) and SIGTERM: every handler that mailrunner installs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.output import complain

Handler = Callable[[int, FrameType | None], Any]


def terminate_as_interrupt() -> None:
    """Make SIGTERM the same as Ctrl-C: KeyboardInterrupt wherever the program is."""
    signal.signal(signal.SIGTERM, _interrupt)


@contextmanager
def setting(stop: threading.Event) -> Iterator[None]:
    """Within the block both signals set `stop`: whatever is being recorded is finished first."""
    with _handled_by(lambda _number, _frame: stop.set()):
        yield


class GracefulStop:
    """Ends a run in order: the first signal finishes its messages in flight, the second leaves them in doubt.

    The handler only takes note: an exception raised wherever the program happens to be could strike
    inside a library's own clean-up.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._asked = False

    def __enter__(self) -> Self:
        self._handlers = _handled_by(self._received)
        self._handlers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._handlers.__exit__(None, None, None)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal came while no message was in flight yet."""
        if self._asked:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block, while a question stands on the terminal, a signal is an answer to it."""
        self.check()
        with _handled_by(_interrupt):
            yield

    def finish_by(self, stop: Callable[[], None]) -> None:
        """From now on messages are in flight; `stop` finishes them."""
        self._stop = stop
        if self._asked:
            stop()

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            in_flight = "the messages in flight are now in doubt" if self._stop else "nothing was sent"
            complain(f"stopped immediately; {in_flight}", "mailrunner status shows the campaign's state")
            sys.stderr.flush()
            os._exit(Exit.INTERRUPTED)
        self._asked = True
        if self._stop is None:
            complain("stopping; press Ctrl-C again to stop immediately")
        else:
            complain("finishing the messages in flight; press Ctrl-C again to leave them in doubt")
            self._stop()


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    """Within the block `handler` takes both signals; without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
