"""The URL of a database, in SQLAlchemy's form: checking it, making it absolute, finding its password."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

DEFAULT_DATABASE = "sqlite:///data/mailrunner.db"
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?://)(?:/([^?]*))?(\?.*)?", re.DOTALL)
_LIBPQ = re.compile(r"postgresql(\+psycopg2?)?://")  # the drivers that know libpq's parameters
# As SQLAlchemy reads it: everything up to the first @ may be the password, slashes too.
_URL = re.compile(r"[\w+]+://(?:[^:/?@]*(?::(?P<password>[^@]*))?@)?(?P<host>[^/?]*)")
_HOST = re.compile(r"(?:\[[^\]@]*\]|[^:@]*)(?::\d+)?")


def ledger_url(text: str) -> str:
    """Return the URL of a ledger as written; raise ValueError for a URL that no ledger can live at.

    The text may hold a password: no error repeats it.
    """
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", text):
        raise ValueError(
            f'is not the address of a ledger; write e.g. "{DEFAULT_DATABASE}" or "postgresql+psycopg://user@host/name"'
        )
    sqlite = _SQLITE.fullmatch(text)
    if sqlite and sqlite[2] in (None, "", ":memory:"):
        raise ValueError(f'a ledger in memory forgets every delivery; write e.g. "{DEFAULT_DATABASE}"')
    url = _URL.match(text)
    if url and not _HOST.fullmatch(url["host"]):
        raise ValueError("names no server; write user:password@host:5432/name, an @ in the password as %40")
    return text


def url_secrets(url: str) -> tuple[str, ...]:
    """The password in a database URL, as written and with its percent-escapes decoded; () without one."""
    found = _URL.match(url)
    password = (found["password"] if found else "") or ""
    return tuple(dict.fromkeys(text for text in (password, unquote(password)) if text))


def with_timeout(url: str, timeout: timedelta | None) -> str:
    """Write `[ledger] timeout` into the URL of a PostgreSQL ledger, unless that says its own."""
    if timeout is None or not _LIBPQ.match(url) or "tcp_user_timeout=" in url:
        return url
    found = _URL.match(url)  # its password may hold a question mark
    has_query = "?" in url[found.end() if found else 0 :]
    return f"{url}{'&' if has_query else '?'}tcp_user_timeout={round(1000 * timeout.total_seconds())}"


def absolute_database(url: str, folder: Path) -> str:
    """Make the path of an SQLite URL absolute, from `folder`; leave all other URLs as they are."""
    found = _SQLITE.fullmatch(url)
    if not found or not found[2] or found[2] == ":memory:" or found[2].startswith("file:"):
        return url
    return f"{found[1]}/{(folder / found[2]).as_posix()}{found[3] or ''}"
