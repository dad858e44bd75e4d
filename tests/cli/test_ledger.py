"""Changing the ledger's place: what looks or refuses makes nothing, and `ledger copy` moves it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.ledger_builder import table_names
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer

ROWS = ("ana@example.org,Ana", "bo@example.org,Bo", "cy@example.org,Cy")
LOOKING = (
    "status",
    "status spring",
    "check spring",
    "report spring",
    "quota",
    "suppress list",
    "suppress export",
    "suppress history ana@example.org",
    "suppress confirm-empty",
    "suppress remove ana@example.org --all --consent yes",
    "resume",
    "run spring --dry-run",
    "pause spring",
    "unpause spring",
    "cancel spring",
    "resolve spring",
    "requeue spring --failed",
    "purge spring",
    "new summer --from spring",
)


@pytest.fixture
def project(tmp_path: Path, server: SmtpServer) -> Project:
    return Project(tmp_path).write(rows=ROWS, port=server.port)


def set_database(project: Project, url: str) -> None:
    file = project.folder / "mailrunner.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("database")]
    file.write_text("\n".join([f'database = "{url}"', *lines, ""]))


def copies(server: SmtpServer) -> Counter[str]:
    return Counter(message.recipient for message in server.accepted)


@pytest.mark.parametrize("words", [*LOOKING, "preview spring"])  # which looks at no ledger at all
def test_a_command_that_has_nothing_to_record_makes_no_ledger(
    words: str, project: Project, postgresql_database: str
) -> None:
    set_database(project, postgresql_database)
    project.mailrunner(*words.split())
    assert table_names(postgresql_database) == []
    assert not (project.folder / ".mailrunner").exists()


@pytest.mark.parametrize("words", [*LOOKING, "run spring", "suppress add eve@example.org"])
def test_a_command_that_is_refused_for_the_ledgers_sake_makes_nothing(
    words: str, project: Project, postgresql_database: str
) -> None:
    assert project.mailrunner("suppress", "add", "di@example.org").code == 0
    set_database(project, postgresql_database)
    answer = project.mailrunner(*words.split())
    assert answer.code == 74 and "the ledger is missing" in answer.stderr
    assert table_names(postgresql_database) == []


def test_a_change_to_postgresql_before_anything_was_sent_is_no_matter(
    project: Project, postgresql_database: str, server: SmtpServer
) -> None:
    project.add_campaign("empty", rows=())
    assert project.mailrunner("run", "empty").code == 78  # it made a ledger, and sent nothing
    assert (project.folder / "data" / "mailrunner.db").exists()
    set_database(project, postgresql_database)
    assert project.mailrunner("status").code == 0
    answer = project.mailrunner("run", "spring")
    assert answer.code == 0 and "this one takes its place" in answer.stderr
    assert copies(server) == {"ana@example.org": 1, "bo@example.org": 1, "cy@example.org": 1}


def test_a_ledger_is_moved_and_the_campaign_goes_on(
    project: Project, postgresql_database: str, server: SmtpServer
) -> None:
    assert project.mailrunner("run", "spring", "--limit", "1").code == 75
    answer = project.mailrunner("ledger", "copy", postgresql_database)
    assert answer.code == 0, answer.stderr
    assert "3 deliveries" in answer.stdout and "set database in mailrunner.toml" in answer.stdout
    answer = project.mailrunner("run", "spring")
    assert answer.code == 74 and "this ledger was moved to postgresql" in answer.stderr
    set_database(project, postgresql_database)
    assert project.mailrunner("run", "spring").code == 0
    assert copies(server) == {"ana@example.org": 1, "bo@example.org": 1, "cy@example.org": 1}
    assert project.mailrunner("ledger", "copy", "sqlite:///data/back.db").code == 0
    set_database(project, "sqlite:///data/back.db")
    assert project.mailrunner("run", "spring").code == 0 and len(server.accepted) == 3


@pytest.mark.parametrize("url", ["data/new.db", "mysql://host/name", "sqlite:///:memory:"])
def test_what_is_no_place_for_a_ledger_is_said(url: str, project: Project) -> None:
    assert project.mailrunner("run", "spring").code == 0
    answer = project.mailrunner("ledger", "copy", url)
    assert answer.code == 78 and "URL" in answer.stderr and "nothing was moved" in answer.stderr


def test_a_copied_ledger_and_its_old_password_are_not_shown(project: Project) -> None:
    assert project.mailrunner("run", "spring").code == 0
    answer = project.mailrunner("ledger", "copy", "postgresql+psycopg://me:hunter2@127.0.0.1:9/none")
    assert answer.code == 74 and "hunter2" not in answer.stderr + answer.stdout


def test_a_new_ledger_says_whose_suppressions_it_took_over(project: Project, server: SmtpServer) -> None:
    project.mailrunner("suppress", "add", "bo@example.org")
    answer = project.mailrunner("run", "spring", "--new-ledger")
    assert answer.code == 0 and "was taken over: 1 entry" in answer.stderr
    assert copies(server) == {"ana@example.org": 1, "cy@example.org": 1}


def test_a_copy_without_a_change_is_refused_at_the_command_line(project: Project, server: SmtpServer) -> None:
    assert project.mailrunner("run", "spring").code == 0
    assert project.mailrunner("new", "summer", "--from", "spring").code == 0
    for words in (("check", "summer"), ("run", "summer")):
        answer = project.mailrunner(*words)
        assert answer.code == 78 and "under another name" in answer.stderr
    assert len(server.accepted) == 3
