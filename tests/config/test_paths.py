"""Paths: whether a file is there, and its name in messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.paths import is_file, relative_name


@pytest.mark.parametrize(
    ("name", "there"), [("a.txt", True), (".", False), ("b.txt", False), ("x" * 5000, False)]
)
def test_a_file_is_there_or_not(tmp_path: Path, name: str, there: bool) -> None:
    (tmp_path / "a.txt").touch()
    assert is_file(tmp_path / name) is there


def test_a_file_of_the_project_is_named_from_its_folder(tmp_path: Path) -> None:
    link = tmp_path / "link"
    (tmp_path / "project" / "data").mkdir(parents=True)
    link.symlink_to(tmp_path / "project")
    assert relative_name(link / "data" / "list.csv", tmp_path / "project") == "data/list.csv"
    assert relative_name(tmp_path / "list.csv", link) == str(tmp_path / "list.csv")
