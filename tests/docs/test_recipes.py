"""The recipes for several machines: those that another program reads are given to it, or to its language."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mailrunner.cli.exit_codes import Exit
from mailrunner.config.project import load_project

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "recipes"
PAGE = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")


def test_the_page_names_every_recipe() -> None:
    named = set(re.findall(r"\(recipes/([^)]+)\)", PAGE))
    assert named == {path.name for path in RECIPES.iterdir()}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.py")), ids=lambda path: path.name)
def test_a_recipe_in_python_can_be_read(path: Path) -> None:
    compile(path.read_text(encoding="utf-8"), path.name, "exec")


@pytest.mark.parametrize("path", sorted(RECIPES.iterdir()), ids=lambda path: path.name)
def test_what_needs_a_user_is_never_tried_again(path: Path) -> None:
    """Its three codes stand where a recipe tells what is tried again, unless the next call comes anyway."""
    text = path.read_text(encoding="utf-8")
    needs_a_user = [str(int(code)) for code in (Exit.STOPPED, Exit.CREDENTIALS, Exit.SETUP)]
    calls_anyway = path.name in ("crontab", "kubernetes-resume.yaml", "mailrunner-work.service")
    assert calls_anyway or re.search(r"\D+".join(needs_a_user), text)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix shell")
@pytest.mark.parametrize(("code", "is_news"), [(0, False), (75, False), (74, True), (77, True)])
def test_cron_mails_nothing_about_later(tmp_path: Path, code: int, is_news: bool) -> None:
    called = tmp_path / "mailrunner"
    called.write_text(f"#!/bin/sh\nexit {code}\n")
    called.chmod(0o755)
    lines = [line for line in (RECIPES / "crontab").read_text().splitlines() if "mailrunner" in line]
    commands = [re.sub(r"^(\S+\s+){5}", "", line) for line in lines if line[0] == "*"]
    assert len(commands) == 2
    for command in commands:
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PROJECT": "/srv/club"}
        assert bool(subprocess.run(["sh", "-c", command], env=environ, check=False).returncode) == is_news


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.service")), ids=lambda path: path.name)
def test_a_unit_is_one_that_systemd_reads(path: Path, tmp_path: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text(encoding="utf-8"))
    assert set(unit.sections()) <= {"Unit", "Service", "Install"}
    if shutil.which("systemd-analyze"):
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8").replace("/usr/local/bin/mailrunner", "/bin/true"))
        found = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
        )
        assert path.stem.rstrip("@") not in found.stderr, found.stderr


def test_the_database_of_the_page_is_one_that_a_project_may_have(tmp_path: Path) -> None:
    (written,) = re.findall(r'^ +(database = """.+?"""$\n +\[ledger\]\n +failover = .+?)$', PAGE, re.M | re.S)
    (tmp_path / "mailrunner.toml").write_text(re.sub(r"^ +", "", written, flags=re.M))
    project = load_project(tmp_path, {**os.environ, "LEDGER_PASSWORD": "secret"})
    assert project.failover == "synchronous"
    assert project.database_url.endswith(
        "@/mailrunner?host=db1:5432&host=db2:5432&target_session_attrs=read-write"
    )


def test_the_image_is_run_by_a_user_without_rights_and_gets_no_secret() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in image if line.startswith("USER ")]
    assert users == ["10001:10001"] and any(line.startswith("HEALTHCHECK ") for line in image)
    copied = {
        word
        for line in image
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
