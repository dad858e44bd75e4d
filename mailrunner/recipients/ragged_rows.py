"""Rows of delimited text that have more or fewer cells than the heading: left out by name, or refused.

A shifted row would send one recipient's name to another, so none is sent to.  Where few are so, each is left
out with its reason; where most are, or other rows may be hidden in one, the file is read wrongly.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted

_NAMED = 5  # how many an error names
_MOST = 1_000  # of more, the file is refused
_LONG = "a cell with the delimiter in it needs quotation marks"
_SHORT = (
    "a cell with a line break in it needs quotation marks; where the program leaves empty cells "
    "at the end out, save the list as .xlsx"
)


class RaggedRows:
    """The ragged rows of one reading of a file, whose heading names `width` columns.

    `left_out` takes the reason of each by its number; where it is None, every such row is an error.
    """

    def __init__(self, label: str, width: int, left_out: MutableMapping[int, str] | None) -> None:
        self._label, self._width, self._left_out = label, width, left_out
        self._found: list[tuple[int, int]] = []
        self._swallows = False

    @property
    def are_enough(self) -> bool:
        """True where more of them would change nothing: the file is refused."""
        most = _NAMED if self._left_out is None else _MOST
        return len(self._found) >= most or self._swallows

    def take(self, number: int, cells: Sequence[str]) -> tuple[str, ...]:
        """Note a row; returns as many cells as there are columns, those too many together in the last."""
        self._found.append((number, len(cells)))
        # A quotation mark out of its place: what stands in the cell may be other recipients' rows.
        self._swallows = self._swallows or any("\n" in cell or "\r" in cell for cell in cells)
        if self._left_out is not None:
            hint = _SHORT if len(cells) < self._width else _LONG
            self._left_out[number] = f"{self._message(len(cells))}: {hint}"
        kept = [*cells[: self._width - 1], ", ".join(cells[self._width - 1 :])]
        return (*kept, *[""] * (self._width - len(kept)))

    def refuse(self, read: int) -> None:
        """After `read` rows in all: raise UserError, with the first of them, where they are not left out."""
        if self._left_out is None or self.are_enough or len(self._found) * 2 > read:
            UserError.collect(self._problem(*one) for one in self._found[:_NAMED])

    def _problem(self, number: int, found: int) -> Problem:
        return Problem(
            self._message(found),
            self._label,
            f"line {number}",
            _SHORT if found < self._width else _LONG,
        )

    def _message(self, found: int) -> str:
        return f"it has {counted(found, 'cell')}, but the header names {counted(self._width, 'column')}"
