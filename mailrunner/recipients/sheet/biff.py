"""The records of an .xls ([MS-XLS]): sheets have the size that they say, and cells lie within it.

calamine makes room for what the record of a sheet's size says, so that one flipped bit there asks for
hundreds of gigabytes and ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

_ROWS, _COLUMNS = 65_536, 256  # [MS-XLS] §2.2.1
_SIZE = 0x0200  # Dimensions (§2.4.90); its form in BIFF8, and that of older files
_SIZE_FORMS = {14: "<IIHH", 10: "<HHHH"}
# Formula, MulRk, MulBlank, LabelSst, Blank, Number, Label, BoolErr, RK: row and column come first.
_CELLS = frozenset((0x0006, 0x00BD, 0x00BE, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E))


def require_possible_cells(stream: bytes) -> None:
    """Raise ValueError where a sheet in the workbook's stream has a size or a cell that none can have."""
    for kind, start, length in _records(stream):
        if kind == _SIZE and length in _SIZE_FORMS:
            first_row, end_row, first_column, end_column = unpack_from(_SIZE_FORMS[length], stream, start)
            if not (first_row <= end_row <= _ROWS and first_column <= end_column <= _COLUMNS):
                raise ValueError("one of its sheets has an impossible size")
        elif kind in _CELLS and length >= 4:
            _, column = unpack_from("<HH", stream, start)
            if column >= _COLUMNS:
                raise ValueError(f"one of its sheets has a cell in column {column + 1:,}")


def _records(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Each record: its kind, where its content begins, how long that is."""
    place = 0
    while place + 4 <= len(stream):
        kind, length = unpack_from("<HH", stream, place)
        yield kind, place + 4, min(length, len(stream) - place - 4)
        place += 4 + length
