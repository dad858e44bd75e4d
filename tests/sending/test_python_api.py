"""The Python API does what the commands do, with the same sentences as exceptions."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mailrunner
from mailrunner import LedgerError, MailrunnerError, Project, UserError
from mailrunner.report.columns import COLUMNS
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import answered
from tests.support.projects import Project as ProjectFiles
from tests.support.smtp_server import SmtpServer

ROWS = [{"email": f"person{n}@example.org", "name": f"Name {n}"} for n in range(5)]


@pytest.fixture
def mailing(tmp_path: Path, server: SmtpServer) -> CampaignInProcess:
    return CampaignInProcess(tmp_path, server).write(csv=people(5))


@pytest.fixture
def project(mailing: CampaignInProcess) -> Project:
    return Project(mailing.folder)


def problem(error: pytest.ExceptionInfo[UserError]) -> str:
    return str(error.value)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, mailrunner; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("mailrunner.")}
    assert loaded == set()
    assert {"Project", "Campaign", "MailrunnerError"} <= set(dir(mailrunner))
    with pytest.raises(AttributeError, match="Projekt"):
        _ = mailrunner.Projekt  # type: ignore[attr-defined]


def test_a_campaign_is_checked_looked_at_sent_and_reported(
    project: Project, mailing: CampaignInProcess
) -> None:
    spring = project.campaign("spring")
    checked = spring.check()
    assert (checked.ok, checked.to_send, checked.status.state) == (True, 5, "new")
    assert spring.status().state == "new"
    shown = spring.preview("person3@example.org")
    assert (shown.recipient, shown.subject) == ("person3@example.org", "Name 3, spring is here")
    assert shown.html and "Hello Name 3" in shown.html and b"Subject: Name 3" in shown.data
    assert spring.preview(2).subject == spring.preview().subject == "Name 0, spring is here"
    assert spring.preview({"email": "new@example.org", "name": "Neu"}).subject == "Neu, spring is here"
    first = spring.run(limit=2)
    assert (first.state, first.sent_now, first.counts.queued) == ("waiting", 2, 3)
    assert spring.run().state == "finished"
    assert set(mailing.copies().values()) == {1} and len(mailing.copies()) == 5
    assert [row["state"] for row in spring.rows()] == ["sent"] * 5
    (status,) = project.status().campaigns
    assert status == spring.status() and status.counts.sent == 5


def test_the_values_are_what_the_commands_print(project: Project, mailing: CampaignInProcess) -> None:
    folder = mailing.folder
    checked = {**answered(folder, "check", "spring")[1], "finish_at": None}
    assert {**project.campaign("spring").check().as_dict(), "finish_at": None} == checked
    project.campaign("spring").run(limit=3)
    ours, printed = project.status().as_dict(), answered(folder, "status")[1]
    for found in (*ours["campaigns"], *printed["campaigns"]):
        found["finish_at"] = None  # a forecast from now on
    assert ours == printed
    assert [a.as_dict() for a in project.accounts()] == answered(folder, "quota")[1]["accounts"]
    written = ProjectFiles(folder).mailrunner("report", "spring", "--format", "json").stdout
    assert json.loads(written)["deliveries"] == list(project.campaign("spring").rows())


def test_a_report_is_a_data_frame_with_types(project: Project) -> None:
    spring = project.campaign("spring")
    assert list(spring.report().columns) == list(COLUMNS) and spring.report().empty
    spring.run(limit=2)
    frame = spring.report()
    assert len(frame) == 5
    assert str(frame["code"].dtype) == "Int64" and str(frame["finished_at"].dt.tz) == "UTC"
    assert frame.loc[0, "address"] == "person0@example.org"


def test_without_pandas_the_report_says_what_to_do(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r"needs pandas \(pip install pandas, or take rows\(\)\)"):
        project.campaign("spring").report()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: p.campaign("sprung").run(), 'there is no campaign "sprung" (did you mean "spring"?)'),
        (lambda p: p.campaign("sprung").status(), 'did you mean "spring"?'),
        (lambda p: p.campaign("sprung").rows(), 'did you mean "spring"?'),
        (lambda p: p.campaign("spring").run(limit=0), "limit: 0 is no number of messages"),
        (lambda p: p.campaign("spring").run(limit=True), "True is no number"),
        (lambda p: p.campaign("spring").preview(77), "has no row of number 77"),
        (lambda p: p.campaign("spring").preview("away@example.org"), "has no row for away@example.org"),
        (lambda p: p.campaign("spring").preview("no address"), '"no address"'),
        (lambda p: p.campaign("spring").preview({"email": "a@example.org"}), "name"),
        (lambda p: p.suppress("Ana"), '"Ana"'),
        (lambda p: p.suppress(), "there is no address (nothing was changed)"),
        (lambda p: p.suppress("a@example.org", reason="bored"), '"bored" is no reason'),
        (lambda p: p.unsuppress("a@example.org", consent=" "), "consent: is empty"),
        (lambda p: p.suppressions("Ana"), '"Ana"'),
    ],
)
def test_what_is_wrong_is_said_at_once(project: Project, call: Any, words: str) -> None:
    with pytest.raises(MailrunnerError) as error:
        call(project)
    assert words in str(error.value)


def test_a_folder_without_a_project_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MailrunnerError, match=r"there is no mailrunner\.toml"):
        Project(tmp_path / "nowhere")


def test_a_folder_below_the_project_means_it(project: Project) -> None:
    assert Project(project.folder / "campaigns").folder == project.folder
    assert repr(project) == f"Project({str(project.folder)!r})"


def test_a_disk_that_fails_has_the_same_base_class(project: Project) -> None:
    (project.folder / "data/mailrunner.db").mkdir()
    with pytest.raises(LedgerError):
        project.campaign("spring").run()


def test_addresses_are_suppressed_and_agree_again(project: Project, mailing: CampaignInProcess) -> None:
    (entry,) = project.suppress("Person1@example.org", reason="unsubscribe", list_name="Club news")
    assert (entry.key, entry.list_key, entry.known) == ("person1@example.org", "club news", False)
    project.suppress("person2@example.org")
    assert project.suppress("person2@example.org")[0].known
    assert "No campaign uses the list" in project.suppress("x@example.org", list_name="Other")[0].notice
    assert {e.key for e in project.suppressions()} == {
        "person1@example.org",
        "person2@example.org",
        "x@example.org",
    }
    assert [str(e.reason) for e in project.suppressions("person1@example.org")] == ["unsubscribe"]
    (removed,) = project.unsuppress("person2@example.org", consent="wrote on 3 May")
    assert (removed.removed, removed.left) == (1, ())
    result = project.campaign("spring").run()
    assert (result.counts.sent, result.counts.suppressed) == (4, 1)
    assert "person1@example.org" not in mailing.copies()


def test_events_are_those_of_the_log(tmp_path: Path, server: SmtpServer) -> None:
    events: list[dict[str, Any]] = []
    CampaignInProcess(tmp_path, server).write(csv=people(3))
    Project(tmp_path).campaign("spring").run(on_event=events.append)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "run_begun" and kinds[-2:] == ["inlined", "run_ended"]
    answers = [event for event in events if event["event"] == "answered"]
    assert [one["state"] for one in answers] == ["sent"] * 3 and answers[0]["message_id"].startswith("<")


def test_an_error_in_the_callback_ends_the_run_with_all_recorded(
    project: Project, mailing: CampaignInProcess
) -> None:
    def break_off(event: dict[str, Any]) -> None:
        if event["event"] == "answered":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        project.campaign("spring").run(on_event=break_off)
    counts = project.campaign("spring").status().counts
    assert counts.in_doubt == counts.in_flight == 0
    assert counts.sent == len(mailing.copies()) < 5
    assert project.campaign("spring").run().state == "finished"
    assert set(mailing.copies().values()) == {1}


def test_ctrl_c_ends_the_run_with_all_recorded(project: Project, mailing: CampaignInProcess) -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(event: dict[str, Any]) -> None:
        if event["event"] == "answered":
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            project.campaign("spring").run(on_event=press)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    counts = project.campaign("spring").status().counts
    assert counts.in_doubt == counts.in_flight == 0 and counts.sent == len(mailing.copies()) < 5


def test_a_run_is_stopped_by_its_program(project: Project) -> None:
    spring = project.campaign("spring")
    spring.stop()  # nothing runs
    result = spring.run(on_event=lambda event: spring.stop() if event["event"] == "answered" else None)
    assert (result.state, result.reason) == ("waiting", "interrupted") and result.counts.sent < 5
    assert spring.run().state == "finished"


def query() -> Any:
    crm = sqlite3.connect(":memory:")
    crm.row_factory = sqlite3.Row
    crm.execute("CREATE TABLE people (email, name)")
    crm.executemany("INSERT INTO people VALUES (:email, :name)", ROWS)
    return crm.execute("SELECT * FROM people")


GIVEN = {
    "frame": lambda: pd.DataFrame(ROWS),
    "list": lambda: ROWS,
    "iterator": lambda: iter(ROWS),
    "generator": lambda: (row for row in ROWS),
    "sqlite": query,
}


@pytest.mark.parametrize("kind", GIVEN)
def test_rows_of_a_program_are_sent_to_once(kind: str, project: Project, mailing: CampaignInProcess) -> None:
    mailing.list("email,name\nfile@example.org,File\n")
    spring = project.campaign("spring", recipients=GIVEN[kind]())
    assert spring.check().to_send == 5
    assert spring.run(limit=2).counts.queued == 3
    code, answer = answered(mailing.folder, "run", "spring")  # without the rows, which are in the snapshot
    assert (code, answer["counts"]["sent"], answer["total"]) == (0, 5, 5)
    assert mailing.copies() == dict.fromkeys([row["email"] for row in ROWS], 1)


def test_the_file_may_name_no_list(project: Project, mailing: CampaignInProcess) -> None:
    file = mailing.folder / "campaigns/spring.toml"
    file.write_text(
        file.read_text()
        .replace('csv = "people.csv"', "")
        .replace('csv = "data/people.csv"', "program = true")
    )
    code, answer = answered(mailing.folder, "run", "spring")
    assert code == 78 and "its recipients come from a program" in answer["reason"]
    assert project.campaign("spring", recipients=ROWS).run(limit=1).sent_now == 1
    assert answered(mailing.folder, "check", "spring")[1]["plan"]["to_send"] == 4
    code, answer = answered(mailing.folder, "run", "spring", "--refresh")
    assert code == 78 and "has to give them again" in answer["reason"]
    assert answered(mailing.folder, "resume")[0] == 0
    assert set(mailing.copies().values()) == {1} and len(mailing.copies()) == 5


def test_a_changed_message_before_the_first_one_keeps_the_rows(
    project: Project, mailing: CampaignInProcess
) -> None:
    mailing.write(csv="email,name\nfile@example.org,File\n", send="start = 2999-01-01T00:00:00Z")
    result = project.campaign("spring", recipients=ROWS).run()
    assert (result.sent_now, result.counts.queued) == (0, 5)
    mailing.write(
        csv="email,name\nfile@example.org,File\n", letter="<p>Hi {{ name }} {{ unsubscribe_url }}</p>"
    )
    assert answered(mailing.folder, "run", "spring")[0] == 0
    assert len(mailing.copies()) == 5 and "file@example.org" not in mailing.copies()


def test_changed_rows_of_a_program_are_drift(project: Project, mailing: CampaignInProcess) -> None:
    project.campaign("spring", recipients=ROWS).run(limit=1)
    fewer = [*ROWS[:4], {"email": "new@example.org", "name": "New"}]
    result = project.campaign("spring", recipients=fewer).run(limit=1)
    assert any("1 recipient is no longer on the list: held back" in notice for notice in result.notices)
    assert any("1 new and 0 edited rows" in notice for notice in result.notices)
    assert project.campaign("spring", recipients=fewer).run(refresh=True).counts.sent == 5
    assert "person4@example.org" not in mailing.copies() and mailing.copies()["new@example.org"] == 1


def test_cells_become_text_as_those_of_a_file(project: Project) -> None:
    row = {"email": "a@example.org", "name": "{{ name }}", "n": 5.0, "b": True, "d": date(2026, 5, 4)}
    row |= {
        "nothing": None,
        "nan": float("nan"),
        "nat": pd.NaT,
        "na": pd.NA,
        "price": Decimal("1.50"),
        "zero": "007",
    }
    row |= {"np": pd.Series([7]).to_numpy()[0], "bool": pd.Series([True]).to_numpy()[0]}
    file = project.folder / "templates/letter.html"
    values = "|".join(f"{{{{ {name} }}}}" for name in list(row)[2:])
    file.write_text(f"<p>{values} {{{{ unsubscribe_url }}}}</p>")
    text = project.campaign("spring").preview(row).text
    assert text.startswith("5|TRUE|2026-05-04|||||1.50|007|7|TRUE")
    assert project.campaign("spring").preview(row).subject == "{{ name }}, spring is here"


def broken() -> Iterator[dict[str, str]]:
    yield from ROWS[:2]
    raise ConnectionError("the CRM is away")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "there are no rows"),
        (pd.DataFrame({"email": [], "name": []}), "has no rows"),
        ("data/people.csv", "str is no list of rows"),
        (ROWS[0], "dict is no list of rows"),
        (7, "int is no list of rows"),
        ([*ROWS, 7], "row 6 is of type int"),
        ([("a@example.org", "Ana")], "row 1 is of type tuple"),
        ([*ROWS, {"email": "x@example.org", "nmae": "X"}], 'row 6 has "nmae", which the first row has not'),
        ([{**ROWS[0], "tags": ["a"]}], "row 1: tags is a list"),
        ([{**ROWS[0], "name": "\ud800"}], "row 1 holds half of a character"),
        ([{**ROWS[0], "name": "a\0b"}], "row 1 holds a NUL character"),
        ([{"email": "a@example.org"}], "name"),
        ([{"mail": "a@example.org", "name": "A"}], 'has no column "email"'),
        ([{"email": "a@example.org", "name": "A", 1: "", "1": ""}], '2 columns are called "1"'),
    ],
)
def test_rows_that_are_no_list_are_said_with_their_place(project: Project, rows: Any, words: str) -> None:
    with pytest.raises(UserError) as error:
        project.campaign("spring", recipients=rows).run()
    assert words in problem(error)
    assert project.status().campaigns == ()


def test_rows_that_break_off_are_never_taken_for_the_list(
    project: Project, mailing: CampaignInProcess
) -> None:
    spring = project.campaign("spring", recipients=broken())
    with pytest.raises(LedgerError, match="the CRM is away"):
        spring.run()
    with pytest.raises(UserError, match="could not be read to the end before"):
        spring.run()
    assert not mailing.copies()


def test_odd_rows_are_left_out_as_those_of_a_file(project: Project, mailing: CampaignInProcess) -> None:
    rows: list[dict[str, Any]] = [*ROWS, ROWS[0], {"email": "no address"}, {"email": None}]
    result = project.campaign("spring", recipients=rows).run()
    assert (result.counts.sent, result.counts.skipped, result.total) == (5, 3, 8)


def test_refresh_takes_the_list_of_the_file_instead(project: Project, mailing: CampaignInProcess) -> None:
    project.campaign("spring", recipients=ROWS).run(limit=1)
    mailing.list("email,name\n" + "".join(f"{row['email']},{row['name']}\n" for row in ROWS[:4]))
    code, answer = answered(mailing.folder, "run", "spring", "--refresh")
    assert (code, answer["counts"]["sent"], answer["counts"]["skipped"]) == (0, 4, 1)
