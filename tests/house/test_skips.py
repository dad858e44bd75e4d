"""A machine of one's own may lack a package; the machine that must run every test may not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPPING = """
import pytest

@pytest.mark.skipif(True, reason="dovecot is not installed")
def test_package(): ...

def test_package_found_missing_inside():
    pytest.importorskip("no_such_package")

def test_right():
    pytest.skip("this user may not mount a disk")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the rule is for CI, which is Linux")
@pytest.mark.parametrize(
    ("ci", "summary"), [("", "3 skipped, 1 xfailed"), ("true", "1 failed, 1 skipped, 1 xfailed, 1 error")]
)
def test_in_ci_only_a_missing_right_skips_a_test(tmp_path: Path, ci: str, summary: str) -> None:
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    given = (sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:randomly", tmp_path)
    environ = {"PYTHONPATH": str(ROOT), "CI": ci, "PATH": ""}
    done = subprocess.run(
        given, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert summary in done.stdout, done.stdout
