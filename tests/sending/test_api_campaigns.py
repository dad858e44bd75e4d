"""Campaigns over a faithful fake of each HTTP API: counts are exact whatever the server does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api_campaigns import ApiCampaign
from tests.support.campaigns import people
from tests.support.http_api_server import (
    Fault,
    HttpApiServer,
    answer,
    chunked,
    cut,
    fault_after,
    slowly,
    take_then_cut,
    yes_then_close,
)
from tests.support.http_apis import READ, error

NUMBER = 600
FAULTS = (
    Fault(answer(429, Retry_After="2"), nth=40),
    Fault(answer(429), nth=41),
    Fault(cut(), at="head", every=97),
    Fault(cut(reset=True), at="body", every=89),
    Fault(cut(), every=101),
    Fault(take_then_cut(), every=103),
    Fault(fault_after(500, takes=True), every=127),
    Fault(fault_after(503, takes=False), every=131),
    Fault(yes_then_close(), every=17),
    Fault(slowly(), every=113),
    Fault(chunked(), every=7),
)


@pytest.mark.parametrize("preset", READ)
def test_a_campaign_of_600_over_an_api_that_fails_in_every_way_keeps_exact_counts(
    preset: str, tmp_path: Path
) -> None:
    with HttpApiServer(preset, faults=FAULTS) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(NUMBER))
        counts = campaign.run_to_the_end().counts
        states, copies = campaign.states(), campaign.copies()
    assert server.problems == []
    assert set(copies.values()) == {1}
    assert counts.sent + counts.in_doubt == NUMBER
    assert all(copies[address] == 1 for address, state in states.items() if state == "sent")
    doubts = {address for address, state in states.items() if state == "in_doubt"}
    if preset == "resend":  # repeats under the same key say what had become of the first try
        assert doubts == set()
    else:
        assert set(server.doubtful) <= doubts
        assert 10 < len(doubts) <= len(server.doubtful) + server.cut_early


@pytest.mark.parametrize("preset", READ)
def test_a_refused_recipient_is_told_at_once_where_the_api_tells_it(preset: str, tmp_path: Path) -> None:
    known = {
        "gmail": (400, "invalidArgument", "Invalid To header"),
        "microsoft365": (400, "ErrorInvalidRecipients", "At least one recipient is not valid."),
        "ses": (400, "BadRequestException", "Missing final @domain"),
        "mailgun": (400, "", "to parameter is not a valid address. please check documentation"),
        "mandrill": (200, "rejected", "hard-bounce"),
        "smtp2go": (200, "failed=1", "550 mailbox unknown"),
        "sparkpost": (200, "2000", "transmission created, but with validation errors"),
        "postmark": (422, "406", "You tried to send to recipient(s) that have been marked as inactive"),
        "sendgrid": (400, "personalizations.0.to.0.email", "Does not contain a valid address."),
        "brevo": (400, "invalid_parameter", "email is not valid in to"),
        "resend": (422, "validation_error", "Invalid `to` field."),
        "mailjet": (400, "mj-0013", '"x" is an invalid email address. To[0].Email'),
        "mailtrap": (400, "", "'to' address is invalid"),
    }
    refusal = error(preset, *known[preset])
    fault = Fault(lambda each: each.answer(refusal), recipient="person3@example.org")
    with HttpApiServer(preset, faults=[fault]) as server:
        campaign = ApiCampaign(tmp_path, server).write(csv=people(8), connections=1)
        counts = campaign.run_to_the_end().counts
    assert (counts.sent, counts.failed, counts.in_doubt) == (7, 1, 0)
    assert campaign.states()["person3@example.org"] == "failed"
    assert server.problems == []
