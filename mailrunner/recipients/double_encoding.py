"""Cells whose UTF-8 was once read as another encoding and saved so: "JÃ¶rg" for "Jörg"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

# A lead byte of UTF-8 and one that follows it (RFC 3629 §3), as Windows' encoding of the West shows them.
_SUSPECT = re.compile("[ÂÃÄÅÈÐÑÎÏâãäåìíîï][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")


def double_encoding_remark(rows: Iterable[tuple[int, Sequence[str]]]) -> str:
    """A sentence on the first such cell of the rows, with what it should be; "" where there is none."""
    for number, cells in rows:
        for cell in cells:
            if not cell.isascii() and _SUSPECT.search(cell) and (meant := _meant(cell)):
                words = f'row {number} has "{cell[:40]}", which seems to be "{meant[:40]}"'
                return f"{words}: the list was saved in a wrong encoding before; export it again"
    return ""


def _meant(cell: str) -> str:
    for encoding in ("cp1252", "latin-1"):
        with suppress(UnicodeError):
            meant = cell.encode(encoding).decode()
            return "" if any(map(_is_rare, meant)) else meant
    return ""


def _is_rare(sign: str) -> bool:
    """Signs of phonetics and old African orthographies, which "É®" and its like give by chance."""
    return "\u0180" <= sign <= "\u0217" or "\u021c" <= sign <= "\u036f"
