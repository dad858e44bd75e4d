"""Excel files: cells as text, row numbers, sheets."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from tests.support.recipient_tables import Spec, error_of, rows_of


def workbook(folder: Path, rows: list[list[Any]], top: int = 1) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Members"
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            sheet.cell(top + i, 1 + j, value)
    hidden = book.create_sheet("Secret", 0)
    hidden.sheet_state = "hidden"
    book.create_sheet("Other").append(["email", "from other"])
    book.active = 1
    book.save(folder / "list.xlsx")
    return folder


def test_excel_cells_read_as_excel_shows_them(tmp_path: Path) -> None:
    values = [
        "00123",
        5,
        1.25,
        0.1 + 0.2,
        True,
        date(2026, 1, 2),
        datetime(2026, 1, 2, 8, 30),  # noqa: DTZ001
        time(8, 30),
        None,
        " x ",
    ]
    workbook(tmp_path, [[f"c{i}" for i in range(len(values))], values])
    source = open_source(Spec(xlsx="list.xlsx"), tmp_path)
    expected = (
        "00123",
        "5",
        "1.25",
        "0.3",
        "TRUE",
        "2026-01-02",
        "2026-01-02 8:30:00",
        "8:30:00",
        "",
        " x ",
    )
    assert rows_of(source) == [(2, expected)]


def test_excel_rows_have_the_numbers_of_the_sheet_and_blank_ones_are_skipped(tmp_path: Path) -> None:
    workbook(tmp_path, [["email", "n"], ["a@example.org", 1], [], ["b@example.org", 2]], top=3)
    source = open_source(Spec(xlsx="list.xlsx"), tmp_path)
    assert source.first_row == 4
    assert rows_of(source) == [(4, ("a@example.org", "1")), (6, ("b@example.org", "2"))]


def test_a_sheet_may_be_named(tmp_path: Path) -> None:
    workbook(tmp_path, [["email"]])
    assert open_source(Spec(xlsx="list.xlsx", sheet="Other"), tmp_path).columns == ("email", "from other")
    with pytest.raises(UserError, match=r'no sheet "Othr".*Members, Other'):
        assert open_source(Spec(xlsx="list.xlsx", sheet="Othr"), tmp_path).columns


def test_an_empty_sheet_and_a_file_that_is_no_workbook_are_refused(tmp_path: Path) -> None:
    workbook(tmp_path, [])
    assert "it is empty" in error_of(open_source(Spec(xlsx="list.xlsx"), tmp_path))
    (tmp_path / "list.xlsx").write_text("email\n")
    assert "cannot be read as Excel" in error_of(open_source(Spec(xlsx="list.xlsx"), tmp_path))
