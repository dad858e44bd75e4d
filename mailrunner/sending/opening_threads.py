"""The threads that open connections beside the send loop.

Nothing waits for them: what `open` waits for (a name server, a TCP handshake, a greeting) cannot be cut
short from outside, so a thread of which the outcome is not wanted any more is left behind, and ends with
the process at the latest.  `ThreadPoolExecutor` joins its threads before the process may end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OpeningThreads(Executor):
    """Calls each function in a thread of its own, `most` of them at the same time."""

    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin it; the future never blocks the end of the process."""
        future: Future[T] = Future()

        def work() -> None:
            with self._places:
                if not future.set_running_or_notify_cancel():
                    return
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=work, name="opening", daemon=True).start()
        return future

    def finish(self, functions: Sequence[Callable[[], Any]], seconds: float) -> None:
        """Call all of them at once; those that take longer than `seconds` are left behind."""
        wait([self.submit(function) for function in functions], timeout=seconds)
