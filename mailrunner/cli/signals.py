"""SIGINT (Ctrl-C), SIGTERM and SIGHUP, from the first moment of the process to its last.

`main` takes them once, before anything else is imported.  The effect of the first one depends on what is
going on:

    LOADING, DONE   it is noted; a command that begins later ends at once, an answer is printed whole
    RAISING         KeyboardInterrupt in the main thread, but in no import, which it would leave in halves
    an `_Ending`    its function brings what is going on to an end in order

Python calls a handler in the main thread between two steps, at any place.  So the handler does nothing but
raise: a lock or a stream that it used could be the very one that this thread holds.  All else is done by
a thread that waits for signals beside it.  That one also ends the process where the exception was lost or
the main thread waits inside a library, and at once when a second signal comes.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False  # `typing` itself is one of the slow imports that this module comes before
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import FrameType

_WANTED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SLICE, _MOMENT = 0.05, 0.005  # seconds; the shorter one while an import has to end
# Seconds for the last words on a busy machine; they may stand before a full pipe.
_FAREWELL = 20.0
_INTERRUPTED = 130  # exit_codes.Exit.INTERRUPTED, which must not be imported yet


class _Phase:
    """The effect of the first signal now; `grace` is how many seconds later the process ends in any case."""

    def __init__(self, grace: float | None = None) -> None:
        self.grace = grace


LOADING = _Phase()
RAISING = _Phase(grace=1.0)
LEAVING = _Phase(grace=20.0)
DONE = _Phase(grace=1.0)


class _Ending(_Phase):
    """Something that `stop` brings to an end in order; `first` and `second` are said after a signal."""

    def __init__(self, stop: Callable[[], None], first: str, second: str) -> None:
        super().__init__()
        self.stop, self.first, self.second = stop, first, second
        self.is_stopped = False


class Signals:
    """The signals of this process; without `take` (in tests) nothing is ever received."""

    def __init__(self) -> None:
        self.was_raised = False
        self.answer: Callable[[], None] = lambda: None  # prints the JSON object of the command, if it has one
        self._asked = self._again = self._is_leaving = False
        self._echoes = self._number = 0
        self._phase, self._since = LOADING, 0.0
        self.taken_at: float | None = None  # of `time.monotonic`; None where they were never taken

    def take(self) -> None:
        """Handle the signals from now on, but those that the parent has ignored (nohup)."""
        for number in _WANTED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)
        import socket
        import threading
        import time

        self.taken_at = time.monotonic()
        here, there = socket.socketpair()
        there.setblocking(False)
        signal.set_wakeup_fd(there.detach(), warn_on_full_buffer=False)
        sys.unraisablehook = self._unraisable
        threading.Thread(target=self._watch, args=(here,), name="signals", daemon=True).start()

    # -- What is going on

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within the block a signal is a KeyboardInterrupt, also one that came before it."""
        self.was_raised = False
        try:
            self._enter(RAISING)
            if self._asked:
                self.was_raised = True
                raise KeyboardInterrupt
            yield
        finally:
            is_due = self._again and self._phase is RAISING  # it waited for an import to end
            self._enter(DONE)
            if self._is_leaving:  # the exit code is its own, whatever became of the exception
                self._await_the_end()
            if is_due:
                self.was_raised = True
                raise KeyboardInterrupt

    @contextmanager
    def ending_by(
        self, stop: Callable[[], None], *, first: str = "", second: str = "stopped immediately"
    ) -> Iterator[None]:
        """Within the block the first signal calls `stop` (in another thread) and says `first`.

        The second one says `second` and ends the process.
        """
        before = self._phase
        self._enter(_Ending(stop, first, second))
        try:
            yield
        finally:
            self._enter(LEAVING if self._asked else before)

    def leaving(self) -> None:
        """The command was interrupted: its answer is made."""
        self._enter(LEAVING)

    def answering(self) -> None:
        """The answer is being printed: from now on a signal comes too late."""
        self._enter(DONE)

    @staticmethod
    def _await_the_end() -> None:
        import threading

        threading.Event().wait(_FAREWELL)

    def _enter(self, phase: _Phase) -> None:
        from time import monotonic

        self._phase, self._since = phase, monotonic()

    # -- In the main thread

    def _received(self, number: int, frame: FrameType | None) -> None:
        self._asked, self._number = True, number
        if self._phase is not RAISING or (self.was_raised and not self._again):
            return
        self._again = _is_importing(frame)
        if not self._again:
            self.was_raised = True
            raise KeyboardInterrupt

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Note that the exception struck where Python drops it (`__del__`, the callback of a weakref)."""
        if isinstance(lost.exc_value, KeyboardInterrupt):
            self._again = True
        else:
            sys.__unraisablehook__(lost)

    # -- In the thread beside it

    def _watch(self, wakeups: socket.socket) -> None:
        """Count signals and act on them; Python writes the number of each into `wakeups`."""
        from time import monotonic

        asked_at = 0.0
        while True:
            for number in self._arrived(wakeups):
                if number not in _WANTED:
                    continue
                if asked_at:
                    self._leave(getattr(self._phase, "second", "stopped immediately"), wakeups)
                asked_at, self._asked = monotonic(), True
                wakeups.settimeout(_SLICE)
            if asked_at:
                self._follow_up(asked_at, wakeups)

    def _arrived(self, wakeups: socket.socket) -> list[int]:
        """The numbers of signals that were sent by others."""
        try:
            if self._again:
                wakeups.settimeout(_MOMENT)
            numbers = list(wakeups.recv(64))
        except TimeoutError:
            return []
        ours = min(self._echoes, len(numbers))
        self._echoes -= ours
        return numbers[ours:]

    def _follow_up(self, asked_at: float, wakeups: socket.socket) -> None:
        """See to it that the first signal has its effect."""
        from time import monotonic

        phase = self._phase
        if isinstance(phase, _Ending):
            if not phase.is_stopped:
                phase.is_stopped = True
                phase.stop()
                _say(phase.first)
        elif phase.grace is not None and monotonic() - max(asked_at, self._since) > phase.grace:
            self._leave("interrupted", wakeups)
        elif self._again and phase is RAISING:
            import _thread

            self._echoes += 1
            _thread.interrupt_main(signal.Signals(self._number))

    def _leave(self, sentence: str, wakeups: socket.socket) -> None:
        """End the process, whatever its threads do or hold; a further signal cuts the last words short."""
        import threading
        from time import monotonic

        self._is_leaving = True
        last_words = threading.Thread(target=self._take_leave, args=(sentence,), daemon=True)
        last_words.start()
        until = monotonic() + _FAREWELL
        while last_words.is_alive() and monotonic() < until and not self._arrived(wakeups):
            continue  # `_arrived` waits for a slice of time
        os._exit(_INTERRUPTED)

    def _take_leave(self, sentence: str) -> None:
        _say(sentence, "mailrunner status shows the state of every campaign")
        with suppress(OSError):
            self.answer()
            sys.stdout.flush()


SIGNALS = Signals()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say(sentence: str, hint: str = "") -> None:
    from mailrunner.cli.output import complain

    if sentence:
        complain(sentence, hint)
