"""${VARIABLES}: the environment, `.env`, and what a variable that is not set hinders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.config.project import load_project
from mailrunner.config.variables import expand
from mailrunner.errors import UserError
from tests.support.project_toml import CANARY, GMAIL, project_of, project_problems, write_project


def test_the_environment_wins_over_the_env_file_whose_values_are_verbatim(tmp_path: Path) -> None:
    env = "\ufeffFIRST=from file\nexport SECOND='a $b ${FIRST} #c'\n# a comment\n"
    text = GMAIL.replace("ana@", "${FIRST}@").replace("abcd efgh ijkl mnop", "${SECOND}")
    found = load_project(write_project(tmp_path, text, env), {"FIRST": "eva"}).account("gmail")
    assert found.user == "eva@gmail.com"
    assert found.password is not None
    assert found.password.get_secret_value() == "a$b${FIRST}#c"


def test_a_line_of_the_env_file_that_is_not_understood_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.env: line 2") as caught:
        load_project(write_project(tmp_path, "", f"A=1\n'{CANARY}\n"), {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("environ", [{}, {"NOPE": ""}])
def test_a_missing_variable_hinders_only_its_account(tmp_path: Path, environ: dict[str, str]) -> None:
    text = GMAIL + '[accounts.crm]\nprovider = "yahoo"\nuser = "a@yahoo.com"\npassword = "${NOPE}"\n'
    found = project_of(tmp_path, text, environ)
    assert found.account("gmail").user == "ana@gmail.com"
    with pytest.raises(UserError) as caught:
        found.account("crm")
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("mailrunner.toml", "accounts.crm.password")
    assert "NOPE" in problem.message
    assert ".env" in problem.hint


@pytest.mark.parametrize(
    "line",
    [
        'timezone = "${NOPE}"',
        'limits = ["${NOPE}/24h"]',
        'host = "${NOPE}"',
        'tls = "${NOPE}"',
        'ca_file = "${NOPE}"',
    ],
)
def test_a_key_that_only_lacks_a_variable_has_one_problem(tmp_path: Path, line: str) -> None:
    found = project_of(tmp_path, GMAIL + line)
    with pytest.raises(UserError) as caught:
        found.account("gmail")
    assert [problem.message for problem in caught.value.problems] == ["the variable NOPE is not set"]


def test_a_missing_variable_hides_no_mistake_of_the_file(tmp_path: Path) -> None:
    server = 'provider = "smtp"\nhost = "h.example"\nport = 2525\nhots = 1\n'
    text = f'[accounts.it]\n{server}user = "u"\npassword = "${{NOPE}}"'
    assert set(project_problems(tmp_path, text)) == {"accounts.it.tls", "accounts.it.hots"}


def test_a_missing_variable_of_the_ledger_or_of_unsubscribe_hinders_every_command(tmp_path: Path) -> None:
    found = project_problems(tmp_path, 'database = "${DB}"\n[unsubscribe]\nsecret = "${S}"')
    assert {key: problem.message for key, problem in found.items()} == {
        "database": "the variable DB is not set",
        "unsubscribe.secret": "the variable S is not set",
    }


def test_two_dollars_stand_for_the_plain_text() -> None:
    assert expand({"a": ["$${X} $X ${X}"]}, {"X": "1"}) == ({"a": ["${X} $X 1"]}, {})


@given(st.text(), st.text(min_size=1))
def test_a_value_is_filled_in_verbatim_and_not_again(text: str, value: str) -> None:
    plain = text.replace("$", "")
    assert expand({"a": plain + "${X}"}, {"X": value}) == ({"a": plain + value}, {})
