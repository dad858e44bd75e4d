"""Recipients from a database: one query, streamed by a server-side cursor where there is one.

The session is made read-only where the database can do that, and is never committed.  No sentence shows
the address of the database, as it may hold a password.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, CursorResult, Engine

_EXTRAS = {"psycopg": '"mailrunner[postgresql]"'}


class SqlQuery:
    """One SELECT on one database; relative SQLite paths are relative to `folder`.

    Nothing is connected before the first read.  Every method raises UserError where the address, the
    driver or the query is wrong.
    """

    def __init__(self, sql: str, database: str, folder: Path, label: str) -> None:
        self._sql, self._label = sql, label
        self._url = self._parsed(database, folder)

    def columns(self) -> list[str]:
        """Run the query and read the names of its columns, but no rows."""
        with self._result() as result:
            return list(result.keys())

    def rows(self, chunk: int) -> Iterator[Sequence[Any]]:
        """Yield the rows, fetched `chunk` at a time."""
        with self._result(yield_per=chunk) as result:
            yield from result

    def _parsed(self, database: str, folder: Path) -> URL:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        if not database:
            hint = 'e.g. database = "${CRM_URL}"'
            raise UserError(Problem("sql needs the database to ask", self._label, hint=hint))
        try:
            url = make_url(database)
        except (ArgumentError, ValueError):
            url = None
        if url is None or "@" in (url.host or ""):  # else half of a password would stand for the host
            hint = "write postgresql+psycopg://user:password@host/name, an @ in the password as %40"
            raise UserError(Problem("the address of the database cannot be read", self._label, hint=hint))
        if url.drivername in ("postgresql", "postgres"):
            return url.set(drivername="postgresql+psycopg")  # the driver that the extra installs
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return url
        file = folder / str(url.database)
        if not file.is_file():  # SQLite would make an empty one
            raise UserError(Problem(f'there is no SQLite file "{url.database}"', self._label))
        return url.set(database=str(file))

    @contextmanager
    def _result(self, **options: Any) -> Iterator[CursorResult[Any]]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = self._engine()
            with engine.connect() as connection:
                self._refuse_writing(connection)
                # No parameters: a % or a colon in the query means itself.
                connection.execution_options(no_parameters=True, stream_results=True, **options)
                with connection.exec_driver_sql(self._sql) as result:
                    if not result.returns_rows:
                        raise self._problem("the query returns no rows", "it must be a SELECT")
                    yield result
        except SQLAlchemyError as error:
            raise self._problem(self._scrubbed(error)) from None

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        try:
            return create_engine(self._url, poolclass=NullPool, hide_parameters=True)
        except NoSuchModuleError:
            raise self._problem(f'"{self._url.drivername}" is no known kind of database') from None
        except ModuleNotFoundError as error:
            package = _EXTRAS.get(error.name or "", error.name)
            raise self._problem(f"the driver {error.name} is missing", f"pip install {package}") from None

    def _refuse_writing(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execution_options(postgresql_readonly=True)
        elif connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")

    def _scrubbed(self, error: Exception) -> str:
        """The driver's own words without SQLAlchemy's additions, and without a password."""
        text = str(getattr(error, "orig", None) or error).strip()
        for secret in filter(None, (self._url.password, self._url.query.get("password"))):
            text = text.replace(str(secret), "***")
        return " ".join(text.split())

    def _problem(self, sentence: str, hint: str = "") -> UserError:
        return UserError(Problem(sentence, self._label, hint=hint))
