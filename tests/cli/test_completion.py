"""A shell completes the campaigns and accounts of the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.projects import Project


def completed(folder: Path, *words: str) -> list[str]:
    environ = {**os.environ, "_MAILRUNNER_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    environ["COMP_CWORD"] = str(len(words) - 1)
    code = "import sys; sys.argv[0] = 'mailrunner'; from mailrunner.cli import main; main()"
    given = [sys.executable, "-c", code]
    done = subprocess.run(given, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_campaigns_and_accounts_are_known(tmp_path: Path) -> None:
    project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
    project.add_campaign("summer", rows=["ana@example.org,Ana"])
    assert completed(tmp_path, "mailrunner", "run", "s") == ["spring", "summer"]
    assert completed(tmp_path, "mailrunner", "check", "su") == ["summer"]
    assert completed(tmp_path, "mailrunner", "login", "r") == ["relay"]


def test_without_a_project_nothing_is_completed_or_said(tmp_path: Path) -> None:
    assert completed(tmp_path, "mailrunner", "run", "s") == []
