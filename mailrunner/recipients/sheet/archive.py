"""The ZIP archive that a workbook is (.xlsx, .xlsm, .xlsb, .ods): whole, and of a size that can be held.

Readers of workbooks do not compare checksums, so a flipped bit would read as another address; and a file
of some kilobytes can hold gigabytes.  calamine makes room for all cells up to the last one, so that one stray
cell in the corner of a sheet would end the process.  An .xls is no archive and has no checksum; it
has room for 17 million cells at most.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from functools import reduce
from pathlib import Path

from mailrunner.errors import Problem, UserError

MOST_CELLS = 40_000_000  # of a sheet, empty ones before its last cell included
MOST_OCTETS = 1_000_000_000  # of all parts, unpacked: more than a full sheet of a million rows takes
_PIECE = 1 << 20
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_CELL = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""", re.IGNORECASE)
_LONGEST_PLACE = 40  # octets of what _CELL finds
_ANEW = "save it anew, or as CSV"
_DAMAGES = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError)


def require_whole(path: Path, label: str) -> None:
    """Raise UserError for an archive that is damaged, or too large unpacked; other files pass.

    Reads it once, in pieces.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(_unpacked(archive, part) for part in _parts(archive, label))
    except _DAMAGES as error:
        raise UserError(Problem(f"it is damaged: {error}", label, hint=_ANEW)) from None
    if not size:
        raise UserError(Problem("it is damaged: nothing is in it", label, hint=_ANEW))


def _parts(archive: zipfile.ZipFile, label: str) -> list[zipfile.ZipInfo]:
    parts = archive.infolist()
    if sum(part.file_size for part in parts) > MOST_OCTETS:
        raise UserError(Problem("it unpacks to more than 1 GB", label, hint="save its sheet as CSV"))
    return parts


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """The octets of a part; raises BadZipFile where its checksum is not that of what is there.

    No more is unpacked than the archive says, so its word on the sizes bounds them.
    """
    is_sheet = _SHEET.fullmatch(part.filename) is not None
    rows, columns, before = 0, set[bytes](), b""
    with archive.open(part) as content:
        while piece := content.read(_PIECE):
            if is_sheet:
                found = _CELL.findall(before + piece)
                before = piece[-_LONGEST_PLACE:]
                columns |= {column for column, _ in found}
                rows = max([rows, *(int(row) for _, row in found)])
    if rows * max(map(_column_number, columns), default=0) > MOST_CELLS:
        raise ValueError(f"one of its sheets has a cell in row {rows:,}, far from the others; remove it")
    return part.file_size


def _column_number(name: bytes) -> int:
    """ "A" is 1, "XFD" is 16,384."""
    return reduce(lambda number, sign: number * 26 + sign - 64, name.upper(), 0)
