"""`check`: every row that would not be sent is seen, on the screen, in a file and in JSON."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.projects import Project


def project(folder: Path, *rows: str, recipients: str = "") -> Project:
    """A campaign to a list with these lines below its header."""
    made = Project(folder)
    made.write_account(port=2525, limits='"10000/24h"')
    made.write_campaign("spring", csv="spring.csv", recipients=recipients)
    made.put("data/spring.csv", "\n".join(("email,name", *rows, "")))
    return made


ODD = (
    "ana@example.org,Ana",
    '"bo@x.org; cy@y.org",Two',
    "dan@x.org,#NV",
    "ana@EXAMPLE.org,Again",
    "nobody,=1+1",
)


def test_every_row_that_is_left_out_stands_in_the_file_with_row_cell_and_reason(tmp_path: Path) -> None:
    club = project(tmp_path, *ODD)
    assert club.mailrunner("suppress", "add", "eve@x.org").code == 0
    club.put("data/spring.csv", (tmp_path / "data/spring.csv").read_text() + "eve@x.org,Eve\n")
    file = tmp_path / "left-out.csv"
    answer = club.mailrunner("check", "spring", "--left-out", str(file))
    assert answer.code == 1, answer.stderr
    rows = list(csv.reader(file.open(encoding="utf-8")))
    assert rows[0] == ["email", "name", "mailrunner_row", "mailrunner_cell", "mailrunner_reason"]
    assert [(r[0], r[2], r[3]) for r in rows[1:]] == [
        ("bo@x.org; cy@y.org", "3", "email"),
        ("dan@x.org", "4", "name"),
        ("ana@EXAMPLE.org", "5", "email"),
        ("nobody", "6", "email"),
        ("eve@x.org", "7", "email"),
    ]
    reasons = [r[4] for r in rows[1:]]
    assert "2 addresses" in reasons[0] and "formula error #NV" in reasons[1]
    assert "earlier row" in reasons[2] and "@-sign" in reasons[3] and "manual" in reasons[4]
    assert rows[4][1] == "'=1+1"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_file_is_a_list_again_when_it_is_corrected(tmp_path: Path) -> None:
    club = project(tmp_path, "ana@example.org,Ana", "bo@@x.org,=B")
    club.mailrunner("check", "spring", "--left-out", str(tmp_path / "data/again.csv"))
    text = (tmp_path / "data/again.csv").read_text().replace("bo@@x.org", "bo@x.org")
    club.put("data/again.csv", text)
    club.write_campaign("again", csv="again.csv", list_name="Other")
    assert json.loads(club.mailrunner("check", "again", "--json").stdout)["plan"]["to_send"] == 1


def test_a_screen_shows_20_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    club = project(tmp_path, "ana@example.org,Ana", *(f"wrong{n},x" for n in range(25)))
    shown = club.mailrunner("check", "spring").stdout
    assert shown.count("left out: an email address must have an @-sign") == 20
    assert "and 5 more rows that are left out; all of them: check --left-out FILE" in shown


def test_json_has_all_of_them(tmp_path: Path) -> None:
    club = project(tmp_path, "ana@example.org,Ana", *(f"wrong{n},x" for n in range(25)), "ana@example.org,B")
    left_out = json.loads(club.mailrunner("check", "spring", "--json").stdout)["left_out"]
    assert len(left_out) == 26
    assert left_out[0] == {
        "row": 3,
        "cell": "email",
        "address": "wrong0",
        "kind": "invalid row",
        "reason": "an email address must have an @-sign",
    }
    assert left_out[-1]["kind"] == "duplicate address"


@pytest.mark.parametrize("command", [("check",), ("run", "spring", "--yes"), ("preview", "spring")])
def test_where_no_row_is_usable_the_first_reasons_are_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    club = project(tmp_path, "ana,x", '"a@x.org, b@y.org",y', "cy,z")
    answer = club.mailrunner(*command)
    assert answer.code == 78
    assert "none of 3 rows of data/spring.csv has a usable address" in answer.stderr
    assert "row 2: an email address must have an @-sign; row 3: the cell has 2 addresses" in answer.stderr


def test_the_file_is_written_also_where_no_row_is_usable(tmp_path: Path) -> None:
    file = tmp_path / "left-out.csv"
    assert project(tmp_path, "ana,x").mailrunner("check", "--left-out", str(file)).code == 78
    assert "@-sign" in file.read_text()


def test_without_a_name_the_only_campaign_is_checked(tmp_path: Path) -> None:
    club = project(tmp_path, "ana@example.org,Ana")
    assert club.mailrunner("check").stdout.startswith("spring: checked")
    club.add_campaign("summer", rows=[])
    answer = club.mailrunner("check")
    assert (answer.code, "name one: spring, summer" in answer.stderr) == (78, True)


def test_a_line_break_in_a_cell_breaks_no_line_of_the_screen(tmp_path: Path) -> None:
    shown = project(tmp_path, "ana@example.org,Ana", '"bo\nevil: 1",x').mailrunner("check").stdout
    assert "row 3 (bo ⏎ evil: 1) left out" in shown


def test_a_where_that_leaves_out_no_row_or_all_of_them_is_said(tmp_path: Path) -> None:
    rows = ("ana@example.org,Ana", "bo@example.org,Bo")
    club = project(tmp_path, *rows, recipients="where = \"name != 'Cy'\"")
    assert "! `where` leaves out no row of 2" in club.mailrunner("check").stdout
    club = project(tmp_path, *rows, recipients="where = \"name == 'ana'\"")
    answer = club.mailrunner("check")
    assert answer.code == 78
    assert "no rows that match `where`: it leaves out 2 rows" in answer.stderr
    assert 'name is "Ana", "Bo"' in answer.stderr


def test_a_message_with_the_same_mistake_twice_counts_once(tmp_path: Path) -> None:
    club = project(tmp_path, "ana@example.org,Ana", "bo@x.org,Bo")
    page = (tmp_path / "campaigns/spring.toml").read_text("utf-8").partition('html = "')[2].partition('"')[0]
    club.put(f"templates/{page}", '<a href="www.a.org">a</a><a href="b.org">{{ unsubscribe_url }}</a>')
    assert "www.a.org, is it https://www.a.org? (2 messages, first row 2)" in club.mailrunner("check").stdout
