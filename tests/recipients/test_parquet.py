"""Parquet files: cells as text, batches, damage."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mailrunner.recipients.formats import open_source
from mailrunner.recipients.source import CHUNK
from tests.support.recipient_tables import Spec, error_of, rows_of


def test_parquet_cells_become_text_and_missing_ones_empty(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "email": ["a@example.org", "b@example.org"],
        "zip": ["00123", None],
        "points": [5, None],
        "score": [2.0, float("nan")],
        "on": [True, None],
        "since": [date(2026, 1, 2), None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "list.parquet")
    source = open_source(Spec(parquet="list.parquet"), tmp_path)
    assert source.columns == tuple(columns)
    assert rows_of(source) == [
        (1, ("a@example.org", "00123", "5", "2", "TRUE", "2026-01-02")),
        (2, ("b@example.org", "", "", "", "", "")),
    ]


def test_parquet_comes_in_batches_with_running_numbers(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    emails = [f"a{i}@example.org" for i in range(CHUNK + 3)]
    parquet.write_table(pyarrow.table({"email": emails}), tmp_path / "p.parquet", row_group_size=999)
    numbered = rows_of(open_source(Spec(parquet="p.parquet"), tmp_path))
    assert numbered == [(number, (email,)) for number, email in enumerate(emails, 1)]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "list.parquet").write_text("email\n")
    assert "cannot be read as Parquet" in error_of(open_source(Spec(parquet="list.parquet"), tmp_path))
