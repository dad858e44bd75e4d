"""Panics of calamine's Rust: what they print is kept off the screen.

Rust's hook writes message and backtrace to file descriptor 2 before the panic becomes an exception, and
cannot be asked not to.  So that descriptor leads to a file meanwhile, and whatever else was written to it
follows on the screen afterwards.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()
# The default hook of Rust's std::panicking: a line of its own, the message, and, where the environment asks
# for it, the frames.  Only the first panic of a process has the note on how to ask.
_PANIC = re.compile(
    rb"\n?thread '[^\n]*panicked at [^\n]*\n[^\n]*\n"
    rb"(?:(?:(?!thread ')[^\n]*\n){0,20}?(?:stack backtrace:\n(?:[ \t]+[^\n]*\n)*|(?=note: )))?"
    rb"(?:note: [^\n]*\n)?"
)


@contextmanager
def panics_unseen() -> Iterator[None]:
    """Let nothing of a panic inside reach stderr; the rest that is written there comes at the end."""
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as kept:
        try:
            screen = os.dup(_STDERR)
        except OSError:  # the process has none
            yield
            return
        sys.stderr.flush()
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, _STDERR)
            os.close(screen)
            kept.seek(0)
            _write_all(_PANIC.sub(b"", kept.read()))


def _write_all(octets: bytes) -> None:
    while octets:
        octets = octets[os.write(_STDERR, octets) :]
