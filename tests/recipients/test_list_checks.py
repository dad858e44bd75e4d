"""Mistakes that concern every row of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailrunner.errors import UserError
from tests.support.recipient_tables import LIST, recipient_list


def problems(folder: Path, **keys: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        recipient_list(folder, **keys)
    return [str(problem) for problem in caught.value.problems]


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        email="Email",
        name="fullname",
        defaults={"pionts": 1, "points": "some"},
        types={"sinse": "date", "points": "int"},
        where="contry == 'RO'",
    )
    at = "campaigns/spring.toml: recipients"
    assert found == [
        f'{at}.email: list.csv has no column "Email" (did you mean "email"?)',
        f'{at}.name: list.csv has no column "fullname" (did you mean "full_name"?)',
        f'{at}.defaults.pionts: list.csv has no column "pionts" (did you mean "points"?)',
        f'{at}.types.sinse: list.csv has no column "sinse" (did you mean "since"?)',
        f'{at}.defaults.points: "some" is no int (its type is int)',
        f'{at}.where: there is no column "contry" (did you mean "country"?)',
    ]


def test_an_address_has_no_default(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, defaults={"email": "me@example.org"})
    assert "recipients.defaults.email: an address has no default" in found


def test_for_a_column_that_resembles_none_all_are_named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, name="Anschrift")
    assert "its columns are email, full_name, country, points, since" in found


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("country ==", "it is no expression: "),
        ("country == 'RO' }} {{ points", "it is no expression: "),
        ("country = 'RO'", "it is no expression: one expression is enough (equal is ==)"),
        ("country <> 'RO'", "(not equal is !=)"),
        ("country == 'A = B' AND points", "(and, or, not, in are written small)"),
        ("country like 'R%'", "(instead of LIKE write name.startswith('A')"),
        ("contry == 'RO'", 'there is no column "contry" (did you mean "country"?)'),
        ("COUNTRY == 'RO'", 'there is no column "COUNTRY" (did you mean "country"?)'),
        ("range(3)", 'there is no column "range"'),
        (
            "points > 100",
            'the column "points" is text and is compared with number (add points = "int" to types)',
        ),
        ("100 < points", 'add points = "int"'),
        ("points > -1.5", 'add points = "int"'),
        ("row['points'] == 5", 'add points = "int"'),
        ("points in [1, 2]", 'add points = "int"'),
        ("country == 'RO' and (points * 2 > 8 or country)", 'add points = "int"'),
        ("country == true", 'add country = "bool" to types'),
        ("since == full_name", 'the column "since" is date and is compared with text'),
        ("since > '2026-01-01'", 'leave "since" out of types'),
        ("member == 'yes'", "write true or false"),
        ("age == '5'", "write the number without quotation marks"),
    ],
)
def test_a_condition_that_is_wrong_for_every_row_is_refused(tmp_path: Path, where: str, message: str) -> None:
    content = LIST.replace("email,", "age,member,email,", 1).replace("\n", "\n1,yes,").removesuffix("1,yes,")
    types = {"since": "date", "age": "int", "member": "bool"}
    assert any(
        message in problem for problem in problems(tmp_path, content=content, where=where, types=types)
    )


def test_a_column_with_blanks_in_a_condition_is_shown_as_it_is_written(tmp_path: Path) -> None:
    content = LIST.replace("country", "Home country", 1)
    (found,) = problems(tmp_path, content=content, where="Home country == 'RO'")
    assert "a column with blanks or signs in its name is written row['Home country']" in found
