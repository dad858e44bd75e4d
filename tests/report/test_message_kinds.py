"""Kinds of message in the report: by the fixed text, over a sample of what was sent."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from mailrunner.model.delivery import State
from mailrunner.store import Ledger
from tests.report.test_report import report
from tests.support.campaigns import CampaignInProcess
from tests.support.large_ledger import fill
from tests.support.smtp_server import SmtpServer

LETTER = (
    "<p>Hello {{ name }}</p>{% if name == 'Bo' %}<p>and thanks for the cake</p>{% endif %}"
    '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
)
LIST = "email,name\nana@x.example,Ana\nbo@x.example,Bo\ncy@x.example,Cy\ndee@x.example,Dee\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=LIST, letter=LETTER).run()
    return tmp_path


def test_the_page_tells_the_kinds_of_message_apart(folder: Path) -> None:
    page = report(folder, "spring", "--format", "html").stdout
    kinds = page.split("<h2>Kinds of message", 1)[1].split("<h2>", 1)[0]
    assert "the same text with other values" in kinds
    assert kinds.index("Ana, spring is here") < kinds.index("Bo, spring is here")  # the most frequent first
    assert '<td class="n" data-unit="messages">3</td><td class="n">75.0 %</td>' in kinds
    assert '<td class="n" data-unit="message">1</td><td class="n">25.0 %</td>' in kinds


def test_a_campaign_whose_files_are_gone_has_a_page_without_them(folder: Path) -> None:
    (folder / "templates/letter.html").unlink()
    page = report(folder, "spring", "--format", "html")
    assert page.exit_code == 0 and "Kinds of message" not in page.stdout and "4" in page.stdout


def test_a_row_that_makes_no_message_any_more_is_left_out(folder: Path) -> None:
    template = folder / "templates/letter.html"
    template.write_text(LETTER.replace("{{ name }}", "{{ {'Ana': 1}[name] }}"), "utf-8")
    page = report(folder, "spring", "--format", "html")
    assert page.exit_code == 0
    assert "100.0 %" in page.stdout.split("<h2>Kinds of message", 1)[1].split("<h2>", 1)[0]


def test_rows_are_taken_evenly_from_a_long_list(ledger: Ledger) -> None:
    campaign = fill(ledger, "spring", 5_000)
    with ledger.reports.reading(campaign.no) as reading:
        places = [row.row - 1 for row in reading.rows(State.SENT, every=500)]
    assert len(places) == 10 and {later - before for before, later in pairwise(places)} == {500}
