"""The benches, which run seldom, go with the package that they measure."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from bench.__main__ import BENCHES

MODULES = sorted(path.stem for path in (Path(__file__).parents[2] / "bench").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_a_bench_imports_what_there_is(name: str) -> None:
    import_module(f"bench.{name}")


def test_make_bench_runs_modules_that_there_are() -> None:
    assert set(BENCHES) <= set(MODULES)
