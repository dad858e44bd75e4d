"""A ledger moved to another database: everything is there, and the old one sends nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from mailrunner.errors import LedgerError
from mailrunner.model.delivery import Counts
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import Ledger, Run
from mailrunner.store.ledger_copy import copy_ledger
from mailrunner.store.schema import metadata
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import claim, claim_terms, load_campaign, send


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where a ledger is, and where it is to be moved."""
    files = [f"sqlite:///{tmp_path}/{name}.db" for name in ("old", "new")]
    if "postgresql" not in request.param:
        return files[0], files[1]
    server: str = request.getfixturevalue("postgresql_database")
    return (files[0], server) if request.param.startswith("sqlite") else (server, files[1])


@pytest.fixture
def used(urls: tuple[str, str], tmp_path: Path, clock: ManualClock) -> tuple[str, str]:
    """A ledger with one message sent, one in flight of a run that died, and a suppression list."""
    with Ledger.open(folder=tmp_path, url=urls[0], clock=clock) as ledger:
        campaign = load_campaign(ledger, ["ana@example.org", "bo@example.org", "cy@example.org"])
        terms = claim_terms(campaign, "500/24h")
        (first,) = claim(ledger, terms, token=1, most=1)
        send(ledger, terms, first)
        ledger.suppressions.add(["di@example.org"], reason=SuppressionReason.UNSUBSCRIBE, source="web")
        ledger.suppressions.erase(["di@example.org"])
        ledger.signing_keys(None)
        for _ in range(3):
            run = Run.begin(ledger.database)
            ledger.count_run()
            run.end()
    return urls


def move(urls: tuple[str, str], folder: Path, clock: ManualClock) -> dict[str, int]:
    return copy_ledger(folder=folder, url=urls[0], to=urls[1], clock=clock).rows


def numbers(ledger: Ledger) -> Iterator[tuple[str, int]]:
    with ledger.database.read() as connection:
        for table in metadata.sorted_tables:
            yield table.name, connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_everything_is_there_and_goes_on(used: tuple[str, str], tmp_path: Path, clock: ManualClock) -> None:
    with Ledger.open(folder=tmp_path, url=used[0], clock=clock) as old:
        before, keys = dict(numbers(old)), old.signing_keys(None)
    rows = move(used, tmp_path, clock)
    assert rows == before and rows["deliveries"] == 3 and rows["suppressions"] == 2
    with Ledger.open(folder=tmp_path, url=used[1], clock=clock) as new:
        assert dict(numbers(new)) == before and new.signing_keys(None) == keys
        found = new.campaigns.find("spring")
        assert found is not None and new.deliveries.counts(found.no) == Counts(sent=1, queued=2)
        assert new.suppressions.matching(["di@example.org"])
        run = Run.begin(new.database)
        assert run.no == 4  # a run's number is never used again
        terms = claim_terms(found, "2/24h")
        (second,) = claim(new, terms, token=run.next_token(), most=5)  # one of two slots was used before
        send(new, terms, second)
        run.end()


def test_the_old_one_refuses_runs_and_whoever_had_it_open(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path / "elsewhere", url=used[0], clock=clock) as still_open:
        move(used, tmp_path, clock)
        with pytest.raises(LedgerError, match="was moved"):
            still_open.suppressions.add(["eve@example.org"], reason=SuppressionReason.MANUAL, source="a user")
        with pytest.raises(LedgerError, match="was moved"):
            Run.begin(still_open.database)
    for folder in (tmp_path, tmp_path / "elsewhere", tmp_path / "a third"):
        with pytest.raises(LedgerError, match="was moved to") as refused:
            Ledger.open(folder=folder, url=used[0], clock=clock)
        assert "set database in mailrunner.toml" in refused.value.hint
        with pytest.raises(LedgerError, match="was moved to"):
            Ledger.open_existing(folder=folder, url=used[0], clock=clock)


def test_the_rollback_guard_follows(used: tuple[str, str], tmp_path: Path, clock: ManualClock) -> None:
    guard = tmp_path / ".mailrunner" / "ledger"
    before = json.loads(guard.read_text())
    move(used, tmp_path, clock)
    after = json.loads(guard.read_text())
    assert (after["ledger"], after["runs"]) == (before["ledger"], before["runs"] + 1)
    assert after["place"] != before["place"]


def test_it_is_refused_while_a_run_is_alive(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=used[0], clock=clock) as ledger:
        run = Run.begin(ledger.database)
        with pytest.raises(LedgerError, match="a run is going on"):
            move(used, tmp_path, clock)
        ledger.suppressions.add(["eve@example.org"], reason=SuppressionReason.MANUAL, source="a user")
        run.end()
    assert move(used, tmp_path, clock)["suppressions"] == 3


def test_what_a_dead_run_was_sending_is_in_doubt_at_the_new_place(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    from mailrunner.store import Batch

    with Ledger.open(folder=tmp_path, url=used[0], clock=clock) as ledger:
        found = ledger.campaigns.find("spring")
        assert found is not None
        run = Run.begin(ledger.database)
        terms = claim_terms(found)
        (delivery,) = claim(ledger, terms, token=run.next_token(), most=1)
        ledger.batches.commit(terms, Batch(starting=[delivery]))
        run._lock.release()  # what the operating system does for a killed process
    move(used, tmp_path, clock)
    with Ledger.open(folder=tmp_path, url=used[1], clock=clock) as new:
        new.deliveries.recover()
        assert new.deliveries.counts(found.no) == Counts(sent=1, queued=1, in_doubt=1)


def test_a_place_that_holds_a_used_ledger_is_refused(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path / "elsewhere", url=used[1], clock=clock) as other:
        other.suppressions.add(["eve@example.org"], reason=SuppressionReason.MANUAL, source="a user")
        with pytest.raises(LedgerError, match="holds a ledger already"):
            move(used, tmp_path, clock)
    with Ledger.open(folder=tmp_path, url=used[0], clock=clock) as old:
        assert old.suppressions.count() == 2  # it was not closed


def test_a_ledger_that_never_sent_is_overwritten(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    Ledger.open(folder=tmp_path / "elsewhere", url=used[1], clock=clock).close()
    assert move(used, tmp_path, clock)["suppressions"] == 2
    with Ledger.open(folder=tmp_path, url=used[1], clock=clock) as ledger:
        assert ledger.suppressions.matching(["di@example.org"])


def test_a_copy_that_differs_is_refused_and_nothing_is_closed(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    """The new database changes what is written to it."""
    Ledger.open(folder=tmp_path / "elsewhere", url=used[1], clock=clock).close()
    engine = create_engine(used[1])
    with engine.begin() as connection:
        for statement in _SPOILING[connection.dialect.name]:
            connection.exec_driver_sql(statement)
    engine.dispose()
    with pytest.raises(LedgerError, match="the copy of the table suppressions differs"):
        move(used, tmp_path, clock)
    with Ledger.open(folder=tmp_path, url=used[0], clock=clock) as old:
        run = Run.begin(old.database)
        assert run.no == 4
        run.end()


_SPOILING = {
    "sqlite": (
        "CREATE TRIGGER spoil AFTER INSERT ON suppressions "
        "BEGIN UPDATE suppressions SET source = 'spoilt' WHERE no = NEW.no; END",
    ),
    "postgresql": (
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN NEW.source := 'spoilt'; RETURN NEW; END$$",
        "CREATE TRIGGER spoil BEFORE INSERT ON suppressions FOR EACH ROW EXECUTE FUNCTION spoil()",
    ),
}


def test_a_move_that_was_killed_half_way_is_finished_by_the_same_command(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one was closed, the new one is still empty."""
    engine = create_engine(used[1])
    move(used, tmp_path, clock)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(text(f'DELETE FROM "{table.name}"'))
    engine.dispose()
    guard = tmp_path / ".mailrunner" / "ledger"
    mark = json.loads(guard.read_text())
    guard.write_text(json.dumps(mark | {"runs": mark["runs"] - 1}))
    assert move(used, tmp_path, clock)["deliveries"] == 3
    with Ledger.open(folder=tmp_path, url=used[1], clock=clock) as new:
        assert new.suppressions.count() == 2


def test_without_a_ledger_nothing_is_made(urls: tuple[str, str], tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(LedgerError, match="holds no ledger"):
        move(urls, tmp_path, clock)
    assert not list(tmp_path.glob("*.db"))


def test_it_can_be_moved_back_to_another_place(
    used: tuple[str, str], tmp_path: Path, clock: ManualClock
) -> None:
    move(used, tmp_path, clock)
    third = f"sqlite:///{tmp_path}/third.db"
    assert move((used[1], third), tmp_path, clock)["deliveries"] == 3
    with Ledger.open(folder=tmp_path, url=third, clock=clock) as ledger:
        assert ledger.suppressions.count() == 2
