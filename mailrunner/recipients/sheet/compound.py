"""The compound file that an .xls is ([MS-CFB]): every chain of sectors comes to an end.

calamine follows a chain without counting, so a damaged one that leads back to itself fills all memory and
ends the process.  Here the chains are followed beforehand, in the numbers alone; then the records of the
workbook are looked at (`biff`).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.sheet.biff import require_possible_cells

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] §2.2
_LARGEST = 1_000_000_000  # octets; an .xls holds 65,536 rows
_SPECIAL, _END = 0xFFFFFFFA, 0xFFFFFFFE  # §2.1: from here on a number names no sector; the end of a chain
_IN_HEADER = 109  # sectors of the table that the header itself names
_ENTRY = 128  # octets of an entry of the directory (§2.6)
_STREAM, _ROOT = 2, 5  # types of entries
_SHORT = 64  # octets of a sector for streams that are short (§2.2)
_WORKBOOKS = ("workbook", "book")  # [MS-XLS] §2.1.7.20; before Excel 97


def require_sound(path: Path, label: str) -> None:
    """Raise UserError for a compound file whose chains do not end or whose cells cannot be; others pass."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it has more than 1 GB")
        _follow_all(path.read_bytes())
    except (ValueError, IndexError, struct.error) as error:
        hint = "open it in a spreadsheet program and save it as .xlsx"
        raise UserError(Problem(f"it is damaged: {error}", label, hint=hint)) from None


@dataclass(frozen=True, slots=True)
class _Sectors:
    octets: bytes
    size: int

    def content(self, number: int) -> bytes:
        """The octets of a sector; a ValueError where the file ends before it does."""
        start = (number + 1) * self.size
        self.require(number)
        if start + self.size > len(self.octets):
            raise ValueError("it ends in the middle of its directory")
        return self.octets[start : start + self.size]

    def require(self, number: int) -> None:
        """A ValueError where the file does not have this sector; its last may be short."""
        if number >= _SPECIAL or (number + 1) * self.size >= len(self.octets):
            raise ValueError("it names a part that it does not have")

    def piece(self, number: int) -> bytes:
        """The octets of a sector, which may be short where the file ends."""
        self.require(number)
        return self.octets[(number + 1) * self.size : (number + 2) * self.size]

    def numbers(self, number: int) -> array[int]:
        content = self.content(number)
        return array("I", unpack_from(f"<{len(content) // 4}I", content))


def _follow_all(octets: bytes) -> None:
    shift, short_shift = unpack_from("<HH", octets, 30)
    if shift not in (9, 12) or short_shift != 6:
        raise ValueError("its sectors have an odd size")
    sectors = _Sectors(octets, 1 << shift)
    table = array("I", [])
    for number in _table_sectors(sectors):
        table += sectors.numbers(number)
    directory, least, short_table = unpack_from("<I4xII", octets, 48)
    short = array("I", [])
    for number in _chain(short_table, table):
        short += sectors.numbers(number)
    shared = b""  # the octets of all short streams, which are the root's
    for name, kind, start, length in _entries(sectors, _chain(directory, table)):
        is_short = kind == _STREAM and length < least
        if is_short:
            pieces = [shared[_SHORT * each : _SHORT * (each + 1)] for each in _chain(start, short)]
        else:
            pieces = [sectors.piece(each) for each in _chain(start, table)]
        if kind == _ROOT:
            shared = b"".join(pieces)
        elif name in _WORKBOOKS:
            require_possible_cells(b"".join(pieces)[:length])


def _entries(sectors: _Sectors, directory: Iterator[int]) -> Iterator[tuple[str, int, int, int]]:
    """The streams that are not empty: name, type, first sector, octets."""
    for number in directory:
        content = sectors.content(number)
        for place in range(0, len(content) - _ENTRY + 1, _ENTRY):
            kind, start, length = unpack_from("<66xB49xII", content, place)
            if kind in (_STREAM, _ROOT) and length:
                name = content[place : place + 64].decode("utf-16-le", "replace").partition("\0")[0]
                yield name.casefold(), kind, start, length


def _table_sectors(sectors: _Sectors) -> Iterator[int]:
    """The sectors of the table of chains: those that the header names, then those in a chain of their own."""
    named: Sequence[int] = unpack_from(f"<{_IN_HEADER}I", sectors.octets, 76)
    further, left = unpack_from("<II", sectors.octets, 68)
    while True:
        yield from (number for number in named if number < _SPECIAL)
        if further >= _SPECIAL:
            return
        left -= 1
        if left < 0:
            raise ValueError("a chain of its parts does not end")
        *named, further = sectors.numbers(further)


def _chain(start: int, table: Sequence[int]) -> Iterator[int]:
    """The sectors of a chain, from its first on; a ValueError where it has no end, or none that is one."""
    left = len(table)
    while start < _SPECIAL:
        if left == 0:
            raise ValueError("a chain of its parts does not end")
        left -= 1
        yield start
        start = table[start]
    if start != _END:
        raise ValueError("a chain of its parts ends nowhere")
