"""Sources of every format: the header, ragged rows, chunks, missing files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.source import CHUNK
from tests.support.recipient_tables import Spec, csv_source, error_of, rows_of


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("email,name,email\n", '2 columns are called "email"'),
        ("email,,name\n", "column 2 has no name"),
        (" , \n", "there are no columns"),
        ("email\na@example.org\n".encode("utf-16-le"), 'set encoding = "utf-16-le"'),
    ],
)
def test_an_unusable_header_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in error_of(csv_source(tmp_path, content))


def test_blanks_around_column_names_do_not_matter(tmp_path: Path) -> None:
    assert csv_source(tmp_path, " email , name \n").columns == ("email", "name")


def test_a_header_alone_is_an_empty_list(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email,name\n")
    assert source.columns == ("email", "name")
    assert rows_of(source) == []


def test_empty_cells_beyond_the_header_do_no_harm(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email,n,,\na@example.org,x,,\nb@example.org,y,\n,,,\n")
    assert source.columns == ("email", "n")
    assert rows_of(source) == [(2, ("a@example.org", "x")), (3, ("b@example.org", "y"))]


def test_shifted_rows_are_refused_with_their_lines(tmp_path: Path) -> None:
    message = error_of(
        csv_source(tmp_path, "email,n,m\na@example.org,x,1\nb@example.org,x\nc@example.org,x,1,2\n")
    )
    assert "line 3: it has 2 cells, but the header names 3 columns" in message
    assert "line 4: it has 4 cells" in message
    assert message.index("a cell with a line break") < message.index("a cell with the delimiter")


def test_an_empty_cell_beside_the_only_column_means_nothing(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email\na@example.org,\nb@example.org,\n")
    assert rows_of(source) == [(2, ("a@example.org",)), (3, ("b@example.org",))]
    assert "line 2: it has 3 cells" in error_of(csv_source(tmp_path, "email,n\na@example.org,x,\n"))


def test_only_the_first_few_shifted_rows_are_named(tmp_path: Path) -> None:
    assert error_of(csv_source(tmp_path, "email,n\n" + "a@example.org\n" * 50)).count("it has 1 cell") == 5


def test_a_nul_is_refused_with_its_row(tmp_path: Path) -> None:
    assert "row 3 holds a NUL" in error_of(
        csv_source(tmp_path, "email,n\na@example.org,x\nb@example.org,x\0y\n")
    )


def test_long_lists_come_in_chunks_and_can_be_read_again(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email,n\n" + "".join(f"a{i}@example.org,{i}\n" for i in range(CHUNK + 5)))
    assert [len(chunk) for chunk in source.chunks()] == [CHUNK, 5]
    assert rows_of(source)[-1] == (CHUNK + 6, (f"a{CHUNK + 4}@example.org", str(CHUNK + 4)))


def test_a_missing_file_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "subscribers.csv").write_text("email\n")
    with pytest.raises(
        UserError, match=r'subscriber.csv: there is no such file \(did you mean "subscribers.csv"'
    ):
        open_source(Spec(csv="subscriber.csv"), tmp_path)


def test_a_missing_folder_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        open_source(Spec(xlsx="nowhere/list.xlsx"), tmp_path)


def test_the_fingerprint_follows_the_content_and_the_mark_the_file(tmp_path: Path) -> None:
    first = csv_source(tmp_path, "email\na@example.org\n")
    before = first.fingerprint(), first.stat_mark()
    assert (first.fingerprint(), first.stat_mark()) == before
    longer = csv_source(tmp_path, "email\na@example.org\nb@example.org\n")
    assert longer.fingerprint() != before[0]
    assert longer.stat_mark() != before[1]
