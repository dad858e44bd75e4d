"""The same message under another name is found by what recipients would read, not by names of files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrunner.campaign import copy
from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.config.project import load_project
from mailrunner.errors import UserError
from mailrunner.sending.preflight import Preflight
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

UNDER_ANOTHER_NAME = "under another name"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[CampaignInProcess]:
    with SmtpServer() as server:
        yield CampaignInProcess(tmp_path, server)


def copied(mailing: CampaignInProcess, name: str, source: str = "spring") -> None:
    """What `mailrunner new NAME --from SOURCE` writes."""
    for path, octets in copy.files(load_project(mailing.folder, {}), source, name).items():
        (mailing.folder / path).write_bytes(octets)


def put(mailing: CampaignInProcess, path: str, content: bytes | str) -> None:
    file = mailing.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def edit(mailing: CampaignInProcess, path: str, old: str, new: str) -> None:
    file = mailing.folder / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def assert_refused(mailing: CampaignInProcess, name: str) -> None:
    taken = len(mailing.server.accepted)
    with pytest.raises(UserError, match=UNDER_ANOTHER_NAME):
        mailing.run(name)
    assert len(mailing.server.accepted) == taken


def check(mailing: CampaignInProcess, name: str) -> None:
    prepared = PreparedCampaign.prepare(*load_campaign(mailing.folder, name, {}))
    with mailing.ledger() as ledger:
        Preflight(prepared, ledger, mailing.clock.now(), lambda _: None).inspect()


def test_a_copy_in_which_nothing_was_changed_mails_no_recipient(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3))
    mailing.run()
    copied(mailing, "summer")
    assert_refused(mailing, "summer")
    with pytest.raises(UserError, match=UNDER_ANOTHER_NAME):
        check(mailing, "summer")
    edit(mailing, "templates/summer.html", "Hello", "Dear")
    check(mailing, "summer")
    assert mailing.run("summer").sent_now == 3


def test_a_copy_of_a_copy_is_found_too_and_again_sends_it(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    mailing.run()
    copied(mailing, "summer")
    copied(mailing, "autumn", source="summer")
    assert_refused(mailing, "autumn")
    assert mailing.run("autumn", again=True).sent_now == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{{ name }}", "{{ name }}!"),
        ('<img src="cid:art/logo.png">', '<img src="cid:art/other.png">'),
        ('{% include "parts/footer.html" %}', '{% include "parts/end.html" %}'),
    ],
)
def test_other_words_other_pictures_and_other_parts_make_another_message(
    mailing: CampaignInProcess, old: str, new: str
) -> None:
    letter = '<img src="cid:art/logo.png">{% include "parts/footer.html" %}' + LETTER
    mailing.write(csv=people(2), letter=letter)
    put(mailing, "templates/art/logo.png", PNG)
    put(mailing, "templates/art/other.png", PNG + b"other")
    put(mailing, "templates/parts/footer.html", "<p>The club</p>")
    put(mailing, "templates/parts/end.html", "<p>The other club</p>")
    mailing.run()
    copied(mailing, "summer")
    edit(mailing, "templates/summer.html", old, new)
    assert mailing.run("summer").sent_now == 2


def test_files_under_other_names_with_the_same_content_are_the_same_message(
    mailing: CampaignInProcess,
) -> None:
    letter = '<img src="cid:spring/logo.png">{% include "spring/footer.html" %}' + LETTER
    mailing.write(csv=people(2), letter=letter, message='attachments = ["data/spring.pdf"]')
    for name in ("spring", "summer"):
        put(mailing, f"templates/{name}/logo.png", PNG)
        put(mailing, f"templates/{name}/footer.html", "<p>The club</p>")
        put(mailing, f"data/{name}.pdf", b"%PDF-1.4 the programme")
    mailing.run()
    copied(mailing, "summer")
    edit(mailing, "templates/summer.html", "spring/", "summer/")
    edit(mailing, "campaigns/summer.toml", "data/spring.pdf", "data/summer.pdf")
    assert_refused(mailing, "summer")
    put(mailing, "data/summer.pdf", b"%PDF-1.4 another programme")
    assert mailing.run("summer").sent_now == 2


def test_tickets_out_of_another_folder_are_another_message(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2), message='attachments = ["data/may/{{ name }}.pdf"]')
    for month in ("may", "june"):
        for number in range(2):
            put(mailing, f"data/{month}/Name {number}.pdf", f"%PDF-1.4 {month} {number}")
    mailing.run()
    copied(mailing, "june")
    edit(mailing, "campaigns/june.toml", "data/may/", "data/june/")
    assert mailing.run("june").sent_now == 2


def test_templates_that_a_row_chooses_are_told_by_their_contents(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2), letter='{% include "parts/" ~ "hi" ~ ".html" %}' + LETTER)
    put(mailing, "templates/parts/hi.html", "<p>Hi</p>")
    mailing.run()
    copied(mailing, "summer")
    assert_refused(mailing, "summer")
    put(mailing, "templates/parts/hi.html", "<p>Good day</p>")
    assert mailing.run("summer").sent_now == 2


def test_headers_that_no_recipient_reads_make_no_other_message(mailing: CampaignInProcess) -> None:
    mailing.write(
        csv=people(2), message='reply_to = "office@example.org"\nheaders = { "X-Campaign" = "spring" }'
    )
    mailing.run()
    copied(mailing, "summer")
    edit(mailing, "campaigns/summer.toml", '= "spring" }', '= "summer" }')
    edit(mailing, "campaigns/summer.toml", "office@example.org", "club@example.org")
    assert_refused(mailing, "summer")


def test_a_comment_alone_makes_no_other_message(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    mailing.run()
    copied(mailing, "summer")
    edit(mailing, "templates/summer.html", "<html>", "{# for summer #}<html>")
    assert_refused(mailing, "summer")


def test_a_campaign_begun_by_an_older_version_is_recognised(mailing: CampaignInProcess) -> None:
    """Its ledger has the digest over names alone."""
    mailing.write(csv=people(3))
    mailing.run()
    by_names = PreparedCampaign.prepare(*load_campaign(mailing.folder, "spring", {})).digest_by_names()
    with sqlite3.connect(mailing.folder / "data" / "mailrunner.db") as database:
        database.execute("UPDATE campaigns SET message_digest = ?", (by_names,))
    (mailing.folder / "templates" / "letter.html").rename(mailing.folder / "templates" / "old.html")
    edit(mailing, "campaigns/spring.toml", "letter.html", "old.html")
    copied(mailing, "summer")
    with pytest.raises(UserError, match=UNDER_ANOTHER_NAME):
        check(mailing, "summer")
    assert_refused(mailing, "summer")


def test_a_snapshot_of_an_older_version_is_read_again_before_it_is_compared(
    mailing: CampaignInProcess,
) -> None:
    from mailrunner.sending.run import Callbacks

    mailing.write(csv=people(2))
    mailing.run(callbacks=Callbacks(confirm=lambda _: False))
    with sqlite3.connect(mailing.folder / "data" / "mailrunner.db") as database:
        database.execute("UPDATE campaigns SET message_digest = 'of an older version'")
    copied(mailing, "summer")
    assert mailing.run("summer").sent_now == 2
    assert_refused(mailing, "spring")
