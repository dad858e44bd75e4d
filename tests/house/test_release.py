"""One version everywhere, a wheel with every file, and no release where something is missing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import sbom
from tools.pythons import Interpreter, newest_of_each, promised
from tools.release import date_problems, tree_problems, version_problems

ROOT = Path(__file__).parents[2]


def git(*words: str, folder: Path = ROOT) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as `make wheel-test` and `make release` build it: from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    given = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    subprocess.run(given, capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_brings_every_tracked_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    tracked = {name for name in git("ls-files", "mailrunner").splitlines() if (ROOT / name).exists()}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == tracked


def test_two_builds_of_one_tree_are_the_same_octets(tmp_path: Path) -> None:
    """Whatever the clock and the times of the files say, if SOURCE_DATE_EPOCH is set."""
    digests = []
    for number in (1, 2):
        tree, out = tmp_path / f"tree{number}", tmp_path / f"out{number}"
        for name in git("ls-files", "mailrunner", "pyproject.toml", "README.md", "LICENSE").splitlines():
            if (ROOT / name).exists():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, tree / name)
                os.utime(tree / name, (number * 1_000_000_000, number * 1_000_000_000))
        given = (sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree)
        environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run(given, capture_output=True, check=True, env=environ)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()})
    assert len(digests[0]) == 2 and digests[0] == digests[1]


def test_the_wheel_carries_the_licence_and_the_versions_it_was_tried_on(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = wheel.read(name).decode()
    assert "License-Expression: MIT" in metadata
    assert "License-File: LICENSE" in metadata
    assert "Classifier: Programming Language :: Python :: 3.11" in metadata


def test_package_project_file_and_changelog_name_one_version() -> None:
    assert version_problems(ROOT) == []


def test_another_version_in_the_changelog_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.9.9"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 9.9.8 — 2026-01-01\n")
    assert len(version_problems(tmp_path)) == 2


@pytest.mark.parametrize(("heading", "problems"), [("unreleased", 1), ("2026-12-01", 0)])
def test_a_release_needs_a_date(tmp_path: Path, heading: str, problems: int) -> None:
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## 9.9.9 — {heading}\n\n## 9.9.8 — 2026-01-01\n")
    assert len(date_problems(tmp_path)) == problems


def test_a_changed_tree_and_a_tag_that_exists_are_problems(tmp_path: Path) -> None:
    git("init", "-q", folder=tmp_path)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "9.9.9"\n')
    assert len(tree_problems(tmp_path)) == 1
    git("add", ".", folder=tmp_path)
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "all", folder=tmp_path)
    assert tree_problems(tmp_path) == []
    git("tag", "v9.9.9", folder=tmp_path)
    assert len(tree_problems(tmp_path)) == 1


def test_one_interpreter_is_tried_for_each_version_the_newest() -> None:
    paths = [Path(name) for name in "abcd"]
    found = [
        Interpreter(version, path)
        for version, path in zip([(3, 12, 1), (3, 12, 10), (3, 11, 2), (3, 10, 9)], paths, strict=True)
    ]
    assert [str(one) for one in newest_of_each(found)] == ["3.11.2", "3.12.10"]


def test_the_classifiers_begin_with_the_oldest_version_that_may_install_it() -> None:
    assert promised(ROOT / "pyproject.toml")[0] == (3, 11)


def test_the_locks_are_installed_as_they_are_and_nothing_is_resolved() -> None:
    """pip's resolver may look at a release newer than the lock, finds no hash for it and gives up."""
    places = [ROOT / name for name in ("Makefile", "Dockerfile", "tools/wheel_test.py")]
    installs = [
        f"{place.name}: {line}"
        for place in places
        for line in place.read_text(encoding="utf-8").splitlines()
        if "--require-hashes" in line
    ]
    assert len(installs) >= len(places)
    assert [line for line in installs if "--no-deps" not in line] == []


def test_every_requirement_in_the_locks_has_a_hash() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert [lock.name for lock in locks] == [
        *("requirements-dev.lock", "requirements-test.lock", "requirements.lock"),
    ]
    for lock in locks:
        for requirement in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            assert "--hash=sha256:" in requirement, f"{lock.name}: {requirement}"


def test_the_bill_of_materials_names_every_package_of_the_lock_file_with_its_hashes(tmp_path: Path) -> None:
    bill = json.loads(sbom.write(ROOT, tmp_path).read_text())
    locked = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "mailrunner"
    found = {(part["name"], part.get("version")) for part in bill["components"]}
    assert {tuple(line.split()[0].rstrip(";").split("==")) for line in locked} == found
    hashed = [part for part in bill["components"] if any(r.get("hashes") for r in part["externalReferences"])]
    assert len(hashed) == len(bill["components"])
