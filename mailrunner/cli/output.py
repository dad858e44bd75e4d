"""Text for the terminal: errors on stderr, local times, and nothing that could steer a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from mailrunner.model.terminal_text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console

    from mailrunner.errors import Problem

_NARROWEST = 40  # columns


def wrapped(text: str, stream: TextIO) -> str:
    """The text for a stream: on a terminal its lines end between words, and go on below their beginning.

    Words that are longer than a line, such as addresses, stay whole; a terminal that is not wide enough for
    anything, and everything that is no terminal, gets the text as it is.
    """
    width = shutil.get_terminal_size().columns if stream.isatty() else 0
    if width < _NARROWEST:
        return text
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    if len(line) < width:
        return line
    indent = len(line) - len(line.lstrip(" "))
    return textwrap.fill(
        line,
        width - 1,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
        expand_tabs=False,
    )


def encodable(text: str, stream: TextIO) -> str:
    """The text with an escape for each character that the stream's encoding lacks."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def complain(sentence: str, hint: str = "") -> None:
    """Print an error and the next step on stderr, also under --quiet."""
    said = printable(f"mailrunner: {one_line(sentence)}\n")
    said += printable(f"  → {one_line(hint)}\n") if hint else ""
    said = wrapped(said, sys.stderr)
    with suppress(OSError):  # the terminal is closed, which is no reason to end otherwise
        sys.stderr.write(said)


def ask_of_user(sentence: str) -> None:
    """Print on stderr what the user has to do for the command to go on, also under --quiet."""
    sys.stderr.write(printable(f"{sentence}\n"))
    sys.stderr.flush()


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
