"""The project of the tests of campaign files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.campaign_toml import PROJECT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one template, one attachment and no campaign."""
    for name in ("campaigns", "templates", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "mailrunner.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "templates" / "spring.html").touch()
    (tmp_path / "data" / "programme.pdf").touch()
    return tmp_path
