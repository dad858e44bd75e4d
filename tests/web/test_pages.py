"""What the pages tell: of messages without a list, of their sender, with a logo."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason
from mailrunner.store import Ledger
from mailrunner.web.logo import MOST_OCTETS, Logo, load_logo
from mailrunner.web.sender_names import Senders
from mailrunner.web.translations import phrases
from tests.support.campaign_toml import write_campaign
from tests.support.projects import Project
from tests.support.web_clicks import Served, deliveries, mailed

ANA = "ana@example.org"
WORDS = phrases()["en"]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def heading(text: str) -> str:
    found = re.search(r"<h1>(.*)</h1>", text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("with_lists", [True, False])
def test_the_link_of_a_message_without_a_list_is_for_all_lists_and_says_so(
    ledger: Ledger, with_lists: bool
) -> None:
    ticket = mailed(ledger, [ANA], name="", campaign="ticket", kind="transactional")
    if with_lists:
        mailed(ledger, [ANA])
        mailed(ledger, [ANA], name="Choir", campaign="choir")
    with Served(ledger) as site:
        token = site.token(deliveries(ledger, ticket)[0])
        page = site.get(f"/u/{token}").text
        assert heading(page) == WORDS["ask_all"] and WORDS["test_list"] not in page
        assert WORDS["personal_note"] in page
        (button,) = re.findall(r'name="leave" value="([^"]*)"', page)

        left = site.post(f"/u/{token}", f"leave={button}".encode()).text
        assert heading(left) == WORDS["all_left"] and WORDS["personal_note"] in left
        assert {(e.list_key, e.reason) for e in ledger.suppressions.entries(ANA)} == {
            (ALL_LISTS, SuppressionReason.UNSUBSCRIBE)
        }
        assert heading(site.get(f"/u/{token}").text) == WORDS["all_left"]
        choice = site.get(f"/p/{token}").text
        assert WORDS["all_left_note"] in choice and WORDS["test_list"] not in choice
        assert ("Choir" in choice, "Club news" in choice) == (with_lists, with_lists)

        assert heading(site.post(f"/u/{token}", b"back=*").text) == WORDS["all_back"]
        assert ledger.suppressions.entries(ANA) == []
        assert site.click(token).status == 200
        assert heading(site.get(f"/u/{token}").text) == WORDS["all_left"]


def test_a_list_of_personal_messages_is_left_as_recorded(ledger: Ledger) -> None:
    ticket = mailed(ledger, [ANA], name="Tickets", campaign="ticket", kind="transactional")
    with Served(ledger) as site:
        token = site.token(deliveries(ledger, ticket)[0])
        assert heading(site.get(f"/u/{token}").text) == "Unsubscribe from “Tickets”?"
        for path in ("u", "p"):
            site.post(f"/{path}/{token}", b"leave=" + (b"tickets" if path == "p" else b""))
        page = site.get(f"/u/{token}").text
        assert heading(page) == "You are unsubscribed from “Tickets”" and WORDS["personal_note"] in page
        assert WORDS["off"] in site.get(f"/p/{token}").text


def test_check_names_a_link_that_leaves_all_lists(tmp_path: Path) -> None:
    project = Project(tmp_path).write(rows=["ana@example.org,Ana"])
    file = tmp_path / "campaigns" / "spring.toml"
    named = file.read_text().replace('list = "Club news"', 'list = "Club news"\nkind = "transactional"')
    file.write_text(named)
    remark = "whoever follows the link leaves all lists"
    assert remark not in " ".join(project.mailrunner("check", "spring").stdout.split())
    file.write_text(named.replace('list = "Club news"\n', ""))
    answer = project.mailrunner("check", "spring")
    assert answer.code == 0 and remark in " ".join(answer.stdout.split())


def put(folder: Path, sender: str) -> None:
    write_campaign(folder, f"[message]\nfrom = '{sender}'\n")


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("Ana Pop <ana@gmail.com>", "Ana Pop · example.org"),
        ('"Pop, Ana" <ana@gmail.com>', "Pop, Ana · example.org"),
        ("<b>Ana</b> <ana@gmail.com>", "example.org"),
        ("ana@gmail.com", "example.org"),
        ("${SENDER} <ana@gmail.com>", "example.org"),
        ("ana@x.org <ana@gmail.com>", "example.org"),
    ],
)
def test_pages_name_the_sender_and_no_address(
    ledger: Ledger, tmp_path: Path, sender: str, shown: str
) -> None:
    put(tmp_path, sender)
    (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
    with Served(ledger, sender=Senders(tmp_path).name) as site:
        for path in ("u", "p"):
            page = site.get(f"/{path}/{site.token(ana)}").text
            assert f"<span>{shown}</span>" in page
            assert "@" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_a_campaign_file_that_is_gone_or_damaged_leaves_the_domain(tmp_path: Path) -> None:
    senders = Senders(tmp_path)
    assert senders.name("campaigns/spring.toml", "example.org") == "example.org"
    put(tmp_path, "'")
    assert senders.name("campaigns/spring.toml", "example.org") == "example.org"


def test_the_logo_comes_from_the_site_itself_and_the_policy_allows_no_other(ledger: Ledger) -> None:
    (ana,) = deliveries(ledger, mailed(ledger, [ANA]))
    with Served(ledger, logo=Logo(PNG, "image/png"), prefix="/news") as site:
        page = site.get(f"/news/u/{site.token(ana)}")
        assert '<img src="../logo" alt="">' in page.text
        assert "img-src 'self';" in page.headers["content-security-policy"]
        for path in ("/logo", "/news/logo"):
            image = site.get(path)
            assert (image.status, image.body) == (200, PNG)
            assert image.headers["content-type"] == "image/png"
            assert image.headers["cache-control"] == "public, max-age=3600"
        assert "<img" not in site.get("/nowhere").text
    with Served(ledger) as site:
        page = site.get(f"/u/{site.token(ana)}")
        assert "<img" not in page.text and "img-src" not in page.headers["content-security-policy"]
        assert site.get("/logo").status == 404


def test_a_logo_is_an_image_of_the_project_by_its_content(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "logo.png").write_bytes(PNG)
    assert load_logo(project, "logo.png") == Logo(PNG, "image/png")
    (tmp_path / "outside.png").write_bytes(PNG)
    (project / "link.png").symlink_to(tmp_path / "outside.png")
    (project / "ledger.png").write_bytes(b"SQLite format 3\0")
    (project / "drawing.svg").write_bytes(b"<svg/>")
    (project / "large.png").write_bytes(PNG + bytes(MOST_OCTETS))
    for name, problem in (
        ("../outside.png", "outside"),
        ("link.png", "outside"),
        ("ledger.png", "is no PNG"),
        ("drawing.svg", "is no PNG"),
        ("large.png", "256 KB"),
        ("missing.png", "cannot be read"),
        (".", "cannot be read"),
    ):
        with pytest.raises(UserError, match=problem):
            load_logo(project, name)
