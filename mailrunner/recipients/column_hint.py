"""The hint for a list that lacks the column which is said to hold the addresses."""

from __future__ import annotations

import re
from contextlib import suppress

from mailrunner.errors import UserError
from mailrunner.recipients.source import Row, Source

_ADDRESS = re.compile(r"[^\s@<>]@[^\s@<>]+\.\w")
_NO_NAMES = 'its first row holds addresses and no names of columns: put a row above it, such as "email,name"'


def address_hint(source: Source, wanted: str, near: str) -> str:
    """The next step of a user whose list has no column `wanted`; "" where its content tells nothing more.

    `near` is the hint that names the column which resembles it, or "".
    """
    columns = source.columns
    if any(map(_ADDRESS.search, columns)):
        return _NO_NAMES
    if len(columns) == 1 and (sign := _delimiter_in(columns[0], wanted)):
        return f"its columns seem to be parted by {sign}: set delimiter in [recipients]"
    column = _column_of_addresses(source)
    if f'"{column}"' in near:
        return ""
    return f'the addresses stand in "{column}": email = "{column}"' if column else source.elsewhere()


def _delimiter_in(name: str, wanted: str) -> str:
    """The sign beside `wanted` in a heading that was read as one name, as it is written in the file."""
    found = re.search(rf"(?:^|[^\w\s.@-])\s*{re.escape(wanted)}\s*([^\w\s.@-])", name) or re.search(
        rf"([^\w\s.@-])\s*{re.escape(wanted)}\s*$", name
    )
    return f'"{found[1]}"' if found else ""


def _column_of_addresses(source: Source) -> str:
    """The column with most addresses among the first rows; "" where none has any."""
    rows: list[Row] = []
    with suppress(UserError):  # a damaged row is told of when the list is read
        rows = source.sample()
    counts = [
        sum(1 for _, cells in rows if _ADDRESS.search(cells[place])) for place in range(len(source.columns))
    ]
    most = max(counts, default=0)
    return source.columns[counts.index(most)] if most else ""
