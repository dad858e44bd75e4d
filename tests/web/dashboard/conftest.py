"""A project with a ledger in which much has happened, and its dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dashboards import Board, ServedDashboard, lively, new_board, small_campaign
from tests.support.projects import Project

ANA, BO = "ana@example.org", "bo@example.org"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """The campaign "spring" to two recipients."""
    made = new_board(Project(tmp_path))
    small_campaign(made, [ANA, BO])
    with made.ledger:
        yield made


@pytest.fixture
def served(board: Board) -> Iterator[ServedDashboard]:
    with ServedDashboard(board) as running:
        yield running


@pytest.fixture(scope="module")
def lively_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """Campaigns in several phases; tests do not change it."""
    made = new_board(Project(tmp_path_factory.mktemp("club")))
    lively(made, number=5_000)
    with made.ledger:
        yield made
