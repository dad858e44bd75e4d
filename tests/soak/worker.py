"""One command in a forked process of its own, under a clock turned by hand."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mailrunner.cli import app, commands
from mailrunner.cli.context import CommandContext
from mailrunner.sending import loop
from mailrunner.sending.run import Callbacks

_RUNNER = CliRunner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command on the project in `folder`, at the instant `now` of a clock that is `ahead` of the true one.

    `elapsed` is shared: the seconds that the command has waited.  It kills itself at the `nth` time that
    `step` of the sending loop is done; an empty `step` lets it live.
    """

    folder: Path
    words: tuple[str, ...]
    now: datetime
    elapsed: Any
    ahead: timedelta = timedelta(0)
    batch: int = 10
    step: str = ""
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, its exit code, and the exception that it let through, as text."""

    code: int
    stdout: str = ""
    stderr: str = ""
    fault: str = ""


class _Clock:
    """Waiting turns it at once, for the process that gave the order too."""

    def __init__(self, start: datetime, elapsed: Any) -> None:
        self._start, self._elapsed = start, elapsed

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed.value)

    def wait(self, wake: threading.Event, until: datetime) -> bool:
        if not wake.is_set():
            with self._elapsed.get_lock():
                self._elapsed.value += max(0.0, (until - self.now()).total_seconds())
        return wake.is_set()


def obey(order: Order, answer: Connection) -> None:
    """Carry out the command and send back its `Answer`."""
    clock = _Clock(order.now + order.ahead, order.elapsed)
    setattr(app, "CommandContext", partial(CommandContext, clock=clock))  # noqa: B010 - a name of its own
    loop.BATCH = order.batch
    defaults = Callbacks.__init__.__kwdefaults__ or {}
    defaults["on_step"] = _fatal(order)
    result = _RUNNER.invoke(commands(), [*order.words, "--project", str(order.folder)])
    fault = (
        "" if result.exception is None or isinstance(result.exception, SystemExit) else repr(result.exception)
    )
    answer.send(Answer(result.exit_code, result.stdout, result.stderr, fault))


def _fatal(order: Order) -> Callable[[str], None]:
    reached = count(1)

    def on_step(step: str) -> None:
        if step == order.step and next(reached) == order.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step
