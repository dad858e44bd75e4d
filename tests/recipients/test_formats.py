"""Formats that need an extra."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mailrunner.recipients.formats import open_source
from tests.support.recipient_tables import Spec, error_of


@pytest.mark.parametrize(
    ("library", "spec", "hint"),
    [
        ("pyarrow", Spec(parquet="list.parquet"), 'pip install "mailrunner[parquet]"'),
        (
            "psycopg",
            Spec(sql="SELECT 1 AS n", database="postgresql://127.0.0.1/crm"),
            'pip install "mailrunner[postgresql]"',
        ),
    ],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, spec: Spec, hint: str
) -> None:
    (tmp_path / "list.parquet").touch()
    monkeypatch.setitem(sys.modules, library, None)
    assert hint in error_of(open_source(spec, tmp_path))
