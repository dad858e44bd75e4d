"""`--wait` and a ledger that is away: it is waited for, from the first connection to the last."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.resume_round import ResumeRound
from mailrunner.errors import LedgerError
from tests.sending.test_ledger_away import RepairClock
from tests.support.postgresql_faults import refuse_connections
from tests.support.projects import Project
from tests.support.smtp_server import SmtpServer


@pytest.fixture
def clock() -> RepairClock:
    return RepairClock()


def context_of(folder: Path, url: str, clock: RepairClock, port: int = 2525) -> CommandContext:
    project = Project(folder).write(rows=[f"person{n}@example.org,Name {n}" for n in range(4)], port=port)
    project.write_account(port=port, project=f'database = "{url}"')
    return CommandContext(project_dir=folder, quiet=True, clock=clock)


def test_a_ledger_that_is_away_at_the_beginning_is_waited_for(
    postgresql_ledger: str, tmp_path: Path, clock: RepairClock
) -> None:
    context = context_of(tmp_path, postgresql_ledger, clock)
    clock.broken(refuse_connections(postgresql_ledger), waits=20)
    with pytest.raises(LedgerError):
        context.open_ledger()
    assert not clock.waits
    context.open_ledger(patient=True).close()
    assert sum(clock.waits, timedelta(0)) >= timedelta(minutes=1)


def test_a_ledger_that_will_never_answer_is_not_waited_for(tmp_path: Path, clock: RepairClock) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mailrunner.db").write_text("no ledger at all, but a text")
    with pytest.raises(LedgerError):
        context_of(tmp_path, "sqlite:///data/mailrunner.db", clock).open_ledger(patient=True)
    assert not clock.waits


def test_resume_that_waits_outlasts_a_ledger_that_is_away(
    postgresql_ledger: str, tmp_path: Path, clock: RepairClock
) -> None:
    with SmtpServer() as server:
        context = context_of(tmp_path, postgresql_ledger, clock, server.port)
        assert Project(tmp_path).mailrunner("run", "spring", "--limit", "1").code == Exit.LATER
        with context.open_ledger() as ledger, context.event_log() as log:
            clock.broken(refuse_connections(postgresql_ledger), waits=100)
            round_ = ResumeRound(context, ledger, log, wait=True)
            round_.go()
        assert round_.codes == [Exit.DONE]
        assert len(server.accepted) == 4
    assert sum(clock.waits, timedelta(0)) > timedelta(minutes=2)
