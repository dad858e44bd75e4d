"""The condition `where`: the rows it keeps, their problems, the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from mailrunner.errors import UserError
from mailrunner.recipients.filter import RowFilter
from tests.support.recipient_tables import LIST, recipient_rows

INT = {"points": "int"}


@dataclass(frozen=True)
class Case:
    """A condition on a list, and the rows it keeps with their problems."""

    where: str
    kept: list[tuple[int, str]]
    content: str = LIST
    keys: dict[str, Any] = field(default_factory=dict)


CASES = {
    "other rows are left out entirely": Case("country == 'DE'", [(3, "")]),
    "defaults apply first, then types": Case(
        "points > 250",
        [(5, "the address is empty"), (6, 'points: "many" is no int'), (7, "")],
        keys={"types": INT, "defaults": {"points": 999}},
    ),
    "a bad cell is no problem in a row left out on other grounds": Case(
        "country == 'DE' and points > 1", [(3, "")], keys={"types": INT}
    ),
    "a bad cell that the condition does not use is a problem": Case(
        "full_name == 'Eve'", [(6, 'points: "many" is no int')], keys={"types": INT}
    ),
    "an empty typed cell that the condition uses is a problem": Case(
        "points > 1000 and country == 'RO'",
        [
            (6, 'points: "many" is no int'),
            (7, "where: points: the cell is empty; give it a value in defaults"),
        ],
        keys={"types": INT},
    ),
    "the condition may ask whether a typed cell has a value": Case(
        "points is not defined and full_name == 'Fay'", [(7, "")], keys={"types": INT}
    ),
    "the condition may use row and recipient": Case(
        """row["Given name"] in ["Ana", "Bo"] and recipient.address.endswith("example.com")""",
        [(3, "")],
        "E-mail,Given name\nana@example.org,Ana\nbo@example.com,Bo\n",
        {"email": "E-mail"},
    ),
    "an exception concerns its row alone": Case(
        "8 / n > 1",
        [(2, "where: division by zero"), (3, "")],
        "email,n\na@example.org,0\nb@example.org,4\n",
        {"types": {"n": "int"}},
    ),
    "a column may have a name that Jinja or the compiler uses": Case(
        "result == 'x' and range == '1'",
        [(2, "")],
        "email,result,range\na@example.org,x,1\nb@example.org,y,1\nc@example.org,x,2\n",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_condition_keeps_rows(tmp_path: Path, case: Case) -> None:
    rows = recipient_rows(tmp_path, case.content, where=case.where, **case.keys)
    assert [(row.row, row.problem) for row in rows] == case.kept


@pytest.mark.parametrize(
    "where",
    ["(" * 3000, "1" * 5000 + " > points", "not " * 5000 + "true", "- " * 5000 + "1", "{{ 1 }}", "\0", ""],
    ids=["brackets", "digits", "nots", "signs", "braces", "nul", "empty"],
)
def test_an_unreadable_condition_is_refused_or_keeps_the_row(tmp_path: Path, where: str) -> None:
    try:
        rows = recipient_rows(tmp_path, "email,points\na@example.org,1\n", where=where)
    except UserError as error:
        assert "where" in str(error)
    else:
        assert len(rows) == 1


@pytest.mark.parametrize("where", ["''.__class__", "email.__class__.__mro__", "row.__class__ == 'x'"])
def test_a_condition_does_not_leave_the_sandbox(tmp_path: Path, where: str) -> None:
    (row,) = recipient_rows(tmp_path, "email\na@example.org\n", where=where)
    assert "unsafe" in row.problem


@pytest.mark.parametrize(
    "where",
    [
        "points > 100",
        "country in ['RO', 'DE']",
        "since.year >= 2025",
        "member",
        "points == 1 or member == 1",
        "points|string == '5'",
    ],
)
def test_a_condition_without_mistakes_has_no_problems(where: str) -> None:
    types = {"points": "int", "country": "text", "since": "date", "member": "bool"}
    assert list(RowFilter(where, types).problems()) == []


@given(rows=st.lists(st.tuples(st.sampled_from(["RO", "DE", ""]), st.integers(-5, 5)), max_size=20))
def test_the_condition_evaluates_as_jinja_does(rows: list[tuple[str, int]]) -> None:
    source = "country == 'RO' and points > 1 or points < -3"
    ours = RowFilter(source, {"country": "text", "points": "int"})
    theirs = SandboxedEnvironment(undefined=StrictUndefined).compile_expression(
        source, undefined_to_none=False
    )
    for country, points in rows:
        variables = {"country": country, "points": points}
        assert ours(variables) == theirs(variables)
