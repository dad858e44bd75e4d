"""Which ledger a project uses; what is refused, or only looks, makes nothing."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from mailrunner.errors import LedgerError
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import Ledger
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import claim, claim_terms, load_campaign, send, table_names

ANA = "ana@example.org"


@pytest.fixture
def first(tmp_path: Path) -> str:
    """Where the ledger was at first."""
    return f"sqlite:///{tmp_path}/data/mailrunner.db"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def suppress(ledger: Ledger, *keys: str) -> None:
    ledger.suppressions.add(keys, reason=SuppressionReason.UNSUBSCRIBE, source="web")


def test_looking_makes_no_table_and_no_file(
    postgresql_database: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open_existing(folder=tmp_path, url=postgresql_database, clock=clock) as ledger:
        assert ledger.campaigns.all() == []
    assert table_names(postgresql_database) == [] and files(tmp_path) == set()


def test_looking_at_a_ledger_that_another_machine_made_leaves_no_guard(
    ledger_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path / "elsewhere", url=ledger_url, clock=clock) as ledger:
        suppress(ledger, ANA)
    here = tmp_path / "here"
    here.mkdir()
    with Ledger.open_existing(folder=here, url=ledger_url, clock=clock) as ledger:
        assert ledger.suppressions.count() == 1
    assert files(here) == set()


def test_what_is_refused_makes_nothing(
    first: str, postgresql_database: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as ledger:
        suppress(ledger, ANA)
    before = files(tmp_path)
    for url in (postgresql_database, f"sqlite:///{tmp_path}/other/place.db"):
        for opening in (Ledger.open, Ledger.open_existing):
            with pytest.raises(LedgerError, match="the ledger is missing") as refused:
                opening(folder=tmp_path, url=url, clock=clock)
            assert "mailrunner ledger copy" in refused.value.hint
            assert str(tmp_path / "data" / "mailrunner.db") in refused.value.hint
    assert table_names(postgresql_database) == [] and files(tmp_path) == before
    Ledger.open(folder=tmp_path, url=postgresql_database, clock=clock, new=True).close()


def test_a_ledger_that_never_sent_is_replaced_freely(
    first: str, empty_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    """As after `check`, a plan that was declined, or a campaign that waits to be begun."""
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as ledger:
        load_campaign(ledger, [ANA])
        ledger.count_run()
    with Ledger.open_existing(folder=tmp_path, url=empty_url, clock=clock) as looked:
        assert looked.campaigns.all() == []
    with Ledger.open(folder=tmp_path, url=empty_url, clock=clock) as replaced:
        assert replaced.notices == ("the ledger used before had sent nothing; this one takes its place",)
        suppress(replaced, ANA)
    with Ledger.open(folder=tmp_path, url=empty_url, clock=clock) as again:
        assert again.notices == () and again.suppressions.count() == 1
    with pytest.raises(LedgerError, match="another ledger"):
        Ledger.open(folder=tmp_path, url=first, clock=clock)


def test_an_older_copy_is_refused_with_the_runs_of_both(
    first: str, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "data/mailrunner.db"
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as ledger:
        suppress(ledger, ANA)
    older = file.read_bytes()
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as ledger:
        for _ in range(3):
            ledger.count_run()
    file.unlink()
    file.write_bytes(older)
    for refusing in (Ledger.open, Ledger.open_existing):
        with pytest.raises(LedgerError, match=r"used last \(run 0 instead of 3\)") as found:
            refusing(folder=tmp_path, url=first, clock=clock)
        assert found.value.hint.startswith("put the right ledger back")


@pytest.mark.parametrize("use", ["sent", "suppressed", "removed", "running"])
def test_whatever_hangs_on_a_ledger_keeps_it(
    use: str, first: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as ledger:
        _use(ledger, use)
    with pytest.raises(LedgerError, match="the ledger is missing"):
        Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/new.db", clock=clock)


def _use(ledger: Ledger, use: str) -> None:
    from mailrunner.store import Run

    if use == "sent":
        campaign = load_campaign(ledger, [ANA])
        send(ledger, claim_terms(campaign), claim(ledger, claim_terms(campaign), token=1)[0])
    elif use == "running":
        Run.begin(ledger.database)
    else:
        suppress(ledger, ANA)
    if use == "removed":
        ledger.suppressions.remove([ANA], list_key=ALL_LISTS, why="she wrote")


def test_a_ledger_that_cannot_be_read_is_not_replaced(first: str, tmp_path: Path, clock: ManualClock) -> None:
    Ledger.open(folder=tmp_path, url=first, clock=clock).close()
    (tmp_path / "data" / "mailrunner.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(LedgerError, match="the ledger is missing"):
        Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/new.db", clock=clock)


def test_a_guard_of_an_older_version_leads_to_the_default_place(
    first: str, tmp_path: Path, clock: ManualClock
) -> None:
    Ledger.open(folder=tmp_path, url=first, clock=clock).close()
    guard = tmp_path / ".mailrunner" / "ledger"
    known = json.loads(guard.read_text())
    guard.write_text(json.dumps({"ledger": known["ledger"], "runs": known["runs"]}))
    with Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/new.db", clock=clock) as ledger:
        assert ledger.database.path == tmp_path / "new.db"
    written = json.loads(guard.read_text())
    assert written["ledger"] != known["ledger"]  # the one before had sent nothing


def test_a_new_ledger_may_lie_in_a_database_whose_ledger_never_sent(
    ledger_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    """A refused `status` of an older version made its tables."""
    Ledger.open(folder=tmp_path / "elsewhere", url=ledger_url, clock=clock).close()
    with closing(Ledger.open(folder=tmp_path, url=ledger_url, clock=clock, new=True)) as ledger:
        suppress(ledger, ANA)
    if ledger_url.startswith("postgresql"):
        with pytest.raises(LedgerError, match="holds a ledger already"):
            Ledger.open(folder=tmp_path, url=ledger_url, clock=clock, new=True)


def test_a_new_ledger_takes_the_suppression_list_over(
    first: str, empty_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as old:
        _fill(old)
    with Ledger.open(folder=tmp_path, url=empty_url, clock=clock, new=True) as new:
        assert new.notices == ("the suppression list of the ledger before was taken over: 4 entries",)
        held = new.suppressions.matching([ANA, "bo@example.org", "cy@example.org", "di@example.org"])
        assert set(held) == {ANA, "bo@example.org", "cy@example.org"}
        assert [event.why for event in new.suppressions.history("di@example.org")][-1] == "she wrote"
        assert [found.file for found in new.suppressions.imports()] == ["old.csv"]
        assert new.suppressions.remove_import(1) == 1
        suppress(new, "eve@example.org")
        (erased,) = new.suppressions.erase(["eve@example.org"])
        assert new.suppressions.matching(["eve@example.org"]) and erased.was_known
    with Ledger.open(folder=tmp_path, url=f"sqlite:///{tmp_path}/third.db", clock=clock, new=True) as third:
        # Erased in the first ledger, and in the second: still known in the third.
        assert set(third.suppressions.matching(["cy@example.org", "eve@example.org"])) == {
            "cy@example.org",
            "eve@example.org",
        }


def _fill(ledger: Ledger) -> None:
    """Two unsubscribed addresses, one of them imported, one erased, one no longer suppressed."""
    suppress(ledger, ANA, "cy@example.org", "di@example.org")
    number = ledger.suppressions.begin_import(
        file="old.csv", list_key=ALL_LISTS, reason=SuppressionReason.IMPORT
    )
    ledger.suppressions.import_chunk(number, ["bo@example.org"])
    ledger.suppressions.erase(["cy@example.org"])
    ledger.suppressions.remove(["di@example.org"], list_key=ALL_LISTS, why="she wrote")


def test_a_new_ledger_in_the_same_place_takes_it_over_from_the_file_that_was_set_aside(
    first: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as old:
        _fill(old)
    with Ledger.open(folder=tmp_path, url=first, clock=clock, new=True) as new:
        assert new.suppressions.matching([ANA, "cy@example.org"]).keys() == {ANA, "cy@example.org"}
    assert len(list((tmp_path / "data").glob("mailrunner.db.old-*[0-9]"))) == 1


def test_a_list_that_cannot_be_taken_over_is_told_with_its_number(
    first: str, tmp_path: Path, clock: ManualClock
) -> None:
    with Ledger.open(folder=tmp_path, url=first, clock=clock) as old:
        suppress(old, *(f"{number}@example.org" for number in range(1_234)))
        old.count_run()
    (tmp_path / "data" / "mailrunner.db").write_bytes(b"not a database at all" * 100)
    with Ledger.open(folder=tmp_path, url=first, clock=clock, new=True) as new:
        (notice,) = new.notices
    assert "1,234 entries when a run counted them last" in notice and "suppress import FILE" in notice


def test_a_new_ledger_that_replaces_an_empty_list_says_nothing(
    first: str, tmp_path: Path, clock: ManualClock
) -> None:
    Ledger.open(folder=tmp_path, url=first, clock=clock).close()
    with Ledger.open(folder=tmp_path, url=first, clock=clock, new=True) as new:
        assert new.notices == ()
