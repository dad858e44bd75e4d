"""Hostile and damaged lists: rows or an error with a sentence, and never a shifted row."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.errors import UserError
from mailrunner.model.address import normalise
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList
from tests.support.recipient_tables import Spec, recipient_list


def rows_in(octets: bytes, **keys: str) -> list[tuple[str, ...]]:
    """The rows that a CSV file of these bytes gives; everything else is a UserError."""
    with tempfile.TemporaryDirectory() as folder:
        recipients = recipient_list(Path(folder), octets, **keys)
        rows = [row.values for chunk in recipients.chunks() for row in chunk]
        assert all(len(row) == len(recipients.columns) for row in rows)
        return rows


CSV_OCTETS = st.lists(
    st.sampled_from(
        [
            *(b"email", b"name", b"a@example.org", b",", b";", b"\t", b'"', b"\n", b"\r\n", b"\r", b"\0"),
            *(
                b"\xef\xbb\xbf",
                b"\xff\xfe",
                b"\xfe\xff",
                b"\xc3",
                b"\xa9",
                b" ",
                b"=1+1",
                b"\xf0\x9f\x92\x8c",
            ),
        ]
    ),
    max_size=40,
).map(b"".join)


@given(st.one_of(st.binary(max_size=300), CSV_OCTETS, CSV_OCTETS.map(b"email,name\n".__add__)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_list_or_a_sentence(octets: bytes) -> None:
    with suppress(UserError):
        rows_in(octets)


@given(
    CSV_OCTETS, st.sampled_from(["utf-16", "cp1252", "utf-7", "shift_jis", "gb18030", "hz", "idna", "hex"])
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_in_any_encoding_are_a_list_or_a_sentence(octets: bytes, encoding: str) -> None:
    with suppress(UserError):
        rows_in(b"email,name\n" + octets, encoding=encoding)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_a_row_that_lost_or_won_a_cell_is_left_out_and_never_shifted(
    rows: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    table: list[list[str]] = [["email", "name", "city"], *([f"x{a}", b, f"z{c}"] for a, b, c in rows)]
    assert rows_in(as_csv(table)) == [tuple(row) for row in table[1:]]
    wrong = data.draw(st.sampled_from(table[1:]))
    if data.draw(st.booleans()):
        wrong.pop(data.draw(st.integers(0, 1)))
    else:
        wrong.insert(data.draw(st.integers(0, 3)), "surplus")
    table += [["y@example.org", "right", "row"]] * 6
    with tempfile.TemporaryDirectory() as folder:
        try:
            (read,) = recipient_list(Path(folder), as_csv(table), delimiter=",").chunks()
        except UserError as error:  # a line break in its cells: it may have swallowed others
            assert "\n" in "".join(wrong) or "\r" in "".join(wrong), error
            return
    (at,) = [place for place, row in enumerate(table[1:]) if row is wrong]
    assert [place for place, row in enumerate(read) if "cells, but" in row.problem] == [at]
    assert (read[at].key, read[at].wire) == (None, "")


def as_csv(table: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(table)
    return text.getvalue().encode()


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_a_file_of_garbage_or_of_the_beginning_of_one_is_a_sentence(tmp_path: Path, kind: str) -> None:
    import pandas

    whole = tmp_path / f"whole.{kind}"
    frame = pandas.DataFrame({"email": [f"person{n}@example.org" for n in range(300)], "name": "x"})
    frame.to_excel(whole, index=False) if kind == "xlsx" else frame.to_parquet(whole)
    octets = whole.read_bytes()
    middle = len(octets) // 2
    harmed = (b"", b"garbage" * 50, octets[:middle], octets[:40] + bytes(200) + octets[240:])
    for number, content in enumerate((*harmed, octets[:middle] + bytes(64) + octets[middle + 64 :])):
        (tmp_path / f"{number}.{kind}").write_bytes(content)
        spec = Spec(**{kind: f"{number}.{kind}"})  # type: ignore[arg-type]
        with pytest.raises(UserError, match=f"{number}.{kind}"):
            list(RecipientList(open_source(spec, tmp_path), spec).chunks())


@given(st.one_of(st.text(max_size=80), st.text('a@.<>\r\n \0"(),;:é\u202e\u200b\ud800-+%', max_size=40)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_address_or_a_sentence_and_never_a_command(text: str) -> None:
    try:
        address = normalise(text)
    except ValueError as error:
        assert str(error)
        return
    assert not set("\r\n\0 <>") & set(address.wire)
    assert normalise(address.wire).key == address.key
