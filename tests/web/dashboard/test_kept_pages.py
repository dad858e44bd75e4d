"""Pages of a ledger that does not answer in time: as they were, with their age."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from mailrunner.errors import LedgerError
from mailrunner.web.dashboard.kept_pages import KeptPages
from tests.support.clocks import START
from tests.support.dashboards import ServedDashboard, new_board, small_campaign
from tests.support.projects import Project
from tests.web.dashboard.conftest import ANA, BO


@contextmanager
def locked(url: str) -> Iterator[None]:
    """A long transaction of another program, such as VACUUM FULL."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


def test_a_page_that_is_too_slow_is_shown_as_it_was(tmp_path: Path, postgresql_database: str) -> None:
    board = new_board(Project(tmp_path), head=f'database = "{postgresql_database}"')
    small_campaign(board, [ANA, BO])
    with board.ledger, ServedDashboard(board) as served:
        before = served.get("/c/spring").text
        assert "does not answer in time" not in before
        board.clock.turn(timedelta(seconds=35))
        with locked(postgresql_database):
            kept = served.get("/c/spring")
            assert kept.status == 200 and "what stood here 35 seconds ago" in kept.text
            assert "<b>0</b> of 2 sent" in kept.text and "as of Fri 20 Nov, 08:00:00" in kept.text
            never = served.get("/c/spring/recipients")
            assert never.status == 503 and "the ledger cannot be used now" in never.text
            assert never.headers["refresh"] == "5" and "looks again by itself" in never.text
        assert "does not answer in time" not in served.get("/c/spring").text


def test_the_pages_asked_for_last_are_kept() -> None:
    pages = KeptPages()

    def fail() -> dict[str, int]:
        raise LedgerError("too slow", passing=True)

    for number in range(60):
        pages.fresh_or_kept(str(number), lambda number=number: {"n": number}, START)  # type: ignore[misc]
    assert pages.fresh_or_kept("59", fail, START).values == {"n": 59}
    with pytest.raises(LedgerError):
        pages.fresh_or_kept("9", fail, START)


def test_an_error_that_stays_is_told() -> None:
    pages = KeptPages()
    pages.fresh_or_kept("", dict, START)

    def fail() -> dict[str, int]:
        raise LedgerError("this ledger was moved")

    with pytest.raises(LedgerError, match="moved"):
        pages.fresh_or_kept("", fail, START)
