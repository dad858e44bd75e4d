"""The measurements of bench/ go with the package: no part of the other tests runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_measurement_finds_what_it_measures() -> None:
    names = [f"bench.{file.stem}" for file in sorted((ROOT / "bench").glob("[a-z]*.py"))]
    assert names
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
