"""Settings of a connection to PostgreSQL, unless the URL, the role or the database says otherwise.

A process that is suspended, or whose machine was cut off, may hold an account's row.  Without bounds the
others wait for hours, until TCP gives up.  With these the server ends its transaction after ten seconds,
none waits longer than twelve for a lock, and a connection whose other end is gone is noticed at both.
`tcp_user_timeout` in the URL, where `[ledger] timeout` stands, says otherwise than ten for all of them.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

LOOK_UP = 10.0  # seconds for the address of a host: two questions of a resolver to a silent server
_SECONDS = 10  # of silence that are borne; all bounds follow from it
_LIBPQ_DRIVERS = ("psycopg", "psycopg2")

# One round trip.  A setting that the user made, in the URL (client) or for the role or database, stays;
# one that an old server does not know is left out.
_APPLY = (
    "SELECT set_config(s.name, d.value, false) FROM (VALUES {values}) AS d(name, value)"
    " JOIN pg_settings s ON s.name = d.name"
    " WHERE s.source NOT IN ('client', 'user', 'database', 'database user')"
)


def _client(seconds: int) -> dict[str, int]:
    """Parameters of libpq (PostgreSQL's manual, "Parameter Key Words"), which both drivers hand on.

    They are seconds, but for the last, which is in milliseconds.
    """
    return {
        "connect_timeout": max(2, seconds // 2),
        "keepalives": 1,
        "keepalives_idle": max(1, seconds // 2),
        "keepalives_interval": max(1, seconds // 5),
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * seconds,
    }


def _server(seconds: int) -> dict[str, str]:
    client = _client(seconds)
    return {
        "idle_in_transaction_session_timeout": f"{seconds}s",
        "lock_timeout": f"{seconds + 2}s",
        "tcp_keepalives_idle": str(client["keepalives_idle"]),
        "tcp_keepalives_interval": str(client["keepalives_interval"]),
        "tcp_keepalives_count": str(client["keepalives_count"]),
        "tcp_user_timeout": f"{seconds}s",
    }


def _seconds(parameters: Mapping[str, Any]) -> int:
    """The silence that a connection of these parameters bears, in whole seconds."""
    written = str(parameters.get("tcp_user_timeout", ""))
    return max(1, int(written) // 1000) if written.isdecimal() and int(written) else _SECONDS


READ = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
    "SET LOCAL idle_in_transaction_session_timeout = 0"
)
"""The beginning of a transaction that only reads.  It keeps no other waiting, so it may take its time."""


_DURABILITY = """
    SELECT current_setting('fsync'), current_setting('synchronous_commit'),
        current_setting('synchronous_standby_names') = '' AND EXISTS (SELECT FROM pg_stat_replication)
"""


def durability_warnings(connection: Connection) -> list[str]:
    """A sentence for each setting by which the server may forget a commit that it has confirmed.

    PostgreSQL's manual, "Reliability" and "Synchronous Replication".
    """
    fsync, commit, is_behind = connection.execute(text(_DURABILITY)).one()
    warnings = []
    if fsync == "off":
        warnings.append("the ledger's server has fsync = off: a power failure can lose or destroy the ledger")
    if commit == "off":
        warnings.append(
            "the ledger's server has synchronous_commit = off: a crash can lose the last messages' records, "
            "so that they are sent again; set it to on for the ledger's role or database"
        )
    if is_behind:
        warnings.append(
            "the ledger's server has a standby that is not synchronous: if it takes over, messages sent last "
            "are unknown to it; set synchronous_standby_names"
        )
    return warnings


def connect_arguments(url: URL) -> dict[str, int]:
    """The parameters that a new connection is opened with beside those of `url`, which stay as they are."""
    if url.get_driver_name() not in _LIBPQ_DRIVERS:
        return {}
    return {name: value for name, value in _client(_seconds(url.query)).items() if name not in url.query}


def await_names(dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
    """Wait until an address of a new connection's hosts was asked for; SQLAlchemy calls it.

    `connect_timeout` does not bound the look-up, in which silent name servers hold a process for a minute.
    Threads ask, and are left to themselves.  Raises the driver's OperationalError if none has an answer.
    """
    hosts = [host for host in str(parameters.get("host", "")).split(",") if host[:1] not in ("", "/")]
    answered = threading.Event()
    for host in hosts:
        threading.Thread(target=_look_up, args=(host, answered), name="look-up", daemon=True).start()
    if hosts and not answered.wait(LOOK_UP):
        raise dialect.loaded_dbapi.OperationalError(
            f"{' and '.join(hosts)} cannot be looked up: the name servers did not answer within {LOOK_UP:g} s"
        )


def _look_up(host: str, answered: threading.Event) -> None:
    with suppress(OSError, UnicodeError):  # the driver asks again, and says what is wrong
        socket.getaddrinfo(host, None)
    answered.set()


def set_up(connection: Any, _record: Any) -> None:
    """Bound what a new connection (the driver's) may hold and wait for; SQLAlchemy calls it."""
    cursor = connection.cursor()
    info = connection.info
    parameters = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    settings = _server(_seconds(parameters)).items()
    cursor.execute(_APPLY.format(values=", ".join(f"('{name}', '{value}')" for name, value in settings)))
    cursor.close()
    connection.commit()
