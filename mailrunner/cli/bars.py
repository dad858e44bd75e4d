"""Bars for a terminal, behind the number that they draw."""

from __future__ import annotations

import sys

_CELLS = 30
_FULL, _EMPTY = "▓", "░"


def bar(part: int, whole: int, *, encoding: str | None) -> str:
    """Thirty cells of which `part` of `whole` are full, in ASCII where the encoding has no others.

    It is full only where nothing is left, and empty only where nothing was done.
    """
    filled = _CELLS * part // whole if whole else 0
    filled = max(filled, 1) if part else 0
    try:
        (_FULL + _EMPTY).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#" * filled + "." * (_CELLS - filled)
    return _FULL * filled + _EMPTY * (_CELLS - filled)


def terminal_bar(part: int, whole: int) -> str:
    """The share and its bar; "" where stdout is no terminal, as in a log, or there is nothing to draw."""
    if not whole or not sys.stdout.isatty():
        return ""
    return f"{100 * part // whole:>3} % {bar(part, whole, encoding=sys.stdout.encoding)}"
