"""CSV files: delimiters, the lines of rows, quoting."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import UserError
from tests.support.recipient_tables import csv_source, error_of, rows_of

TRICKY = [
    "00123",
    "NA",
    "1e5",
    "TRUE",
    " x ",
    "null",
    "1,5",
    'Ana "Nina" Pop',
    "two\nlines",
    "#N/A",
    "-",
    "日本",
]


def test_every_cell_stays_as_it_stands(tmp_path: Path) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [["email", *(f"c{i}" for i in range(len(TRICKY)))], ["a@example.org", *TRICKY]]
    )
    source = csv_source(tmp_path, text.getvalue())
    assert [cells for _, cells in source.rows()] == [("a@example.org", *TRICKY)]


@given(
    cells=st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), min_size=2, max_size=2
        ),
        max_size=8,
    ),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_what_is_read(cells: list[list[str]], delimiter: str, end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["email", "name"], *cells])
    with tempfile.TemporaryDirectory() as folder:
        source = csv_source(Path(folder), text.getvalue(), delimiter=delimiter)
        assert [values for _, values in rows_of(source)] == [tuple(row) for row in cells if any(row)]


def test_a_row_is_numbered_by_the_line_on_which_it_begins(tmp_path: Path) -> None:
    source = csv_source(tmp_path, 'email,note\na@example.org,"one\ntwo"\n\nb@example.org,x\n')
    assert source.first_row == 2
    assert rows_of(source) == [(2, ("a@example.org", "one\ntwo")), (5, ("b@example.org", "x"))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    lines = [["email", "name", "note"], ["a@example.org", "Ana", "1.5"], ["b@example.org", "Bo", "x"]]
    source = csv_source(tmp_path, "\n".join(delimiter.join(line) for line in lines))
    assert source.columns == ("email", "name", "note")
    assert [values for _, values in rows_of(source)] == [tuple(line) for line in lines[1:]]


def test_commas_in_the_cells_do_not_hide_the_semicolons(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email;sum;rate\na@example.org;1,5;2,5\nb@example.org;3,5;4,5\n")
    assert source.columns == ("email", "sum", "rate")


def test_a_ragged_row_does_not_change_the_delimiter(tmp_path: Path) -> None:
    assert "line 3" in error_of(csv_source(tmp_path, "email,a,b\na@example.org,1|2,3\nb@example.org,1|2\n"))


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert rows_of(csv_source(tmp_path, "email\na@example.org\n\n")) == [(2, ("a@example.org",))]


def test_the_delimiter_may_be_named(tmp_path: Path) -> None:
    assert csv_source(tmp_path, "email^name\n", delimiter="^").columns == ("email", "name")
    with pytest.raises(UserError, match='delimiter "::" is not one character'):
        csv_source(tmp_path, "email::name\n", delimiter="::")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('b@example.org,"y\nc@example.org,z', "a quotation mark is opened here"),
        ('b@example.org,"Nina" Pop', "text follows"),
        ("b@example.org," + "x" * 131_073, "a cell is longer than 131,072"),
    ],
    ids=["quotation mark never closed", "text after a closing quotation mark", "cell too long"],
)
def test_a_damaged_row_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    error = error_of(csv_source(tmp_path, f"email,n\na@example.org,x\n{row}\n"))
    assert f"line 3: {message}" in error
