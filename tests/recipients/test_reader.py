"""Recipients: columns, defaults, types and `where`; what templates see; duplicates."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from mailrunner.errors import RowError, UserError
from mailrunner.recipients.cell import from_text
from mailrunner.recipients.filter import RowFilter
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import Recipient, RecipientList, RecipientRow, RowReader, flag_duplicates
from mailrunner.recipients.source import CHUNK
from tests.support.recipient_tables import Spec

PEOPLE = """\
email,full_name,country,points,since
ana@example.org,Ana Pop,RO,150,2026-01-02
 Bo@Example.org ,,DE,7,2025-05-06
not an address,Cy,RO,200,2024-01-01
,Di,RO,300,2024-01-01
eve@example.org,Eve,RO,many,2024-01-01
fay@example.org,Fay,RO, ,2024-01-01
"""


def people(folder: Path, content: str = PEOPLE, **words: Any) -> RecipientList:
    (folder / "people.csv").write_text(content, encoding="utf-8")
    spec = Spec(csv="people.csv", **words)
    return RecipientList(open_source(spec, folder), spec, file="campaigns/spring.toml")


def entries(folder: Path, content: str = PEOPLE, **words: Any) -> list[RecipientRow]:
    return [entry for chunk in people(folder, content, **words).chunks() for entry in chunk]


def problems(folder: Path, **words: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        people(folder, **words)
    return [str(problem) for problem in caught.value.problems]


def test_each_row_becomes_an_entry_with_its_line_and_its_cells_verbatim(tmp_path: Path) -> None:
    ana, bo, *_ = entries(tmp_path, name="full_name")
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


def test_an_invalid_address_is_an_entry_with_its_problem(tmp_path: Path) -> None:
    invalid, empty = entries(tmp_path)[2:4]
    assert (invalid.row, invalid.address, invalid.wire, invalid.key) == (4, "not an address", "", None)
    assert invalid.problem == "an email address must have an @-sign"
    assert (empty.row, empty.key, empty.problem) == (5, None, "the address is empty")


def test_a_cell_that_is_not_of_its_type_is_the_rows_problem(tmp_path: Path) -> None:
    found = {entry.address: entry.problem for entry in entries(tmp_path, types={"points": "int"})}
    assert found["eve@example.org"] == 'points: "many" is no int'
    assert found["ana@example.org"] == ""


def test_the_address_comes_first_when_a_row_has_two_problems(tmp_path: Path) -> None:
    (entry,) = entries(tmp_path, "email,points\n,many\n", types={"points": "int"})
    assert entry.problem == "the address is empty"


# --- where -----------------------------------------------------------------------------------------


def test_rows_that_fail_the_condition_are_left_out_entirely(tmp_path: Path) -> None:
    kept = entries(tmp_path, where="country == 'DE'")
    assert [entry.row for entry in kept] == [3]


def test_the_condition_sees_defaults_first_and_then_types(tmp_path: Path) -> None:
    words: dict[str, Any] = {"defaults": {"points": 999}, "types": {"points": "int"}, "where": "points > 250"}
    assert [(entry.row, entry.problem) for entry in entries(tmp_path, **words)] == [
        (5, "the address is empty"),
        (6, 'points: "many" is no int'),
        (7, ""),
    ]


def test_a_bad_cell_is_no_problem_where_the_condition_leaves_its_row_out_on_other_grounds(
    tmp_path: Path,
) -> None:
    words: dict[str, Any] = {"types": {"points": "int"}, "where": "country == 'DE' and points > 1"}
    assert [entry.row for entry in entries(tmp_path, **words)] == [3]


def test_a_bad_cell_that_the_condition_never_touches_is_still_a_problem(tmp_path: Path) -> None:
    found = entries(tmp_path, types={"points": "int"}, where="full_name == 'Eve'")
    assert [entry.problem for entry in found] == ['points: "many" is no int']


def test_an_empty_typed_cell_that_the_condition_needs_is_the_rows_problem(tmp_path: Path) -> None:
    fay = entries(tmp_path, types={"points": "int"}, where="points > 1000 and country == 'RO'")[-1]
    assert fay.problem == "where: points: the cell is empty; give it a value in defaults"


def test_the_condition_may_ask_whether_a_typed_cell_has_a_value(tmp_path: Path) -> None:
    found = entries(tmp_path, types={"points": "int"}, where="points is not defined and full_name == 'Fay'")
    assert [entry.address for entry in found] == ["fay@example.org"]


def test_the_condition_sees_row_and_recipient(tmp_path: Path) -> None:
    content = "E-mail,Given name\nana@example.org,Ana\nbo@example.com,Bo\n"
    where = """row["Given name"] in ["Ana", "Bo"] and recipient.address.endswith("example.com")"""
    found = entries(tmp_path, content, email="E-mail", where=where)
    assert [entry.address for entry in found] == ["bo@example.com"]


def test_what_the_condition_raises_concerns_that_row_alone(tmp_path: Path) -> None:
    found = entries(
        tmp_path, "email,n\na@example.org,0\nb@example.org,4\n", types={"n": "int"}, where="8 / n > 1"
    )
    assert [(entry.row, entry.problem) for entry in found] == [(2, "where: division by zero"), (3, "")]


def test_a_column_may_be_called_what_jinja_or_the_compiler_call_something(tmp_path: Path) -> None:
    content = "email,result,range\na@example.org,x,1\nb@example.org,y,1\nc@example.org,x,2\n"
    assert [entry.row for entry in entries(tmp_path, content, where="result == 'x' and range == '1'")] == [2]


def test_the_condition_is_sandboxed(tmp_path: Path) -> None:
    found = entries(tmp_path, "email\na@example.org\n", where="email.__class__.__mro__")
    assert "unsafe" in found[0].problem


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("country ==", "it is no expression: "),
        ("country == 'RO' }} {{ points", "it is no expression: "),
        ("contry == 'RO'", 'there is no column "contry" (did you mean "country"?)'),
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
def test_a_condition_that_is_wrong_for_every_row_is_the_files_fault(
    tmp_path: Path, where: str, sentence: str
) -> None:
    content = (
        PEOPLE.replace("email,", "age,member,email,", 1).replace("\n", "\n1,yes,").removesuffix("1,yes,")
    )
    types = {"since": "date", "age": "int", "member": "bool"}
    assert any(
        sentence in problem for problem in problems(tmp_path, content=content, where=where, types=types)
    )


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
def test_a_condition_that_can_be_judged_has_no_complaints(where: str) -> None:
    kinds = {"points": "int", "country": "text", "since": "date", "member": "bool"}
    assert list(RowFilter(where, kinds).problems()) == []


@given(rows=st.lists(st.tuples(st.sampled_from(["RO", "DE", ""]), st.integers(-5, 5)), max_size=20))
def test_the_condition_judges_as_jinja_does(rows: list[tuple[str, int]]) -> None:
    source = "country == 'RO' and points > 1 or points < -3"
    ours = RowFilter(source, {"country": "text", "points": "int"})
    theirs = SandboxedEnvironment(undefined=StrictUndefined).compile_expression(
        source, undefined_to_none=False
    )
    for country, points in rows:
        scene = {"country": country, "points": points}
        assert ours(scene) == theirs(scene)


# --- what is wrong for every row ---------------------------------------------------------------------


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
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
        f'{at}.email: people.csv has no column "Email" (did you mean "email"?)',
        f'{at}.name: people.csv has no column "fullname" (did you mean "full_name"?)',
        f'{at}.defaults.pionts: people.csv has no column "pionts" (did you mean "points"?)',
        f'{at}.types.sinse: people.csv has no column "sinse" (did you mean "since"?)',
        f'{at}.defaults.points: "some" is no int (its type is int)',
        f'{at}.where: there is no column "contry" (did you mean "country"?)',
    ]


def test_an_address_has_no_default(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, defaults={"email": "me@example.org"})
    assert "recipients.defaults.email: an address has no default" in found


def test_a_column_that_resembles_nothing_is_told_what_there_is(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, email="Anschrift")
    assert "its columns are email, full_name, country, points, since" in found


def test_a_list_of_nobody_is_no_mistake_here(tmp_path: Path) -> None:
    assert entries(tmp_path, "email\n") == []


# --- what templates see ------------------------------------------------------------------------------


def test_templates_see_columns_row_and_recipient() -> None:
    spec = Spec(name="Given name", defaults={"Given name": "friend"}, types={"points": "int"})
    reader = RowReader(["email", "Given name", "points"], spec)
    context = reader.context([" Ana@example.org", " ", "00123"])
    row = {"email": " Ana@example.org", "Given name": "friend", "points": 123}
    assert context == {**row, "row": row, "recipient": Recipient("Ana@example.org", "friend")}


def test_stored_rows_read_like_fresh_ones(tmp_path: Path) -> None:
    recipients = people(tmp_path, types={"since": "date"}, name="full_name")
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


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("00123", "int", 123),
        (" -7 ", "int", -7),
        ("12.0", "int", 12),
        ("1e5", "float", 100000.0),
        (".5", "float", 0.5),
        ("2026-01-02", "date", date(2026, 1, 2)),
        ("2026-01-02T00:00:00", "date", date(2026, 1, 2)),
        ("2026-01-02 08:30", "datetime", datetime(2026, 1, 2, 8, 30)),  # noqa: DTZ001
        ("TRUE", "bool", True),
        ("no", "bool", False),
        ("0", "bool", False),
    ],
)
def test_cells_convert(text: str, kind: str, value: object) -> None:
    assert from_text(text, kind) == value
    assert type(from_text(text, kind)) is type(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("abc", "int"),
        ("1_000", "int"),
        ("12.5", "int"),
        ("١٢", "int"),
        ("9" * 5000, "int"),
        ("nan", "float"),
        ("inf", "float"),
        ("1e999", "float"),
        ("1,5", "float"),
        ("2026-13-01", "date"),
        ("02.01.2026", "date"),
        ("2026-01-02T08:30", "date"),
        ("soon", "datetime"),
        ("2", "bool"),
    ],
)
def test_cells_of_another_kind_do_not_convert(text: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"is no {kind}") as caught:
        from_text(text, kind)
    assert len(str(caught.value)) < 120


def test_rows_that_are_left_out_count_towards_a_chunk(tmp_path: Path) -> None:
    content = "email,n\n" + "".join(f"a{i}@example.org,{i}\n" for i in range(CHUNK + 5))
    chunks = people(tmp_path, content, types={"n": "int"}, where=f"n in (0, {CHUNK - 1}, {CHUNK})").chunks()
    assert [[entry.row for entry in chunk] for chunk in chunks] == [[2, CHUNK + 1], [CHUNK + 2]]


# --- duplicates --------------------------------------------------------------------------------------


def test_the_first_of_each_address_wins_across_chunks() -> None:
    def entry(row: int, key: str | None) -> RecipientRow:
        return RecipientRow(row, "", "", key, "", (), "")

    chunks = [
        [entry(2, "a@example.org"), entry(3, None), entry(4, "b@example.org")],
        [entry(5, "a@example.org"), entry(6, None)],
    ]
    assert [(e.row, again) for e, again in flag_duplicates(chunks)] == [
        (2, False),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
    ]
