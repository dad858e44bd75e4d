"""Several machines on one ledger: the strictest limit that any machine's file has counts for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.model.quota import Limit, strictest
from tests.store.test_admission import ROWS, copies, machine
from tests.support.smtp_server import SmtpServer


def limits(*texts: str) -> tuple[Limit, ...]:
    return tuple(map(Limit.parse, texts))


@pytest.mark.parametrize(
    ("own", "others", "kept"),
    [
        (["200/24h"], [], ["200/24h"]),
        (["250/24h"], ["200/24h"], ["200/24h"]),
        (["200/24h"], ["250/24h"], ["200/24h"]),
        (["unlimited/24h"], ["250/24h", "300/24h"], ["250/24h"]),
        (["250/24h"], ["unlimited/24h"], ["250/24h"]),
        (["250/24h"], ["20/1m"], ["250/24h", "20/1m"]),
        ([], ["20/1m"], ["20/1m"]),
        (["300/day"], ["250/24h"], ["300/day", "250/24h"]),
    ],
)
def test_of_each_window_the_limit_that_allows_least_is_kept(
    own: list[str], others: list[str], kept: list[str]
) -> None:
    assert strictest(limits(*own), limits(*others)) == limits(*kept)


def test_the_laxest_file_does_not_raise_the_cap_and_loosening_needs_every_machine(
    tmp_path: Path, postgresql_database: str
) -> None:
    with SmtpServer() as server:
        strict = machine(tmp_path / "m1", postgresql_database, server.port, limits='"6/24h"')
        assert strict.mailrunner("run", "spring", "--yes", "--limit", "2").code == 75
        lax = machine(tmp_path / "m2", postgresql_database, server.port, limits='"50/24h"')
        said = lax.mailrunner("run", "spring", "--yes")
        assert said.code == 75 and "6/24h" in said.stderr and "m1" in said.stderr
        assert sum(copies(server).values()) == 6
        machine(tmp_path / "m1", postgresql_database, server.port, limits='"20/24h"')
        strict.mailrunner("resume")
        lax.mailrunner("resume")
        assert sum(copies(server).values()) == 20


def test_one_machine_loosens_its_own_limit_at_once(tmp_path: Path) -> None:
    with SmtpServer() as server:
        project = machine(tmp_path, "sqlite:///data/mailrunner.db", server.port, limits='"6/24h"')
        assert project.mailrunner("run", "spring", "--yes").code == 75
        machine(tmp_path, "sqlite:///data/mailrunner.db", server.port)
        assert project.mailrunner("run", "spring", "--yes").code == 0
        assert len(copies(server)) == len(ROWS)
