"""Sources: CSV, Excel and Parquet as one table of text; SQL has its own file."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.source import CHUNK, Source
from tests.support.recipient_tables import Spec, complaint, rows_of

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


def from_csv(folder: Path, content: str | bytes, **spec: Any) -> Source:
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "people.csv").write_bytes(raw)
    return open_source(Spec(csv="people.csv", **spec), folder)


# --- CSV -------------------------------------------------------------------------------------------


def test_every_cell_stays_as_it_stands(tmp_path: Path) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [["email", *(f"c{i}" for i in range(len(TRICKY)))], ["a@example.org", *TRICKY]]
    )
    source = from_csv(tmp_path, text.getvalue())
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
        source = from_csv(Path(folder), text.getvalue(), delimiter=delimiter)
        assert [values for _, values in rows_of(source)] == [tuple(row) for row in cells if any(row)]


def test_a_row_is_numbered_by_the_line_on_which_it_begins(tmp_path: Path) -> None:
    source = from_csv(tmp_path, 'email,note\na@example.org,"one\ntwo"\n\nb@example.org,x\n')
    assert source.first_row == 2
    assert rows_of(source) == [(2, ("a@example.org", "one\ntwo")), (5, ("b@example.org", "x"))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    lines = [["email", "name", "note"], ["a@example.org", "Ana", "1.5"], ["b@example.org", "Bo", "x"]]
    source = from_csv(tmp_path, "\n".join(delimiter.join(line) for line in lines))
    assert source.columns == ("email", "name", "note")
    assert [values for _, values in rows_of(source)] == [tuple(line) for line in lines[1:]]


def test_commas_in_the_cells_do_not_hide_the_semicolons(tmp_path: Path) -> None:
    source = from_csv(tmp_path, "email;sum;rate\na@example.org;1,5;2,5\nb@example.org;3,5;4,5\n")
    assert source.columns == ("email", "sum", "rate")


def test_a_ragged_row_does_not_change_the_delimiter(tmp_path: Path) -> None:
    assert "line 3" in complaint(from_csv(tmp_path, "email,a,b\na@example.org,1|2,3\nb@example.org,1|2\n"))


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert rows_of(from_csv(tmp_path, "email\na@example.org\n\n")) == [(2, ("a@example.org",))]


def test_the_delimiter_may_be_named(tmp_path: Path) -> None:
    assert from_csv(tmp_path, "email^name\n", delimiter="^").columns == ("email", "name")
    with pytest.raises(UserError, match='delimiter "::" is not one character'):
        from_csv(tmp_path, "email::name\n", delimiter="::")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_recognised(tmp_path: Path, encoding: str) -> None:
    source = from_csv(tmp_path, "email,name\na@example.org,Zoë 日本\n".encode(encoding))
    assert source.columns == ("email", "name")
    assert rows_of(source) == [(2, ("a@example.org", "Zoë 日本"))]


def test_a_mark_is_no_part_of_the_first_column_even_if_utf_8_is_named(tmp_path: Path) -> None:
    assert from_csv(tmp_path, "email,n\n".encode("utf-8-sig"), encoding="UTF8").columns == ("email", "n")


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    source = from_csv(tmp_path, "email,name\na@example.org,José\n".encode("cp1252"), encoding="cp1252")
    assert rows_of(source) == [(2, ("a@example.org", "José"))]


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UserError, match=f'encoding "{encoding}" is not known'):
        from_csv(tmp_path, "email\n", encoding=encoding)


def test_bytes_that_are_not_utf_8_are_named_with_their_line_and_a_proposal(tmp_path: Path) -> None:
    lines = [f"a{i}@example.org,Ana" for i in range(6000)] + [
        "j@example.org,José García",
        "f@example.org,François",
    ]
    source = from_csv(tmp_path, ("email,name\n" + "\n".join(lines)).encode("cp1252"))
    sentence = complaint(source)
    assert sentence.startswith("people.csv: line 6002: byte 0xE9 (at offset ")
    assert 'it looks like cp1252: encoding = "cp1252" reads "José"' in sentence


def test_cyrillic_bytes_get_a_cyrillic_proposal(tmp_path: Path) -> None:
    raw = "email,name\na@example.org,Иван Петров\nb@example.org,Мария Иванова\n".encode("cp1251")
    with pytest.raises(UserError, match='encoding = "cp1251" reads "Иван"'):
        from_csv(tmp_path, raw)


def test_utf_16_that_ends_in_half_a_character_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: .* is not UTF-16"):
        from_csv(tmp_path, "email,name\na@example.org,x".encode("utf-16") + b"y")


def test_utf_16_without_a_mark_gets_a_hint(tmp_path: Path) -> None:
    assert 'set encoding = "utf-16-le"' in complaint(
        from_csv(tmp_path, "email\na@example.org\n".encode("utf-16-le"))
    )


def test_a_nul_is_refused_with_its_row(tmp_path: Path) -> None:
    assert "row 3 holds a NUL" in complaint(
        from_csv(tmp_path, "email,n\na@example.org,x\nb@example.org,x\0y\n")
    )


def test_shifted_rows_are_refused_with_their_lines(tmp_path: Path) -> None:
    sentence = complaint(
        from_csv(tmp_path, "email,n,m\na@example.org,x,1\nb@example.org,x\nc@example.org,x,1,2\n")
    )
    assert "line 3: it has 2 cells, but the header names 3 columns" in sentence
    assert "line 4: it has 4 cells" in sentence


def test_only_the_first_few_shifted_rows_are_named(tmp_path: Path) -> None:
    assert complaint(from_csv(tmp_path, "email,n\n" + "a@example.org\n" * 50)).count("line ") == 5


def test_empty_cells_beyond_the_header_do_no_harm(tmp_path: Path) -> None:
    source = from_csv(tmp_path, "email,n,,\na@example.org,x,,\nb@example.org,y,\n,,,\n")
    assert source.columns == ("email", "n")
    assert rows_of(source) == [(2, ("a@example.org", "x")), (3, ("b@example.org", "y"))]


def test_a_quotation_mark_that_is_never_closed_is_named_with_its_line(tmp_path: Path) -> None:
    assert "line 3: a quotation mark is opened here" in complaint(
        from_csv(tmp_path, 'email,n\na@example.org,x\nb@example.org,"y\nc@example.org,z\n')
    )


def test_text_after_a_closing_quotation_mark_is_refused(tmp_path: Path) -> None:
    assert "line 2: text follows" in complaint(from_csv(tmp_path, 'email,n\na@example.org,"Nina" Pop\n'))


def test_a_cell_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    assert "longer than 131,072" in complaint(from_csv(tmp_path, "email,n\na@example.org," + "x" * 131_073))


def test_a_header_alone_is_a_list_of_nobody(tmp_path: Path) -> None:
    source = from_csv(tmp_path, "email,name\n")
    assert source.columns == ("email", "name")
    assert rows_of(source) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("email,name,email\n", '2 columns are called "email"'),
        ("email,,name\n", "column 2 has no name"),
        (" , \n", "there are no columns"),
    ],
)
def test_a_header_that_names_nothing_sensible_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    assert sentence in complaint(from_csv(tmp_path, content))


def test_blanks_around_column_names_do_not_matter(tmp_path: Path) -> None:
    assert from_csv(tmp_path, " email , name \n").columns == ("email", "name")


def test_long_lists_come_in_chunks_and_can_be_read_again(tmp_path: Path) -> None:
    source = from_csv(tmp_path, "email,n\n" + "".join(f"a{i}@example.org,{i}\n" for i in range(CHUNK + 5)))
    assert [len(chunk) for chunk in source.chunks()] == [CHUNK, 5]
    assert rows_of(source)[-1] == (CHUNK + 6, (f"a{CHUNK + 4}@example.org", str(CHUNK + 4)))


def test_a_missing_file_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "subscribers.csv").write_text("email\n")
    with pytest.raises(
        UserError, match=r'subscriber.csv: there is no such file \(did you mean "subscribers.csv"'
    ):
        open_source(Spec(csv="subscriber.csv"), tmp_path)


def test_a_missing_folder_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        open_source(Spec(xlsx="nowhere/people.xlsx"), tmp_path)


def test_the_fingerprint_follows_the_content_and_the_mark_the_file(tmp_path: Path) -> None:
    first = from_csv(tmp_path, "email\na@example.org\n")
    before = first.fingerprint(), first.stat_mark()
    assert (first.fingerprint(), first.stat_mark()) == before
    longer = from_csv(tmp_path, "email\na@example.org\nb@example.org\n")
    assert longer.fingerprint() != before[0]
    assert longer.stat_mark() != before[1]


# --- Excel -----------------------------------------------------------------------------------------


def workbook(folder: Path, rows: list[list[Any]], top: int = 1) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "People"
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            sheet.cell(top + i, 1 + j, value)
    hidden = book.create_sheet("Secret", 0)
    hidden.sheet_state = "hidden"
    book.create_sheet("Other").append(["email", "from other"])
    book.active = 1
    book.save(folder / "people.xlsx")
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
    source = open_source(Spec(xlsx="people.xlsx"), tmp_path)
    expected = (
        "00123",
        "5",
        "1.25",
        "0.3",
        "TRUE",
        "2026-01-02",
        "2026-01-02T08:30:00",
        "08:30:00",
        "",
        " x ",
    )
    assert rows_of(source) == [(2, expected)]


def test_excel_rows_have_the_numbers_of_the_sheet_and_blank_ones_are_nobody(tmp_path: Path) -> None:
    workbook(tmp_path, [["email", "n"], ["a@example.org", 1], [], ["b@example.org", 2]], top=3)
    source = open_source(Spec(xlsx="people.xlsx"), tmp_path)
    assert source.first_row == 4
    assert rows_of(source) == [(4, ("a@example.org", "1")), (6, ("b@example.org", "2"))]


def test_a_sheet_may_be_named(tmp_path: Path) -> None:
    workbook(tmp_path, [["email"]])
    assert open_source(Spec(xlsx="people.xlsx", sheet="Other"), tmp_path).columns == ("email", "from other")
    with pytest.raises(UserError, match=r'no sheet "Othr".*People, Other'):
        assert open_source(Spec(xlsx="people.xlsx", sheet="Othr"), tmp_path).columns


def test_an_empty_sheet_and_a_file_that_is_no_workbook_are_refused(tmp_path: Path) -> None:
    workbook(tmp_path, [])
    assert "it is empty" in complaint(open_source(Spec(xlsx="people.xlsx"), tmp_path))
    (tmp_path / "people.xlsx").write_text("email\n")
    assert "cannot be read as Excel" in complaint(open_source(Spec(xlsx="people.xlsx"), tmp_path))


# --- Parquet ---------------------------------------------------------------------------------------


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
    parquet.write_table(pyarrow.table(columns), tmp_path / "people.parquet")
    source = open_source(Spec(parquet="people.parquet"), tmp_path)
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
    (tmp_path / "people.parquet").write_text("email\n")
    assert "cannot be read as Parquet" in complaint(open_source(Spec(parquet="people.parquet"), tmp_path))


@pytest.mark.parametrize(
    ("library", "spec", "hint"),
    [
        ("pyarrow", Spec(parquet="people.parquet"), 'pip install "mailrunner[parquet]"'),
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
    (tmp_path / "people.parquet").touch()
    monkeypatch.setitem(sys.modules, library, None)
    assert hint in complaint(open_source(spec, tmp_path))
