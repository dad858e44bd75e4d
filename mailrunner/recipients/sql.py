"""Recipients from a database: one query, streamed by a server-side cursor where there is one.

The session is read-only where the database supports that, and is never committed.  No message shows the
URL of the database, as it may hold a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.source import CHUNK, SAMPLE_ROWS, Row, Source

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, CursorResult, Engine

# What to install for the module that SQLAlchemy misses, by the name of that module.
_DRIVERS = {
    "psycopg": 'pip install "mailrunner[postgresql]"',
    "MySQLdb": "pip install mysqlclient, or pip install pymysql and write mysql+pymysql://… in database",
    "psycopg2": 'pip install "mailrunner[postgresql]" and write postgresql+psycopg://… in database',
    "mysql": "pip install mysql-connector-python",
    "cx_Oracle": "pip install oracledb and write oracle+oracledb://… in database",
}


class SqlQuery(Source):
    """The rows of one SELECT on one database, in its order; SQLite paths are relative to `folder`.

    Nothing is connected before the first read, and every reading runs the query anew.  Constructor and
    reading raise UserError where the URL, the driver or the query is wrong.
    """

    first_row = 1

    def __init__(self, sql: str, database: str, folder: Path, label: str) -> None:
        super().__init__(label)
        self._sql = sql
        self._url = self._parsed_url(database, folder)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return self._head[0]

    def sample(self) -> list[Row]:
        return self._head[1]

    @cached_property
    def _head(self) -> tuple[tuple[str, ...], list[Row]]:
        """The names of the columns and the first rows, by one query."""
        with self._result(yield_per=SAMPLE_ROWS) as result:
            columns = self._checked_header(list(result.keys()))
            rows = islice(result, SAMPLE_ROWS)
            return columns, [(number, tuple(map(to_text, cells))) for number, cells in enumerate(rows, 1)]

    def fingerprint(self) -> None:
        return None

    def stat_mark(self) -> None:
        return None

    def _rows(self) -> Iterator[Row]:
        with self._result(yield_per=CHUNK) as result:
            for number, cells in enumerate(result, 1):
                yield number, tuple(map(to_text, cells))

    def _parsed_url(self, database: str, folder: Path) -> URL:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        if not database:
            hint = 'e.g. database = "${CRM_URL}"'
            raise UserError(Problem("sql needs the database to ask", self.label, hint=hint))
        try:
            url = make_url(database)
        except (ArgumentError, ValueError):
            url = None
        if url is None or "@" in (url.host or ""):  # else half of a password would stand for the host
            hint = "write postgresql+psycopg://user:password@host/name, an @ in the password as %40"
            raise UserError(Problem("the address of the database cannot be read", self.label, hint=hint))
        if url.drivername in ("postgresql", "postgres"):
            return url.set(drivername="postgresql+psycopg")  # the driver that the extra installs
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return url
        file = folder / str(url.database)
        if not file.is_file():  # SQLite would make an empty one
            raise UserError(Problem(f'there is no SQLite file "{url.database}"', self.label))
        return url.set(database=str(file))

    @contextmanager
    def _result(self, **options: Any) -> Iterator[CursorResult[Any]]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = self._engine()
            with engine.connect() as connection:
                self._make_read_only(connection)
                # No parameters: a % or a colon in the query means itself.
                connection.execution_options(no_parameters=True, stream_results=True, **options)
                with connection.exec_driver_sql(self._sql) as result:
                    if not result.returns_rows:
                        raise self._problem("the query returns no rows", "it must be a SELECT")
                    yield result
        except SQLAlchemyError as error:
            raise self._problem(self._message_of(error)) from None

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        try:
            return create_engine(self._url, poolclass=NullPool, hide_parameters=True)
        except NoSuchModuleError:
            raise self._problem(f'"{self._url.drivername}" is no known kind of database') from None
        except ModuleNotFoundError as error:
            hint = _DRIVERS.get(error.name or "", f"pip install {error.name}")
            raise self._problem(f"the driver {error.name} is missing", hint) from None

    def _make_read_only(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execution_options(postgresql_readonly=True)
        elif connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")

    def _message_of(self, error: Exception) -> str:
        """The driver's message without SQLAlchemy's additions, the password replaced by ***."""
        text = str(getattr(error, "orig", None) or error).strip()
        for secret in filter(None, (self._url.password, self._url.query.get("password"))):
            text = text.replace(str(secret), "***")
        return " ".join(text.split())

    def _problem(self, message: str, hint: str = "") -> UserError:
        return UserError(Problem(message, self.label, hint=hint))
