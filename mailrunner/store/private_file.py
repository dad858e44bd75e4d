"""Files that name recipients: only their owner reads them, whatever the umask, also if they were there.

On Windows a file has the rights of its folder, and modes are ignored.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MODE = 0o600
FOLDER_MODE = 0o700


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: a new file is private, and so becomes one that was there.

    A pipe or a device stays as it is, and so does another user's file.
    """
    descriptor = os.open(path, flags, MODE)
    if Path(path).is_file():
        make_private(path)
    return descriptor


def make_private(path: Path | str, mode: int = MODE) -> None:
    """Take the rights of all other users from a file or folder of this user."""
    with suppress(OSError):  # another user's: they decide
        Path(path).chmod(mode)


def write(path: Path, octets: bytes) -> None:
    """Write a whole file."""
    with open(path, "wb", opener=opener) as stream:
        stream.write(octets)


def make_folder(path: Path) -> None:
    """Make a folder, with those above it; one that was there keeps its rights."""
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
    path.mkdir(exist_ok=True)  # raises where it is a file
