"""Rows as recipients: addresses, names, what templates see, duplicates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.recipients.reader import Recipient, RecipientRow, RowReader, flag_duplicates
from mailrunner.recipients.source import CHUNK
from tests.support.recipient_tables import Spec, recipient_list, recipient_rows


def test_a_row_has_its_line_and_its_cells_verbatim(tmp_path: Path) -> None:
    ana, bo, *_ = recipient_rows(tmp_path, name="full_name")
    values = ("ana@example.org", "Ana Pop", "RO", "150", "2026-01-02")
    assert ana == RecipientRow(
        2, "ana@example.org", "ana@example.org", "ana@example.org", "", values, "Ana Pop"
    )
    assert (bo.address, bo.wire, bo.key, bo.name) == (
        "Bo@Example.org",
        "Bo@example.org",
        "bo@example.org",
        "",
    )
    assert bo.values[0] == " Bo@Example.org "


def test_an_invalid_address_is_the_rows_problem(tmp_path: Path) -> None:
    invalid, empty = recipient_rows(tmp_path)[2:4]
    assert (invalid.row, invalid.address, invalid.wire, invalid.key) == (4, "not an address", "", None)
    assert invalid.problem == "an email address must have an @-sign"
    assert (empty.row, empty.key, empty.problem) == (5, None, "the address is empty")


def test_a_cell_that_is_not_of_its_type_is_the_rows_problem(tmp_path: Path) -> None:
    found = {row.address: row.problem for row in recipient_rows(tmp_path, types={"points": "int"})}
    assert found["eve@example.org"] == 'points: "many" is no int'
    assert found["ana@example.org"] == ""


def test_the_address_comes_first_when_a_row_has_two_problems(tmp_path: Path) -> None:
    (row,) = recipient_rows(tmp_path, "email,points\n,many\n", types={"points": "int"})
    assert row.problem == "the address is empty"


def test_an_empty_list_is_no_mistake_here(tmp_path: Path) -> None:
    assert recipient_rows(tmp_path, "email\n") == []


def test_templates_see_columns_row_and_recipient() -> None:
    spec = Spec(name="Given name", defaults={"Given name": "friend"}, types={"points": "int"})
    reader = RowReader(["email", "Given name", "points"], spec)
    context = reader.context([" Ana@example.org", " ", "00123"])
    row = {"email": " Ana@example.org", "Given name": "friend", "points": 123}
    assert context == {**row, "row": row, "recipient": Recipient("Ana@example.org", "friend")}


def test_stored_rows_read_like_fresh_ones(tmp_path: Path) -> None:
    recipients = recipient_list(tmp_path, types={"since": "date"}, name="full_name")
    ana = next(recipients.chunks())[0]
    stored = RowReader(list(recipients.columns), Spec(types={"since": "date"}, name="full_name"))
    assert stored.context(list(ana.values)) == recipients.reader.context(ana.values)
    assert stored.context(list(ana.values))["since"] == date(2026, 1, 2)


def test_a_typed_cell_without_value_is_undefined_to_templates() -> None:
    reader = RowReader(["email", "since"], Spec(types={"since": "date"}))
    context = reader.context(["a@example.org", " "])
    assert "since" not in context
    assert "since" not in context["row"]


def test_a_cell_that_is_not_of_its_type_cannot_be_rendered() -> None:
    reader = RowReader(["email", "n", "on"], Spec(types={"n": "float", "on": "bool"}))
    with pytest.raises(RowError, match=r'n: "1,5" is no float \(write e.g. 1234.5\); on: "si" is no bool'):
        reader.context(["a@example.org", "1,5", "si"])


@given(cell=st.text(" \t\x1c\u00a0\u2028Ana"), default=st.none() | st.text(" \u3000Bo", min_size=1))
def test_the_name_is_that_of_the_filled_cells(cell: str, default: str | None) -> None:
    defaults = {} if default is None else {"name": default}
    reader = RowReader(["email", "name"], Spec(name="name", defaults=defaults))
    values = ("ana@example.org", cell)
    assert reader.name(values) == reader.filled(values)[1].strip()


def test_a_name_without_a_cell_takes_its_own_default_and_no_other() -> None:
    reader = RowReader(["email", "name", "city"], Spec(name="name", defaults={"city": "Cluj"}))
    assert reader.name(("ana@example.org", " ", "")) == ""


def test_text_cells_stay_text() -> None:
    context = RowReader(["email", "zip", "na"], Spec()).context(["a@example.org", "00123", "NA"])
    assert (context["zip"], context["na"]) == ("00123", "NA")


def test_rows_that_are_left_out_count_towards_a_chunk(tmp_path: Path) -> None:
    content = "email,n\n" + "".join(f"a{i}@example.org,{i}\n" for i in range(CHUNK + 5))
    where = f"n in (0, {CHUNK - 1}, {CHUNK})"
    chunks = recipient_list(tmp_path, content, types={"n": "int"}, where=where).chunks()
    assert [[row.row for row in chunk] for chunk in chunks] == [[2, CHUNK + 1], [CHUNK + 2]]


def test_a_later_row_with_the_same_key_is_a_duplicate_across_chunks() -> None:
    def row(number: int, key: str | None) -> RecipientRow:
        return RecipientRow(number, "", "", key, "", (), "")

    chunks = [
        [row(2, "a@example.org"), row(3, None), row(4, "b@example.org")],
        [row(5, "a@example.org"), row(6, None)],
    ]
    assert [(row.row, duplicate) for row, duplicate in flag_duplicates(chunks)] == [
        (2, False),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
    ]
