"""The version that pyproject.toml declares."""

from __future__ import annotations

import tomllib
from pathlib import Path


def declared_version(root: Path) -> str:
    """The version in pyproject.toml."""
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
