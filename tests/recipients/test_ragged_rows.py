"""Rows with more or fewer cells than the heading: left out by name where they are few."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from tests.support.recipient_tables import recipient_list, recipient_rows

HEAD = "email,name,city\n"
GOOD = "".join(f"person{n}@example.org,P,Cluj\n" for n in range(4))


def test_a_short_and_a_long_row_are_left_out_with_their_reasons_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = recipient_rows(tmp_path, HEAD + GOOD + "short@example.org,S\nPop, Ana,long@example.org,Cluj\n")
    assert [row.key for row in rows] == [*(f"person{n}@example.org" for n in range(4)), None, None]
    short, long = rows[4:]
    assert (short.row, short.address, short.values) == (
        6,
        "short@example.org",
        ("short@example.org", "S", ""),
    )
    assert "it has 2 cells, but the header names 3 columns: a cell with a line break in it" in short.problem
    assert (long.row, long.address) == (7, "long@example.org")
    assert long.values == ("Pop", " Ana", "long@example.org, Cluj")
    assert "it has 4 cells, but the header names 3 columns: a cell with the delimiter" in long.problem


def test_a_row_that_fits_none_is_left_out_whatever_where_says(tmp_path: Path) -> None:
    text = HEAD + GOOD + "short@example.org,S\n"
    rows = recipient_rows(tmp_path, text, where="city == 'Cluj'", several="all")
    assert [row.row for row in rows] == [2, 3, 4, 5, 6]


def test_names_before_addresses_do_no_harm_to_it(tmp_path: Path) -> None:
    rows = recipient_rows(
        tmp_path, "email,city\nAna <a@example.org>,Cluj\nb@example.org,X\nBo <c@example.org>\n"
    )
    assert [(row.key, len(row.values)) for row in rows] == [
        ("a@example.org", 3),
        ("b@example.org", 3),
        (None, 3),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        "a@example.org,x\nb@example.org,x\nc@example.org,x,y\n",
        GOOD + 'a@example.org,"x,y\nb@example.org,x,y\nc@example.org,x",y,z\n',
        "".join(f"p{n}@example.org,P,C\n" for n in range(1_100)) + "a@example.org,x\n" * 1_000,
    ],
    ids=["most rows", "a cell that swallowed other rows", "a thousand rows"],
)
def test_a_file_that_is_read_wrongly_is_refused_with_its_first_such_rows(tmp_path: Path, rows: str) -> None:
    with pytest.raises(UserError, match="but the header names 3 columns") as raised:
        list(recipient_list(tmp_path, HEAD + rows).chunks())
    assert str(raised.value).count("the header names") <= 5
