"""URLs of databases: paths, and URLs that no ledger can live at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.config.database_url import absolute_database, with_timeout
from mailrunner.config.project import load_project
from mailrunner.errors import UserError
from tests.support.project_toml import project_problems
from tests.support.projects import Project


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///data/x.db", "sqlite:////home/ana/data/x.db"),
        ("sqlite:///x.db?timeout=5", "sqlite:////home/ana/x.db?timeout=5"),
        ("sqlite+pysqlite:///x.db", "sqlite+pysqlite:////home/ana/x.db"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("postgresql+psycopg://db/mail", "postgresql+psycopg://db/mail"),
    ],
)
def test_the_path_of_a_database_is_relative_to_the_project(url: str, absolute: str) -> None:
    assert absolute_database(url, Path("/home/ana")) == absolute


@pytest.mark.parametrize(
    "url", ["data/x.db", "mysql://h/x", "postgres://h/x", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_that_no_ledger_can_live_at_is_refused(tmp_path: Path, url: str) -> None:
    assert (
        "sqlite:///data/mailrunner.db" in project_problems(tmp_path, f'database = "{url}"')["database"].hint
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg://ana@db/mail", "postgresql+psycopg://ana@db/mail?tcp_user_timeout=30000"),
        ("postgresql://ana:p?w@db/mail", "postgresql://ana:p?w@db/mail?tcp_user_timeout=30000"),
        ("postgresql://ana@db/mail?a=b", "postgresql://ana@db/mail?a=b&tcp_user_timeout=30000"),
        ("postgresql://ana@db/mail?tcp_user_timeout=7", "postgresql://ana@db/mail?tcp_user_timeout=7"),
        ("postgresql+pg8000://ana@db/mail", "postgresql+pg8000://ana@db/mail"),
        ("sqlite:///data/mailrunner.db", "sqlite:///data/mailrunner.db"),
    ],
)
def test_the_timeout_goes_where_a_driver_knows_it_and_the_url_says_none(url: str, expected: str) -> None:
    assert with_timeout(url, timedelta(seconds=30)) == expected
    assert with_timeout(url, None) == url


@pytest.mark.parametrize("written", ["1s", "61s", "2m", "10"])
def test_a_timeout_beyond_its_bounds_is_refused(tmp_path: Path, written: str) -> None:
    project = Project(tmp_path)
    project.write_account(project=f'[ledger]\ntimeout = "{written}"')
    with pytest.raises(UserError, match="timeout"):
        load_project(tmp_path, {})
