"""What programs make of delimited text: lines in quotation marks, blanks, formulas, plain addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recipient_tables import csv_source, error_of, recipient_list, rows_of

READ = {
    "each line is one quoted cell": ('"email,n"\n"a@example.org,""Pop, A"""\n', "Pop, A"),
    "the same with semicolons": ('"email;n"\r\n"a@example.org;Ana"\r\n', "Ana"),
    "a blank behind each comma": ('email, n\na@example.org, "Pop, A"\n', "Pop, A"),
    "formulas that keep a zero": ('email,n\n"=""a@example.org""","=""01067"""\n', "01067"),
    "formulas without quotation marks around": ('email;n\n="a@example.org";="01067"\n', "01067"),
    "the end of file of DOS": ("email,n\r\na@example.org,x\r\n\x1a", "x"),
    "the old line end of the Macintosh": ("email;n\ra@example.org;x\r", "x"),
}


@pytest.mark.parametrize(("text", "cell"), READ.values(), ids=READ)
def test_what_programs_write_is_read(tmp_path: Path, text: str, cell: str) -> None:
    source = csv_source(tmp_path, text)
    assert source.columns == ("email", "n")
    assert rows_of(source) == [(2, ("a@example.org", cell))]


def test_addresses_of_a_mail_program_one_a_line_are_read_with_their_names(tmp_path: Path) -> None:
    text = 'email\n"Pop, Ana" <a@example.org>\nb@example.org,\n"c@example.org"\n'
    (rows,) = recipient_list(tmp_path, text).chunks()
    assert [(row.row, row.wire, row.name) for row in rows] == [
        (2, "a@example.org", "Pop, Ana"),
        (3, "b@example.org", ""),
        (4, "c@example.org", ""),
    ]


@pytest.mark.parametrize("cell", ['="x" and "y"', 'he said ="x"', "=1+1", "= x"])
def test_a_cell_that_only_resembles_such_a_formula_stays(tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    source = csv_source(tmp_path, f'email,n,zip\na@example.org,"{quoted}","=""01"""\n')
    assert rows_of(source)[0][1] == ("a@example.org", cell, "01")


def test_a_quoted_cell_that_is_not_closed_is_refused_in_one_column_too(tmp_path: Path) -> None:
    assert "never closed" in error_of(csv_source(tmp_path, 'email\n"a@example.org\nb@example.org\n'))
