"""Projects of one mailrunner.toml, written by the test, without campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mailrunner.config.account import Account
from mailrunner.config.project import Project, load_project
from mailrunner.errors import Problem, UserError
from tests.support import projects

CANARY = "canary-9f2c"


GMAIL = """
[accounts.gmail]
provider = "gmail"
user = "ana@gmail.com"
password = "abcd efgh ijkl mnop"
"""


def write_project(folder: Path, text: str, env: str | None = None) -> Path:
    """Write mailrunner.toml, and `.env` if given; return the folder."""
    files = {"mailrunner.toml": text} if env is None else {"mailrunner.toml": text, ".env": env}
    return projects.Project(folder).put_all(files).folder


def project_of(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Project:
    """The project of a mailrunner.toml with this text."""
    return load_project(write_project(folder, text), environ or {})


def project_problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> dict[str, Problem]:
    """The problems of a mailrunner.toml with this text, by key; there must be one."""
    with pytest.raises(UserError) as caught:
        load_project(write_project(folder, text), environ or {})
    assert all(problem.file == "mailrunner.toml" for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


def account_of(folder: Path, *lines: str) -> Account:
    """The account that these lines of [accounts.it] make."""
    return project_of(folder, "\n".join(("[accounts.it]", *lines))).account("it")


def account_problems(folder: Path, *lines: str) -> dict[str, str]:
    """Message and hint of each problem of [accounts.it], by its key in that table; there must be one."""
    found = project_problems(folder, "\n".join(("[accounts.it]", *lines)))
    return {key.removeprefix("accounts.it."): f"{p.message}: {p.hint}" for key, p in found.items()}
