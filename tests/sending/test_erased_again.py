"""Who was erased and let in again has had a campaign all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.model.delivery import Counts
from mailrunner.model.suppression import ALL_LISTS
from mailrunner.sending.preflight import Preflight, PreflightResult
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

ERASED = "person1@example.org"


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[CampaignInProcess]:
    """A campaign to three recipients; one of them was erased since, and let in again."""
    with SmtpServer() as server:
        found = CampaignInProcess(tmp_path, server).write(csv=people(3))
        assert found.run().sent_now == 3
        with found.ledger() as ledger:
            ledger.suppressions.erase([ERASED])
            ledger.suppressions.remove([ERASED], list_key=ALL_LISTS, why="she wrote that she wants it again")
        yield found


def checked(mailing: CampaignInProcess) -> PreflightResult:
    prepared = PreparedCampaign.prepare(*load_campaign(mailing.folder, "spring", {}))
    with mailing.ledger() as ledger:
        return Preflight(prepared, ledger, mailing.clock.now(), lambda _: None).inspect()


def test_a_refresh_mails_them_nothing_a_second_time(mailing: CampaignInProcess) -> None:
    mailing.list(people(4))
    result = mailing.run(refresh=True)
    assert mailing.copies() == {f"person{n}@example.org": 1 for n in range(4)}
    assert result.counts == Counts(sent=4)


def test_they_are_no_new_row_of_the_list(mailing: CampaignInProcess) -> None:
    mailing.list(people(3) + "\n")
    assert not mailing.run().notices
    mailing.list(people(4))
    assert "the list has 1 new and 0 edited rows" in mailing.run().notices[-1]


def test_check_says_that_they_had_it(mailing: CampaignInProcess) -> None:
    mailing.list(people(4))
    found = checked(mailing)
    assert (found.to_send, found.done) == (1, 3)


def test_a_recipient_erased_before_the_message_was_sent_is_a_new_row(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))
        mailing.run(limit=1)
        assert "person2@example.org" not in mailing.copies()
        left = "person2@example.org"
        with mailing.ledger() as ledger:
            ledger.suppressions.erase([left])
            ledger.suppressions.remove([left], list_key=ALL_LISTS, why="she wrote")
        mailing.list(people(3) + "\n")
        mailing.run(refresh=True)
        assert mailing.copies() == {f"person{n}@example.org": 1 for n in range(3)}


def test_the_next_campaign_reaches_them(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3), name="summer", letter="<p>Summer</p> {{ unsubscribe_url }}")
    assert mailing.run("summer").sent_now == 3


def test_a_twin_counts_them_as_common(mailing: CampaignInProcess) -> None:
    from mailrunner.errors import UserError

    mailing.write(csv=f"email,name\n{ERASED},Name 1\n", name="summer")
    with pytest.raises(UserError, match="under another name"):
        checked_twin = PreparedCampaign.prepare(*load_campaign(mailing.folder, "summer", {}))
        with mailing.ledger() as ledger:
            Preflight(checked_twin, ledger, mailing.clock.now(), lambda _: None).inspect()
    with pytest.raises(UserError, match="under another name"):
        mailing.run("summer")
