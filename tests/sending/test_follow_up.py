"""A follow-up goes to the recipients of an earlier campaign, by what became of its message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrunner import Project
from mailrunner.model.inbound_event import EventKind, InboundEvent
from tests.support.campaigns import CampaignInProcess
from tests.support.commands import answered
from tests.support.projects import LETTER
from tests.support.projects import Project as ProjectFiles
from tests.support.smtp_server import Rule, SmtpServer, reply

NAMES = ("ana", "bo", "cy", "hard", "soft", "gone")
LIST = "email,name\n" + "".join(f"{name}@example.org,{name.title()}\n" for name in NAMES)
AGAIN = """
account = "relay"
list = "Club news"
[message]
from = "Ana Pop <ana@example.org>"
subject = "{{ name }}, once more"
html = "again.html"
postal_address = "Club, 1 Park Street"
[recipients]
"""


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[CampaignInProcess]:
    """A campaign that was sent: "gone" was refused, "hard" and "soft" bounced."""
    with SmtpServer(rules=[Rule("rcpt", reply(550, "5.1.1 no such user"), recipient="gone@")]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=LIST + "ana@example.org,Twice\nno address,X\n", send='stop_if_failing = "off"'
        )
        ProjectFiles(tmp_path).put("templates/again.html", LETTER.replace("Hello", "Again"))
        mailing.run()
        with mailing.ledger() as ledger:
            found = ledger.campaigns.find("spring")
            assert found is not None
            ids = {row.address.partition("@")[0]: row.id for row in ledger.reports.rows(found.no)}
            kinds = {"hard": EventKind.BOUNCED, "soft": EventKind.SOFT_BOUNCED}
            ledger.inbound_events.ingest(
                [
                    InboundEvent(kind=kind, source="inbox", delivery=ids[name], code=550, fingerprint=name)
                    for name, kind in kinds.items()
                ]
            )
        server.accepted.clear()
        yield mailing


def follow_up(mailing: CampaignInProcess, lines: str) -> None:
    ProjectFiles(mailing.folder).put("campaigns/again.toml", AGAIN + lines)


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("sent", "ana bo cy soft"),
        ("not-bounced", "ana bo cy"),
        ("bounced", "soft"),  # a hard bounce has suppressed its address
        ("failed", ""),  # so has the refusal of an unknown mailbox
        ("in-doubt", ""),
        ("all", "ana bo cy soft"),
    ],
)
def test_recipients_are_chosen_by_what_became_of_them(
    mailing: CampaignInProcess, who: str, names: str
) -> None:
    follow_up(mailing, f'from_campaign = "spring"\nwho = "{who}"\n')
    code, answer = answered(mailing.folder, "check", "again")
    if who == "in-doubt":
        assert code == 78 and 'campaign "spring" (in-doubt) has no rows' in answer["problems"][0]["message"]
        return
    assert answer["plan"]["to_send"] == len(names.split())
    assert f'in campaign "spring" ({who})' in ProjectFiles(mailing.folder).mailrunner("check", "again").stdout
    assert answered(mailing.folder, "run", "again")[0] == 0
    assert mailing.copies() == {f"{name}@example.org": 1 for name in names.split()}


def test_who_unsubscribed_or_was_erased_since_gets_none(mailing: CampaignInProcess) -> None:
    Project(mailing.folder).suppress("bo@example.org", list_name="Club news", reason="unsubscribe")
    ProjectFiles(mailing.folder).mailrunner("suppress", "forget", "cy@example.org", "--yes")
    follow_up(mailing, 'from_campaign = "spring"\nwho = "not-bounced"\nwhere = "name != \'Soft\'"\n')
    _, answer = answered(mailing.folder, "check", "again")
    assert (answer["plan"]["to_send"], answer["plan"]["rows"]) == (1, 2)
    assert any("1 row of campaign" in notice and "stay out" in notice for notice in answer["notices"])
    assert answered(mailing.folder, "run", "again")[0] == 0
    assert mailing.copies() == {"ana@example.org": 1}


def test_a_purged_campaign_has_no_follow_up(mailing: CampaignInProcess) -> None:
    ProjectFiles(mailing.folder).mailrunner("purge", "spring")
    follow_up(mailing, 'from_campaign = "spring"\n')
    code, answer = answered(mailing.folder, "run", "again")
    assert code == 78 and "the cells of its rows were deleted" in answer["problems"][0]["message"]


def test_it_goes_on_as_the_earlier_campaign_does(mailing: CampaignInProcess) -> None:
    follow_up(mailing, 'from_campaign = "spring"\n')
    assert answered(mailing.folder, "run", "again", "--limit", "1")[0] == 75
    mailing.list(LIST + "new@example.org,New\n")
    assert answered(mailing.folder, "run", "spring", "--refresh")[1]["sent_now"] == 1
    mailing.server.accepted.clear()
    notices = answered(mailing.folder, "run", "again")[1]["notices"]
    assert any("1 new and 0 edited rows" in notice for notice in notices)
    assert answered(mailing.folder, "run", "again", "--refresh")[0] == 0
    assert mailing.copies()["new@example.org"] == 1 and set(mailing.copies().values()) == {1}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('from_campaign = "sprong"', 'did you mean "spring"?'),
        ('from_campaign = "again"', "is this campaign itself"),
        ('from_campaign = "spring"\ncsv = "data/people.csv"', "exactly one of"),
        ('csv = "data/people.csv"\nwho = "sent"', "goes only with from_campaign"),
        ('from_campaign = "spring"\nwho = "nobody"', '"not-bounced"'),
        ('from_campaign = "../spring"', "is not an id"),
        ('from_campaign = "spring"\nemail = "mail"', 'has no column "mail"'),
    ],
)
def test_what_cannot_be_a_follow_up_is_said(mailing: CampaignInProcess, lines: str, words: str) -> None:
    follow_up(mailing, lines)
    code, answer = answered(mailing.folder, "run", "again")
    said = " ".join(f"{p['message']} {p['hint']}" for p in answer["problems"])
    assert code == 78 and words in said
    assert not mailing.copies()
