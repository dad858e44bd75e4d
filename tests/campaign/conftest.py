"""The project of the tests of campaign files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.campaign_toml import PROJECT
from tests.support.projects import Project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one template, one attachment and no campaign."""
    (tmp_path / "campaigns").mkdir()
    files = {"mailrunner.toml": PROJECT, "templates/spring.html": "", "data/programme.pdf": ""}
    return Project(tmp_path).put_all(files).folder
