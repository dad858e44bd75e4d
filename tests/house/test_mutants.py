"""`make mutants`: what it changes, and that its table names real modules and tests."""

from __future__ import annotations

import tomllib
from functools import cache
from random import Random

from tools.imports import ROOT
from tools.mutants import Outcome, sample
from tools.mutations import mutations

_SOURCE = '''
"""A module."""
from a import b
LIMIT: int = 3

def shape(x, y):
    """Its text."""
    if x < LIMIT and not y:
        b.note(x, y, loud=True)
        x[:] = zip(x, strict=True)
    return x + 1 if y else min(x, y)
'''
TABLE = tomllib.loads((ROOT / "tools/mutants.toml").read_text(encoding="utf-8"))


def test_every_kind_of_change_is_made_and_each_alone() -> None:
    found = {(each.kind, each.change) for each in mutations(_SOURCE)}
    assert found == {
        ("constant", "LIMIT: int = 3 → LIMIT: int = 4"),
        ("comparison", "if x < LIMIT and (not y): → if x <= LIMIT and (not y):"),
        ("boolean", "if x < LIMIT and (not y): → if x < LIMIT or not y:"),
        ("boolean", "if x < LIMIT and (not y): → if x < LIMIT and (not not y):"),
        ("dropped statement", "b.note(x, y, loud=True) → "),
        ("swapped arguments", "b.note(x, y, loud=True) → b.note(y, x, loud=True)"),
        ("dropped argument", "b.note(x, y, loud=True) → b.note(x, y)"),
        ("constant", "b.note(x, y, loud=True) → b.note(x, y, loud=False)"),
        ("returned value", "return x + 1 if y else min(x, y) → return None"),
        ("swapped branches", "return x + 1 if y else min(x, y) → return min(x, y) if y else x + 1"),
        ("arithmetic", "return x + 1 if y else min(x, y) → return x - 1 if y else min(x, y)"),
        ("constant", "return x + 1 if y else min(x, y) → return x + 2 if y else min(x, y)"),
    }
    assert all(each.source.count("loud") == 1 for each in mutations(_SOURCE) if each.kind == "comparison")


def test_the_table_names_modules_and_tests_that_exist() -> None:
    for module, tests in TABLE["tests"].items():
        assert (ROOT / f"mailrunner/{module}.py").exists(), module
        assert [each for each in tests if not (ROOT / "tests" / each).exists()] == []


@cache
def changes_of(module: str) -> frozenset[str]:
    source = (ROOT / f"mailrunner/{module}.py").read_text(encoding="utf-8")
    return frozenset(found.change for found in mutations(source))


def test_an_equivalent_mutant_has_a_reason_and_is_a_mutant() -> None:
    for each in TABLE.get("equivalent", []):
        assert each["change"] in changes_of(each["module"]), each
        assert each["reason"]


def test_a_sample_is_drawn_from_all_modules_alike_and_again_by_its_seed() -> None:
    known = [name for name in TABLE["tests"] if name.startswith("model/")]
    modules = sorted(known, key=lambda name: (ROOT / f"mailrunner/{name}.py").stat().st_size)[:3]
    table = {**TABLE, "tests": {name: TABLE["tests"][name] for name in ("store/claims", *modules)}}
    drawn = sample("model/", 12, Random(3), table)
    assert drawn == sample("model/", 12, Random(3), table)
    assert drawn != sample("model/", 12, Random(4), table)
    assert {each.module for each in drawn[:3]} == set(modules)


def test_the_share_counts_what_was_tried() -> None:
    assert Outcome(killed=3, survivors=sample("model/retry", 1, Random(1), TABLE), untried=9).share == 0.75
