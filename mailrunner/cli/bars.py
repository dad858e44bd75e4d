"""Bars and sparklines for a terminal; the numbers that they draw stand in words before them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

_WIDE, _NARROW = 72, 40  # columns from which a line of 48 cells, or of 24, is drawn
_BLOCKS = ("▓▒░", " ▁▂▃▄▅▆▇█")
_ASCII = ("#x.", " .:-=+*%@")
_COLOURS = ("green", "red", "bright_black")
_NOTHING = Text()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing for stdout: `cells` is the length of a bar, 0 where nothing is drawn, as in a log."""

    cells: int
    is_ascii: bool

    @classmethod
    def of_stdout(cls) -> Drawing:
        """As stdout and the environment are now."""
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        cells = 48 if width >= _WIDE else 24 if width >= _NARROW else 0
        return cls(cells, is_ascii(sys.stdout.encoding, os.environ))

    def bar(self, done: int, other: int, whole: int) -> Text:
        """A bar of which `done` and then `other` of `whole` are filled; empty where nothing is drawn.

        It is full only where nothing is left; what is there at all has a cell.
        """
        if not self.cells or not whole:
            return _NOTHING
        filled = max(self._share(done + other, whole), (done > 0) + (other > 0))
        first = min(self._share(done, whole), filled - (other > 0))
        lengths = (first, filled - first, self.cells - filled)
        signs = _ASCII[0] if self.is_ascii else _BLOCKS[0]
        return Text.assemble(*((s * n, style) for s, n, style in zip(signs, lengths, _COLOURS, strict=True)))

    def sparkline(self, numbers: Sequence[int]) -> Text:
        """A cell for each number or, where there is less room, several; a blank for 0."""
        if not self.cells or not any(numbers):
            return _NOTHING
        together = -(-len(numbers) // self.cells)
        sums = [sum(numbers[at : at + together]) for at in range(0, len(numbers), together)]
        levels = _ASCII[1] if self.is_ascii else _BLOCKS[1]
        return Text("".join(levels[-(-(len(levels) - 1) * n // max(sums))] for n in sums), "cyan")

    def _share(self, part: int, whole: int) -> int:
        return min(max(self.cells * part // whole, part > 0), self.cells - (part < whole))


def is_ascii(encoding: str | None, environ: Mapping[str, str]) -> bool:
    """True where blocks cannot be shown: by the encoding, or because the locale is named C or POSIX.

    Python takes UTF-8 in that locale (PEP 538, PEP 540), which says nothing of what the terminal shows.
    """
    try:
        "".join(_BLOCKS).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    named = environ.get("LC_ALL") or environ.get("LC_CTYPE") or ""
    if named in ("", "C.UTF-8"):  # PEP 538 sets LC_CTYPE so, in the place of C
        named = environ.get("LC_ALL") or environ.get("LANG") or ""
    return named in ("C", "POSIX")
