"""Recipients from a database: SQLite and PostgreSQL, read only, no password in any message."""

from __future__ import annotations

import sqlite3
from contextlib import chdir
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.source import CHUNK
from tests.support.recipient_tables import Spec, error_of, rows_of

QUERY = "SELECT email, zip, points, note FROM members WHERE note NOT LIKE '%:skip' ORDER BY email"
ROWS = [
    ("a@example.org", "00123", 5, "x"),
    ("b@example.org", None, None, "at 08:30"),
    ("c@example.org", "", 1, ":skip"),
]


def sqlite_crm(folder: Path) -> Path:
    crm = sqlite3.connect(folder / "crm.db")
    crm.execute("CREATE TABLE members (email TEXT, zip TEXT, points INT, note TEXT)")
    crm.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", ROWS)
    crm.commit()
    crm.close()
    return folder


def test_a_query_on_sqlite_is_read_as_text(tmp_path: Path) -> None:
    source = open_source(Spec(sql=QUERY, database="sqlite:///crm.db"), sqlite_crm(tmp_path))
    assert source.columns == ("email", "zip", "points", "note")
    assert rows_of(source) == [
        (1, ("a@example.org", "00123", "5", "x")),
        (2, ("b@example.org", "", "", "at 08:30")),
    ]
    assert source.fingerprint() is None
    assert source.stat_mark() is None


def test_the_database_is_found_beside_the_project_from_anywhere(tmp_path: Path) -> None:
    sqlite_crm(tmp_path)
    (tmp_path / "else").mkdir()
    with chdir(tmp_path / "else"):
        source = open_source(Spec(sql=QUERY, database="sqlite:///crm.db"), tmp_path)
        assert len(rows_of(source)) == 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nowhere FROM members", "no such column"),
        ("SELEC", "syntax error"),
        ("DELETE FROM members", "readonly"),
        ("SELECT email, email FROM members", '2 columns are called "email"'),
    ],
)
def test_a_query_that_is_wrong_or_writes_is_refused(tmp_path: Path, sql: str, message: str) -> None:
    assert message in error_of(open_source(Spec(sql=sql, database="sqlite:///crm.db"), sqlite_crm(tmp_path)))
    crm = sqlite3.connect(tmp_path / "crm.db")
    assert crm.execute("SELECT count(*) FROM members").fetchone() == (3,)
    crm.close()


def test_a_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'no SQLite file "crm.db"'):
        open_source(Spec(sql=QUERY, database="sqlite:///crm.db"), tmp_path)
    assert not (tmp_path / "crm.db").exists()


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("", "sql needs the database"),
        ("canary-s3cret", "the address of the database cannot be read"),
        (
            "postgresql+psycopg://ana:canary-s3cret@host:port/crm",
            "the address of the database cannot be read",
        ),
        ("klingon://ana:canary-s3cret@host/crm", '"klingon" is no known kind of database'),
        ("mysql+pymysql://ana:canary-s3cret@host/crm", "pip install pymysql"),
        ("postgresql+psycopg://ana:canary-s3cret@127.0.0.1:1/crm?connect_timeout=2", "connection"),
    ],
)
def test_a_database_that_cannot_be_read_is_refused_without_its_password(
    tmp_path: Path, database: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        assert open_source(Spec(sql=QUERY, database=database), tmp_path).columns
    assert message in str(caught.value)
    assert "canary-s3cret" not in str(caught.value)


@pytest.mark.parametrize("login", ["ana:refused@127.0.0.1:1/crm", "ana@127.0.0.1:1/crm?password=refused"])
def test_a_password_is_hidden_in_the_drivers_message(tmp_path: Path, login: str) -> None:
    message = error_of(open_source(Spec(sql=QUERY, database=f"postgresql://{login}"), tmp_path))
    assert "***" in message
    assert "refused" not in message


def test_a_query_on_postgresql_is_streamed_as_text(postgresql: str, tmp_path: Path) -> None:
    sql = (
        "SELECT 'a' || n || '@example.org' AS email, n, n / 2.0::float8 AS half, n % 2 = 0 AS even,"
        " NULL AS none,"
        " date '2026-01-02' AS day, 1.50::numeric AS price, interval '1 day' AS wait,"
        " ':x %s' AS text"
        f" FROM generate_series(1, {CHUNK + 2}) n"
    )
    source = open_source(Spec(sql=sql, database=postgresql), tmp_path)
    assert source.columns == ("email", "n", "half", "even", "none", "day", "price", "wait", "text")
    numbered = rows_of(source)
    assert len(numbered) == CHUNK + 2
    expected = (
        "a1@example.org",
        "1",
        "0.5",
        "FALSE",
        "",
        "2026-01-02",
        "1.50",
        str(timedelta(days=1)),
        ":x %s",
    )
    assert numbered[0] == (1, expected)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nextval('tickets')", "read-only transaction"),
        ("DROP SEQUENCE tickets", "syntax error"),
        ("SELECT nowhere", 'column "nowhere" does not exist'),
    ],
)
def test_postgresql_is_only_read(postgresql_database: str, tmp_path: Path, sql: str, message: str) -> None:
    engine = create_engine(postgresql_database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE tickets")
    engine.dispose()
    assert message in error_of(open_source(Spec(sql=sql, database=postgresql_database), tmp_path))
