"""The row that names the columns: found below titles, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.recipients.heading import find_heading
from tests.support.recipient_tables import csv_source, error_of, rows_of


def test_the_row_with_the_address_column_is_the_heading() -> None:
    records = [
        (1, ["Members 2026", ""]),
        (3, ["as of", "May"]),
        (4, ["name", " email "]),
        (5, ["Ana", "a@b.org"]),
    ]
    heading = find_heading(records, "email")
    assert (heading.row[0], heading.above) == (4, 2)


def test_without_that_name_it_is_the_fullest_row_above_the_first_address() -> None:
    records = [
        (1, ["Members"]),
        (2, ["Name", "Mail", "City"]),
        (3, ["Ana", "", "Cluj"]),
        (4, ["Bo", "b@x.org", "Y"]),
    ]
    assert find_heading(records, "email").row[0] == 2


def test_a_title_with_an_address_in_it_is_no_row_of_the_list() -> None:
    records = [
        (1, ["Members", "", ""]),
        (2, ["Treasurer: kasse@club.org", "", ""]),
        (3, ["Mail", "Name", "City"]),
        (4, ["", "Ana", "Cluj"]),
        (5, ["b@x.org", "Bo", "Y"]),
        (6, ["c@x.org", "Cy", ""]),
    ]
    assert find_heading(records, "email").row[0] == 3


@pytest.mark.parametrize(
    "records", [[(1, ["a@b.org"])], [(1, ["email"]), (2, ["x"])], [(2, ["Club"]), (3, ["a@b.org"])]]
)
def test_where_nothing_tells_it_is_the_first_row(records: list[tuple[int, list[str]]]) -> None:
    assert find_heading(records, "mail").row[0] == records[0][0]


def test_titles_above_a_csv_are_skipped_and_said(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "Mitglieder 2026\n\nName;email;Ort\nAna;a@example.org;Cluj\n")
    assert source.columns == ("Name", "email", "Ort")
    assert rows_of(source) == [(4, ("Ana", "a@example.org", "Cluj"))]
    assert '"Mitglieder 2026", which is skipped' in source.remarks()[0]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_line_that_tells_excel_the_separator_is_understood(tmp_path: Path, first: str) -> None:
    source = csv_source(tmp_path, f"{first}\r\nemail;note\r\na@example.org;1,2,3,4\r\n")
    assert source.columns == ("email", "note")
    assert rows_of(source) == [(3, ("a@example.org", "1,2,3,4"))]
    assert source.remarks() == []


def test_a_column_without_name_and_cells_is_left_out(tmp_path: Path) -> None:
    source = csv_source(tmp_path, ",email,,name\n,a@example.org,,Ana\n")
    assert source.columns == ("email", "name")
    assert rows_of(source) == [(2, ("a@example.org", "Ana"))]
    assert "column 1 has no name" in error_of(csv_source(tmp_path, ",email\nx,a@example.org\n"))


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"PK\x03\x04rest", "it is an archive, not CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", 'write xlsx = "list.csv" instead of csv'),
        (b"PAR1rest", 'write parquet = "list.csv"'),
        (b"%PDF-1.7", "it is a PDF"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"BEGIN:VCARD\r\n", "it is a file of vCards"),
    ],
)
def test_what_is_no_csv_is_told_by_its_content(tmp_path: Path, octets: bytes, message: str) -> None:
    with pytest.raises(Exception, match=message.replace("(", r"\(")):
        csv_source(tmp_path, octets)
