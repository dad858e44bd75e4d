"""Digests that ledgers keep: were one made otherwise, each campaign begun before would stop as changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.sending.prepared_campaign import PreparedCampaign, content_digest
from tests.support.campaigns import people
from tests.support.projects import Project

CONTENT = {
    "kind": "bf8348b4",
    "list": "b6e15403",
    "[message] from": "2a95794b",
    "[message] reply_to": "74234e98",
    "[message] subject": "8280d08f",
    "[message] html": "9bc3d9cb",
    "[message] text": "74234e98",
    "[message] postal_address": "07f8485c",
    "[message] attachments": "4f53cda1",
    "[message] headers": "9fe6318d",
    "[message] vars": "07780c3a",
    "templates/letter.html": "51131dd7",
    "recipients.email": "82244417",
    "recipients.name": "e3b0c442",
    "recipients.defaults": "4f53cda1",
    "recipients.types": "4f53cda1",
    "account": "b89df86b",
    "return_path": "e3b0c442",
}


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedCampaign:
    project = Project(tmp_path)
    credentials = 'user = "ana@example.org"\npassword = "secret"'
    project.write_account(port=2525, limits="", account=credentials)
    message = 'headers = { "X-Season" = "spring" }\nvars = { city = "Cluj" }'
    project.write_campaign("spring", csv="people.csv", message=message)
    project.put("data/people.csv", people(2))
    return PreparedCampaign.prepare(*load_campaign(tmp_path, "spring", {}))


def test_each_part_of_a_content_has_always_this_digest(prepared: PreparedCampaign) -> None:
    assert {name: text[:8] for name, text in prepared.content().items()} == CONTENT


def test_the_digest_of_all_parts_is_always_this(prepared: PreparedCampaign) -> None:
    whole = content_digest(prepared.content())
    assert whole == "57484be9299e04087c408a7fc2b02702f6c7397d728341943dc769c9d23b703f"


def test_the_digests_that_find_a_twin_are_always_these(prepared: PreparedCampaign) -> None:
    assert prepared.message_digests() == (
        "read:d68659d462493846025c50230cf36687b0653acb0e85d347b9cfbf147b52e967",
        "parts:4d6a89d873750042248ca7ce8027268f4d6be414d93d47a979b87657a614e18d",
        "5836e45d5416f116cb5feb8fab74c0040529117961ccb984d312de2226d7eae8",
    )


def test_the_digests_of_the_selection_and_of_the_credentials_are_always_these(
    prepared: PreparedCampaign,
) -> None:
    assert prepared.list_spec() == "fb8dd67a50f406411545883a28b60bd1d7c59715033c2ae3837635eabf42587b"
    credentials = "d24f71ab465bc13409d6e33adb5955251a1ed355d18dc5073a8ba31b7d797c1a"
    assert prepared.setup_digest(b"key") == credentials
    assert prepared.setup_digest(b"other") != credentials
