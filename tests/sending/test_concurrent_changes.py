"""What a person or another process does while a run is under way."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.run import Callbacks
from mailrunner.store import Ledger, Run
from tests.support.campaigns import CampaignInProcess, people
from tests.support.ledger_builder import claim_or_wait, claim_terms
from tests.support.smtp_server import Rule, SmtpServer, reply


def cancel(mailing: CampaignInProcess) -> bool:
    with mailing.ledger() as other:
        found = other.campaigns.find("spring")
        assert found is not None
        other.campaigns.cancel(found.no)
    return True


def test_a_cancel_given_while_the_plan_is_on_the_screen_holds(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(5))
    result = mailing.run(callbacks=Callbacks(confirm=lambda _: cancel(mailing)))
    assert result.sent_now == 0 and not mailing.server.accepted
    assert mailing.run(again=True).wait.reason is WaitReason.CANCELLED


def test_a_twin_that_was_declined_first_is_refused_after_the_other_was_sent(
    mailing: CampaignInProcess,
) -> None:
    mailing.write(csv=people(3))
    mailing.run(callbacks=Callbacks(confirm=lambda _: False))
    mailing.write(csv=people(3), name="spring-2")
    assert mailing.run("spring-2").counts == Counts(sent=3)
    with pytest.raises(UserError, match="under another name"):
        mailing.run("spring")
    assert set(mailing.copies().values()) == {1}


def test_what_a_dead_process_held_is_taken_over_by_a_run_that_lives(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(12))
    mailing.run(limit=1)
    with mailing.ledger() as ledger:
        found = ledger.campaigns.find("spring")
        assert found is not None
        dead = Run.begin(ledger.database)

        def die(step: str) -> None:
            if step == "recorded" and len(mailing.server.accepted) == 11:
                dead._lock.release()  # what the operating system does for a killed process

        with_claims = _claim_one(mailing, dead)
        assert with_claims == 1
        assert mailing.run(callbacks=Callbacks(on_step=die)).counts == Counts(sent=12)
        assert set(mailing.copies().values()) == {1}


def _claim_one(mailing: CampaignInProcess, run: Run) -> int:
    """Claim one delivery as another process's run would."""

    with mailing.ledger() as ledger:
        found = ledger.campaigns.find("spring")
        assert found is not None
        at = claim_terms(found)
        object.__setattr__(at, "content_digest", found.content_digest)
        claimed = claim_or_wait(ledger, at, token=run.next_token(), most=1)
        assert isinstance(claimed, list)
        return len(claimed)


def test_after_an_outage_a_patient_run_looks_at_its_window_again(tmp_path: Path) -> None:
    away = reply(421, "4.3.2 Service not available, closing transmission channel")
    with SmtpServer(rules=[Rule("connect", nth=range(1, 40), do=away)]) as server:
        mailing = CampaignInProcess(tmp_path, server)
        mailing.write(csv=people(3), send='window = "08:00-08:05 UTC"')
        sent_at: list[int] = []
        callbacks = Callbacks(
            on_step=lambda step: sent_at.append(mailing.clock.now().hour) if step == "answered" else None
        )
        assert mailing.run(wait=True, callbacks=callbacks).counts == Counts(sent=3)
        assert set(sent_at) == {8}


def test_accepting_changes_forgets_verdicts_on_the_old_content(tmp_path: Path) -> None:
    spam = reply(554, "5.7.1 This message was considered spam")
    with SmtpServer(rules=[Rule("eod", nth={1, 2, 3}, do=spam)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(5))
        assert mailing.run().wait.reason is WaitReason.STOPPED
        letter = mailing.folder / "templates" / "letter.html"
        letter.write_text(letter.read_text().replace("Hello", "Dear"))
        assert mailing.run(accept_changes=True).counts == Counts(sent=5)


def test_a_closed_terminal_does_not_end_a_run(mailing: CampaignInProcess) -> None:
    def gone(_: object) -> None:
        raise BrokenPipeError

    mailing.write(csv=people(4))
    assert mailing.run(callbacks=Callbacks(watch=gone)).counts == Counts(sent=4)


def test_a_bug_in_the_show_ends_the_run_only_after_its_workers(mailing: CampaignInProcess) -> None:
    def bug(_: object) -> None:
        raise ZeroDivisionError

    mailing.write(csv=people(40), send="per_second = 1")
    with pytest.raises(ZeroDivisionError):
        mailing.run(callbacks=Callbacks(watch=bug))
    sent = len(mailing.server.accepted)
    mailing.clock.turn(timedelta(minutes=5))
    assert len(mailing.server.accepted) == sent
    assert mailing.run().counts == Counts(sent=40)


def test_a_declined_plan_for_a_list_from_sql_can_be_begun_later(mailing: CampaignInProcess) -> None:
    with sqlite3.connect(mailing.folder / "crm.db") as crm:
        crm.execute("CREATE TABLE people (email TEXT, name TEXT)")
        crm.executemany("INSERT INTO people VALUES (?, ?)", [(f"{n}@example.org", f"N{n}") for n in range(3)])
    crm.close()
    mailing.write(csv=people(1))
    campaign = mailing.folder / "campaigns" / "spring.toml"
    query = f'sql = "SELECT * FROM people"\ndatabase = "sqlite:///{mailing.folder}/crm.db"'
    campaign.write_text(campaign.read_text().replace('csv = "data/people.csv"', query))
    assert mailing.run(callbacks=Callbacks(confirm=lambda _: False)).sent_now == 0
    assert mailing.run().counts == Counts(sent=3)


def test_a_yes_begins_only_what_was_shown(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3))

    def another_terminal(_: object) -> bool:
        mailing.list(people(50))
        mailing.run(callbacks=Callbacks(confirm=lambda _: False))
        return True

    assert mailing.run(callbacks=Callbacks(confirm=another_terminal)).sent_now == 0
    assert not mailing.server.accepted
    assert mailing.run().counts == Counts(sent=50)


def test_refreshing_a_cancelled_campaign_queues_no_row(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(4))
    mailing.run(limit=1)
    cancel(mailing)
    mailing.list(people(9))
    assert mailing.run(refresh=True).counts == Counts(sent=1, skipped=3)


def test_new_rows_in_a_finished_campaign_are_sent_to_after_a_refresh_that_was_killed(
    mailing: CampaignInProcess,
) -> None:
    mailing.write(csv=people(2))
    mailing.run()
    mailing.list(people(4))
    with pytest.raises(MemoryError):
        mailing.run(refresh=True, callbacks=Callbacks(started=_die))
    assert mailing.run().counts == Counts(sent=4)


def _die(*_: object) -> None:
    raise MemoryError


def test_a_campaign_whose_list_is_being_read_cannot_be_cancelled_halfway(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(25_000))
    skipped: list[int] = []

    def other(_: int) -> None:
        with mailing.ledger() as ledger:
            found = ledger.campaigns.find("spring")
            assert found is not None
            skipped.append(ledger.campaigns.cancel(found.no))

    result = mailing.run(limit=1, callbacks=Callbacks(loading=other))
    assert set(skipped) == {0}
    assert result.counts.total == 25_000 and result.counts.sent == 1


def test_two_new_ledgers_in_a_row_keep_the_first(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1))
    mailing.run()
    url = f"sqlite:///{mailing.folder}/data/mailrunner.db"
    for _ in range(2):
        mailing.clock.turn(timedelta(milliseconds=1))
        Ledger.open(folder=mailing.folder, url=url, clock=mailing.clock, new=True).close()
    assert len(list((mailing.folder / "data").glob("mailrunner.db.old-*"))) >= 2
