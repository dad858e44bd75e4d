"""Paths that a user writes into a file, or reads in a message."""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path) -> bool:
    """Say whether there is such a file; a name that is too long for a file system is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def relative_name(path: Path, folder: Path) -> str:
    """The name of a file in messages: relative to the project's folder where it lies inside."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return str(path)
