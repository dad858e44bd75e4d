"""The output of a report: stdout, or a file that is replaced as a whole or not at all."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from mailrunner.errors import Problem, UserError
from mailrunner.model.terminal_text import shown_on


@contextmanager
def text_to(file: Path | None) -> Iterator[TextIO]:
    """A stream of UTF-8 text to `file`, to stdout if it is None; line ends are written as they are."""
    if file is None:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a console may have another encoding and line ends
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield shown_on(sys.stdout)
        sys.stdout.flush()
        return
    with bytes_to(file) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        yield text
        text.detach()


@contextmanager
def bytes_to(file: Path) -> Iterator[BinaryIO]:
    """A stream that becomes `file` when all was written; until then an earlier file stays.

    Raises UserError where the file cannot be one, OSError where the disk fails.
    """
    target = file.resolve()  # what a link points to is replaced, not the link
    if target.is_dir():
        raise UserError(Problem("is a folder", str(file), hint=f"name a file in it: {file / 'report.csv'}"))
    if target.exists() and not target.is_file():  # /dev/stdout, a pipe: written to, never replaced
        with target.open("wb") as stream:
            yield stream
        return
    made = _beside(target, file)
    try:
        with os.fdopen(made[0], "wb") as stream:
            yield stream
        made[1].replace(target)
    except BaseException:
        made[1].unlink(missing_ok=True)
        raise


def _beside(target: Path, file: Path) -> tuple[int, Path]:
    """A new file in the folder of `target`, readable by this user alone, as it has addresses."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise UserError(
            Problem(
                f"cannot be written: {error.strerror}",
                str(file),
                hint="make the folder first"
                if not target.parent.exists()
                else "name a folder in which you may write",
            )
        ) from None
    return handle, Path(name)
