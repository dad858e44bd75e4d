"""Files that may change while their campaign is looked at, by what the system says of them.

Nothing is read and no library waits for events: a few dozen files are asked for twice a second, and only
while a page is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

Stamps = Mapping[Path, tuple[int, int, int] | None]
"""Of each file its time of change in ns, its octets and its number; None where there is no such file."""


def stamps(paths: Iterable[Path]) -> Stamps:
    """Ask the system for each file."""
    return {path: _stamp(path) for path in paths}


def differing(before: Stamps, now: Stamps) -> list[Path]:
    """The files that are not what they were; those that only one of both knows are left out."""
    return [path for path, stamp in now.items() if path in before and before[path] != stamp]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
