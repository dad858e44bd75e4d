"""Deliveries in doubt, asked for at the provider: found, not there, not yet, and no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import people
from tests.support.clocks import ManualClock
from tests.support.http_api_server import Fault, HttpApiServer, cut, take_then_cut
from tests.support.http_apis import LOOKUPS
from tests.support.projects import Answer

TAKEN, LOST = "person2@example.org", "person5@example.org"
LONG_AGO = timedelta(hours=3)


def mailing(folder: Path, server: HttpApiServer, *, ago: timedelta = LONG_AGO) -> ApiCampaign:
    """A campaign of eight with two in doubt, one of which was taken."""
    server.faults = [Fault(take_then_cut(), recipient=TAKEN), Fault(cut(), recipient=LOST)]
    clock = ManualClock(datetime.now(UTC) - ago)
    campaign = ApiCampaign(folder, server, clock).write(csv=people(8), connections=1)
    assert campaign.run_to_the_end().counts.in_doubt == 2
    return campaign


def resolve(campaign: ApiCampaign, *words: str) -> Answer:
    arguments = ["resolve", "spring", *words, "--project", str(campaign.folder)]
    result = CliRunner().invoke(commands(), arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize("preset", LOOKUPS)
def test_the_providers_log_tells_which_of_two_doubts_was_taken(preset: str, tmp_path: Path) -> None:
    with HttpApiServer(preset) as server:
        campaign = mailing(tmp_path, server)
        shown = resolve(campaign)
        answer = resolve(campaign, "--from-provider")
    states = campaign.states()
    assert "--from-provider" in shown.stderr
    assert server.problems == []
    assert states[TAKEN] == "sent"
    if preset == "microsoft365":  # what was deleted by hand is not in Sent Items any more
        assert (states[LOST], answer.code) == ("in_doubt", 1)
    else:
        assert (states[LOST], answer.code) == ("queued", 0)


def test_what_is_not_there_so_soon_stays_in_doubt(tmp_path: Path) -> None:
    with HttpApiServer("mailgun") as server:
        campaign = mailing(tmp_path, server, ago=timedelta(minutes=2))
        answer = resolve(campaign, "--from-provider", LOST)
    assert (campaign.states()[LOST], answer.code) == ("in_doubt", 75)


def test_an_empty_log_proves_nothing(tmp_path: Path) -> None:
    with HttpApiServer("mailgun") as server:
        campaign = mailing(tmp_path, server)
        server.accepted.clear()
        answer = resolve(campaign, "--from-provider", LOST)
    assert (campaign.states()[LOST], answer.code) == ("in_doubt", 1)
    assert "no other message of the same hour" in answer.stdout


def test_a_key_that_may_not_ask_changes_nothing(tmp_path: Path) -> None:
    with HttpApiServer("mailgun") as server:
        campaign = mailing(tmp_path, server)
        server.others = lambda incoming: (403, {}, b"") if incoming.method == "GET" else None
        answer = resolve(campaign, "--from-provider")
    assert answer.code == 75
    assert "a sending key may not read events" in answer.stderr
    assert campaign.states()[TAKEN] == "in_doubt"


def test_a_provider_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    with HttpApiServer("ses") as server:
        campaign = mailing(tmp_path, server)
        answer = resolve(campaign, "--from-provider")
    assert answer.code == 78
    assert "cannot be asked" in answer.stderr
