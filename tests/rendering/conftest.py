"""Projects that messages are rendered from, without the two TOML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.rendering import project_in


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_in(tmp_path)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that no test of the module changes."""
    return project_in(tmp_path_factory.mktemp("project"))
