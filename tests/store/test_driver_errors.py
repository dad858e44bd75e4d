"""Which errors of the database drivers are waited for, and which of them only a user can remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from mailrunner.store.driver_errors import ledger_error


@pytest.mark.parametrize(
    ("words", "passing", "needs_user"),
    [
        ("database is locked", True, False),
        ("database or disk is full", True, True),
        ("disk I/O error", True, True),
        ("unable to open database file", True, True),
        ("attempt to write a readonly database", True, True),
        ("no such table: runs", False, True),
    ],
)
def test_all_faults_of_a_file_but_a_lock_need_the_user(
    words: str, *, passing: bool, needs_user: bool
) -> None:
    found = ledger_error(OperationalError("", {}, Exception(words)), Path("data/mailrunner.db"))
    assert (found.passing, found.needs_user) == (passing, needs_user)
    assert found.message and found.hint


@pytest.mark.parametrize(
    ("words", "passing"),
    [
        ("connection to server failed: Connection refused", True),
        ("FATAL:  the database system is starting up", True),
        ("FATAL:  sorry, too many clients already", True),
        ("could not translate host name: Temporary failure in name resolution", True),
        ('FATAL:  password authentication failed for user "mail"', False),
        ("fe_sendauth: no password supplied", False),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', False),
        ('FATAL:  database "mail" does not exist', False),
        ("server does not support SSL, but SSL was required", False),
        ("SSL error: certificate verify failed", False),
    ],
)
def test_a_server_that_will_never_take_these_settings_is_not_waited_for(words: str, *, passing: bool) -> None:
    found = ledger_error(OperationalError("", {}, Exception(words)), None)
    assert (found.passing, found.needs_user) == (passing, False)
    assert words in found.message
