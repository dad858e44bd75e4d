"""The example of tests/README.md is a test that passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_page_passes_as_it_stands(tmp_path: Path) -> None:
    block = (ROOT / "tests" / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "test_example.py").write_text(block, encoding="utf-8")
    given = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py")
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        given,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
