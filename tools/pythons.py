"""Find the CPython versions of this machine on which mailrunner is to be tried."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)

_ASK = "import sys, ensurepip, venv; print(sys.implementation.name, *sys.version_info[:3])"
_NAME = re.compile(r"python3\.\d+(\.exe)?")
_PROMISED = re.compile(r"Programming Language :: Python :: (\d+)\.(\d+)")


@dataclass(frozen=True, order=True)
class Interpreter:
    """One CPython that can make virtual environments."""

    version: tuple[int, int, int]
    path: Path

    @property
    def minor(self) -> tuple[int, int]:
        """The version as pyproject.toml's classifiers name it: (3, 12)."""
        return self.version[:2]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def promised(pyproject: Path) -> list[tuple[int, int]]:
    """The Python versions that the classifiers of a pyproject.toml name, oldest first."""
    with pyproject.open("rb") as file:
        classifiers = tomllib.load(file)["project"]["classifiers"]
    found = (_PROMISED.fullmatch(line) for line in classifiers)
    return sorted((int(match[1]), int(match[2])) for match in found if match)


def installed() -> list[Interpreter]:
    """The newest patch release of each CPython from `OLDEST` on, oldest first, from PATH and pyenv."""
    return newest_of_each(filter(None, map(_ask, _candidates())))


def newest_of_each(interpreters: Iterable[Interpreter]) -> list[Interpreter]:
    """One interpreter for each minor version from `OLDEST` on, the newest, oldest minor version first."""
    newest = {one.minor: one for one in sorted(interpreters) if one.minor >= OLDEST}
    return [newest[minor] for minor in sorted(newest)]


def _candidates() -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if Path(folder).is_dir():
            yield from (path for path in Path(folder).iterdir() if _NAME.fullmatch(path.name))
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from versions.glob("*/bin/python")


def _ask(path: Path) -> Interpreter | None:
    """What a file says of itself; None for one that does not run (pyenv's shims) or is no CPython."""
    try:
        said = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    name, *numbers = said.stdout.split()
    if name != "cpython":
        return None
    major, minor, patch = map(int, numbers)
    return Interpreter((major, minor, patch), path)
