"""URLs of databases: paths, and URLs that no ledger can live at."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.database_url import absolute_database
from tests.support.project_toml import project_problems


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
