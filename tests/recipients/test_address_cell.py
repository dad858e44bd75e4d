"""Address cells with names and with several addresses, and formula errors in the other cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined, UndefinedError

from mailrunner.errors import UserError
from mailrunner.recipients.reader import Recipient
from tests.support.recipient_tables import recipient_list, recipient_rows

TWO = 'email,city\n"ana@example.org; bo@example.org",Cluj\ncy@example.org,Iasi\n'


def test_a_row_with_two_addresses_is_left_out_and_names_the_choice(tmp_path: Path) -> None:
    both, cy = recipient_rows(tmp_path, TWO)
    assert (both.key, both.wire) == (None, "")
    assert "2 addresses, ana@example.org and bo@example.org" in both.problem
    assert 'several = "first" or "all"' in both.problem
    assert cy.key == "cy@example.org"


def test_the_first_of_several_addresses_or_all_of_them_may_be_asked_for(tmp_path: Path) -> None:
    first = recipient_rows(tmp_path, TWO, several="first")
    assert [(row.row, row.key, row.values) for row in first] == [
        (2, "ana@example.org", ("ana@example.org", "Cluj")),
        (3, "cy@example.org", ("cy@example.org", "Iasi")),
    ]
    both = recipient_rows(tmp_path, TWO, several="all")
    assert [(row.row, row.key) for row in both] == [
        (2, "ana@example.org"),
        (2, "bo@example.org"),
        (3, "cy@example.org"),
    ]
    assert both[1].values == ("bo@example.org", "Cluj")  # no recipient sees another one's address


def test_a_name_before_the_address_fills_the_column_that_is_missing(tmp_path: Path) -> None:
    listed = 'email\n"Ana Pop <Ana@example.org>"\nbo@example.org\n'
    recipients = recipient_list(tmp_path, listed)
    ana, bo = (row for chunk in recipients.chunks() for row in chunk)
    assert recipients.columns == ("email", "name")
    assert (ana.address, ana.key, ana.name) == ("Ana@example.org", "ana@example.org", "Ana Pop")
    assert (ana.values[1], bo.values[1]) == ("Ana Pop", "")
    context = recipients.reader.context(ana.values)
    assert context["name"] == "Ana Pop"
    assert context["recipient"] == Recipient("Ana@example.org", "Ana Pop")
    assert recipients.reader.context(bo.values)["recipient"] == Recipient("bo@example.org", "")


def test_the_lists_own_name_column_stays(tmp_path: Path) -> None:
    listed = 'email,Name\n"Ana Pop <ana@example.org>",Frau Pop\n'
    recipients = recipient_list(tmp_path, listed, name="Name")
    ((ana,),) = recipients.chunks()
    assert recipients.columns == ("email", "Name")
    assert (ana.key, ana.name) == ("ana@example.org", "Frau Pop")


def test_a_column_of_names_is_not_made_up_where_no_address_has_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='has no column "name"'):
        recipient_list(tmp_path, "email\nana@example.org\n", defaults={"name": "friend"})


@pytest.mark.parametrize("shown", ["#N/A", "#NV", "#REF!", "#BEZUG!", "#VALEUR!", "Err:502"])
def test_a_formula_error_has_no_value_and_says_so_where_it_is_used(tmp_path: Path, shown: str) -> None:
    recipients = recipient_list(tmp_path, f"email,city\nana@example.org,{shown}\n{shown},Cluj\n")
    ana, other = (row for chunk in recipients.chunks() for row in chunk)
    context = recipients.reader.context(ana.values)
    environment = Environment(undefined=StrictUndefined)  # noqa: S701 - no HTML
    assert environment.from_string("{{ email }}").render(context) == "ana@example.org"
    for template in ("{{ city }}", "{{ row.city }}"):
        with pytest.raises(UndefinedError, match=f"city: the cell holds the formula error {shown}"):
            environment.from_string(template).render(context)
    assert other.problem == f"the cell holds the formula error {shown}"


def test_a_cell_that_only_begins_like_a_formula_error_is_text(tmp_path: Path) -> None:
    ((ana,),) = recipient_list(tmp_path, "email,tag\nana@example.org,#1 fan\n").chunks()
    assert recipient_list(tmp_path, "email,tag\n").reader.context(ana.values)["tag"] == "#1 fan"
