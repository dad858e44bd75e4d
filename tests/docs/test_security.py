"""The table of threats names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/security.md"
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text("utf-8"))))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_defence_has_its_test(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_threat_names_a_test() -> None:
    rows = [
        line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ") and "---" not in line
    ]
    assert len(rows) > 20
    assert [row for row in rows[1:] if "`tests/" not in row] == []


@pytest.mark.parametrize("page", ["SECURITY.md", "README.md"])
def test_the_page_is_linked(page: str) -> None:
    assert "docs/security.md" in (ROOT / page).read_text("utf-8")
