"""Errors of the database drivers as a `LedgerError`: a sentence, and the next step."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from mailrunner.errors import LedgerError


def ledger_error(error: SQLAlchemyError, path: Path | None) -> LedgerError:
    """The error to raise for `error`; `path` is the SQLite file, None for PostgreSQL."""
    if not isinstance(error, DBAPIError):
        return LedgerError(f"the ledger does not answer: {error}", "run the command again")
    sentence, hint = _sentence(error, path)
    needs_user = path is not None and "locked" not in str(error.orig)
    return LedgerError(sentence, hint, passing=_is_passing(error), needs_user=needs_user)


def _is_passing(error: DBAPIError) -> bool:
    """True if the same may succeed a moment later: locked, full, restarting, a connection that was lost."""
    if any(sign in str(error.orig) for sign in _LASTING):
        return False
    ended = getattr(error.orig, "sqlstate", None) == _IDLE_TOO_LONG
    return ended or error.connection_invalidated or isinstance(error, OperationalError)


_IDLE_TOO_LONG = "25P03"  # PostgreSQL: idle_in_transaction_session_timeout; the session is over
_LASTING = (
    *("authentication failed", "no password supplied", "pg_hba.conf", "does not exist", "certificate"),
    *("does not support SSL", "no such table", "no such column"),
)


def _sentence(error: DBAPIError, path: Path | None) -> tuple[str, str]:
    words = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if MOVED in words:
        return f"{MOVED} to another database", "set database in mailrunner.toml to the new place"
    if path is None:
        return (
            f"the ledger does not answer: {words}",
            "nothing is lost; run the command again when it is back",
        )
    for sign, sentence, hint in _SQLITE_ERRORS:
        if sign in words:
            return sentence.format(name=path), hint
    return f"the ledger {path} does not answer: {words}", "nothing is lost; run the command again"


MOVED = "this ledger was moved"  # by `ledger copy`, whose triggers say so
_SQLITE_ERRORS = (
    (
        "locked",
        "the ledger {name} is locked by another process",
        "close the program that has it open, then run the command again",
    ),
    ("full", "the disk is full: {name} cannot be written", "nothing is lost; free some space and run again"),
    (
        "readonly",
        "the ledger {name} is read-only",
        "give this user the right to write the file and its folder",
    ),
    (
        "unable to open",
        "the ledger {name} cannot be opened",
        "check that this user may read and write it, the files beside it and their folder",
    ),
    ("malformed", "the ledger {name} is damaged", "stop here and restore the newest copy you have"),
    (
        "not a database",
        "{name} is not a ledger",
        "put the right file back, or name another in mailrunner.toml",
    ),
    (
        "disk I/O",
        "the disk is full or failed while {name} was written",
        "free some space or check the disk; nothing is lost",
    ),
)
