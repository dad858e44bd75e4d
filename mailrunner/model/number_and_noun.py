"""Numbers before a noun, as they are read on the screen and on pages."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """The number with its thousands and its noun: "1 row", "0 rows", "1,200 rows".

    `one` is what stands behind 1, which may go on with a verb ("row is"); `several` what stands behind every
    other number, `one` with an "s" where it is not given.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
