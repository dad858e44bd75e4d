"""Text for the terminal: errors on stderr, local times, and nothing that could steer a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailrunner.model.terminal_text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from mailrunner.errors import Problem


def complain(sentence: str, hint: str = "") -> None:
    """Print an error and the next step on stderr, also under --quiet."""
    said = printable(f"mailrunner: {sentence}\n") + (printable(f"  → {hint}\n") if hint else "")
    with suppress(OSError):  # the terminal is closed, which is no reason to end otherwise
        sys.stderr.write(said)


def show_problems(problems: Iterable[Problem]) -> None:
    """Print each problem, its place first and the next step below."""
    for problem in problems:
        place = ": ".join(part for part in (problem.file, problem.key) if part)
        complain(f"{place}: {problem.message}" if place else problem.message, problem.hint)


def local(moment: datetime | None) -> str:
    """An instant in the user's own time zone."""
    if moment is None:
        return "at an unknown time"
    return moment.astimezone().strftime("%a %d %b %Y %H:%M")


@contextmanager
def progress_bar(console: Console, description: str, total: int | None = None) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere and under --quiet.

    Yields a function that takes `completed`, `total` or `advance`, in units of the bar.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = console.is_terminal and not console.quiet
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(description, total=total)
        yield lambda **changes: bar.update(task, **changes)
