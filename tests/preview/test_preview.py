"""Previews: the real command, real files, what is in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailrunner.cli import commands
from mailrunner.preview.message_view import MessageView, ShownLink, header_text
from mailrunner.preview.safe_html import SANDBOX
from mailrunner.preview.sample import Sample, choose
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList
from mailrunner.rendering import Message
from mailrunner.rendering.segments import SegmentedText
from tests.support.projects import Project
from tests.support.recipient_tables import Spec

MESSAGE = 'attachments = ["data/programme.txt", "{% if ticket %}data/{{ ticket }}{% endif %}"]'
RECIPIENTS = 'name = "name"\ndefaults = { name = "friend" }\ntypes = { points = "int" }'
LETTER = """<html><head><style>p { color: #123456 }</style></head><body>
<img src="cid:logo.png" alt="Club"><p>Hello {{ name }}</p><p>{{ note }}</p><p>{{ postal_address }}</p>
<p><a href="https://example.org/programme">The programme</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>
"""
PEOPLE = """\
email,name,note,points,ticket
ana@example.org,Ana Pop,hello,1,
bo@example.org,Bo,hello,2,
cy@gmial.com,Cy,hello,3,
di@example.org,,,,
eve@example.org,Éva Şerban,hello,5,
fay@example.org,Fay,{long},6,
nobody,Gus,,7,
ANA@example.org,Ana again,{longer},8,
hal@example.org,Hal,hello,many,
ida@example.org,<script>alert(1)</script>,hello,9,missing.pdf
""".format(long="long " * 30, longer="longer " * 60)  # fmt: skip
LOGO = b"\x89PNG\r\n\x1a\n not much of a picture"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = Project(tmp_path)
    made.write_account()
    made.write_campaign("spring", csv="people.csv", message=MESSAGE, recipients=RECIPIENTS, letter=LETTER)
    made.put("templates/logo.png", LOGO)
    return made.put_all({"data/people.csv": PEOPLE, "data/programme.txt": "Saturday"}).folder


def preview(project: Path, *words: str) -> Result:
    return CliRunner().invoke(commands(), ["preview", "spring", "--project", str(project), *words])


def page_of(result: Result) -> str:
    return Path(result.stdout.strip()).read_text("utf-8")


def shown(page: str) -> list[str]:
    """The addresses on the page, in its order."""
    return [unescape(found) for found in re.findall(r'<a href="#m\d+">([^<]*)</a>', page)]


def files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))


# --- which rows ------------------------------------------------------------------------------------


def sample(folder: Path, content: str, *, first: int | None = None, addresses: Sequence[str] = ()) -> Sample:
    (folder / "list.csv").write_text(content, encoding="utf-8")
    spec = Spec(csv="list.csv", name="name")
    return choose(RecipientList(open_source(spec, folder), spec), first=first, addresses=addresses)


def test_the_first_rows_and_the_edge_cases_are_chosen_each_with_its_reason(tmp_path: Path) -> None:
    chosen = sample(tmp_path, PEOPLE)
    assert [(s.entry.address, s.reasons) for s in chosen.specimens] == [
        ("ana@example.org", ("among the first 3",)),
        ("bo@example.org", ("among the first 3",)),
        ("cy@gmial.com", ("among the first 3",)),
        ("di@example.org", ("the emptiest row: 4 of 5 cells empty",)),
        ("eve@example.org", ("most characters beyond ASCII: name",)),
        ("fay@example.org", ("the longest value: note, 150 characters",)),
    ]
    assert (chosen.rows, chosen.mailable) == (10, 8)


def test_one_row_can_be_chosen_for_several_reasons(tmp_path: Path) -> None:
    chosen = sample(tmp_path, "email,name\nzoe@example.org,Zoë of the very long name\n")
    ((_, reasons),) = [(s.entry, s.reasons) for s in chosen.specimens]
    assert reasons == (
        "among the first 3",
        "the longest value: name, 25 characters",
        "most characters beyond ASCII: name",
    )


def test_none_of_the_first_leaves_the_edge_cases(tmp_path: Path) -> None:
    chosen = sample(tmp_path, PEOPLE, first=0)
    assert [s.entry.row for s in chosen.specimens] == [5, 6, 7]


def test_a_row_is_found_however_its_address_is_spelled(tmp_path: Path) -> None:
    chosen = sample(tmp_path, PEOPLE, addresses=[" BO@Example.ORG", "eve@example.org"])
    assert [s.entry.address for s in chosen.specimens] == ["bo@example.org", "eve@example.org"]


def test_rows_asked_for_come_beside_the_first_ones_where_both_are_wanted(tmp_path: Path) -> None:
    chosen = sample(tmp_path, PEOPLE, first=1, addresses=["bo@example.org"])
    assert [(s.entry.row, s.reasons) for s in chosen.specimens][:2] == [
        (2, ("the first row",)),
        (3, ("asked for by its address",)),
    ]


# --- the files -------------------------------------------------------------------------------------


def test_each_row_has_its_message_its_html_and_its_text(project: Path) -> None:
    result = preview(project, "--count", "1")
    folder = project / "previews/spring"
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{folder / 'index.html'}\n"
    stems = ["01-ana-pop", "02-friend", "03-eva-serban", "04-fay"]
    assert files_in(folder) == [
        *(f"{stem}.{kind}" for stem in stems for kind in ("eml", "html", "txt")),
        "index.html",
    ]
    mail = message_from_bytes((folder / "01-ana-pop.eml").read_bytes(), policy=policy.default)
    assert (mail["To"], mail["Subject"]) == ("Ana Pop <ana@example.org>", "Ana Pop, spring is here")
    assert "Hello Ana Pop" in (folder / "01-ana-pop.txt").read_text("utf-8")


def test_images_are_shown_and_letters_beyond_ascii_are_read_right(project: Path) -> None:
    preview(project)
    octets = (project / "previews/spring/05-eva-serban.html").read_bytes()
    assert octets.startswith(b"\xef\xbb\xbf")  # or a browser would guess another encoding
    html = octets.decode("utf-8-sig")
    assert "data:image/png;base64," in html and "cid:" not in html
    assert "Hello Éva Şerban" in html


def test_two_previews_differ_in_their_tokens_and_touch_no_ledger(project: Path) -> None:
    file = project / "previews/spring/01-ana-pop.eml"
    ids = set()
    for _ in range(2):
        preview(project, "--count", "1")
        ids.add(message_from_bytes(file.read_bytes())["Message-ID"])
    assert len(ids) == 2
    assert files_in(project / "data") == ["people.csv", "programme.txt"]


def test_the_page_shows_what_a_reader_sees_and_doubts_what_looks_wrong(project: Path) -> None:
    page = unescape(page_of(preview(project)))
    assert "Ana Pop <ana@example.org>" in page and "Ana Pop, spring is here" in page
    assert "programme.txt" in page and "https://example.org/programme" in page
    assert "is gmail.com meant?" in page
    assert page.count(f'<iframe sandbox="{SANDBOX}" loading="lazy" src="01-ana-pop.html"') == 2
    assert not re.search(r"<script|https?://[^<]*\.(js|css)", page)


def test_an_address_beyond_ascii_is_shown_as_it_is(project: Path) -> None:
    (project / "data/people.csv").write_text(
        "email,name,note,points,ticket\njosé@example.org,José,a,1,\n", "utf-8"
    )
    assert "José <josé@example.org>" in unescape(page_of(preview(project)))


def test_a_row_without_a_message_is_shown_with_the_reason(project: Path) -> None:
    result = preview(project, "--to", "ida@example.org", "--to", "hal@example.org", "--to", "nobody")
    page = unescape(page_of(result))
    assert result.exit_code == 1
    assert "3 of 3 messages cannot be rendered" in result.stderr
    assert "the attachment data/missing.pdf does not exist" in page
    assert 'points: "many" is no int' in page
    assert "an email address must have an @-sign" in page
    assert files_in(project / "previews/spring") == ["index.html"]


def test_what_a_cell_holds_never_becomes_part_of_the_page(project: Path) -> None:
    people = project / "data/people.csv"
    people.write_text("email,name,note,points,ticket\nida@example.org,<script>alert(1)</script>,a,1,\n")
    page = page_of(preview(project))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "01-script-alert-1-script.eml" in files_in(project / "previews/spring")


def test_an_address_that_no_row_has_is_named(project: Path) -> None:
    result = preview(project, "--to", "zed@example.org", "--to", "bo@example.org")
    assert (result.exit_code, result.stdout) == (78, "")
    assert "no row of the list has the address zed@example.org" in result.stderr
    assert not (project / "previews").exists()


def test_a_list_without_a_usable_address_has_no_preview(project: Path) -> None:
    (project / "data/people.csv").write_text("email,name,note,points,ticket\nnobody,Gus,,,\n")
    result = preview(project)
    assert result.exit_code == 78
    assert "none of 1 row of data/people.csv has a usable address" in result.stderr


# --- the folder ------------------------------------------------------------------------------------


def test_an_earlier_preview_is_removed_and_nothing_else(project: Path) -> None:
    preview(project)
    (project / "previews/spring/notes.txt").write_text("mine")
    preview(project, "--to", "bo@example.org")
    assert files_in(project / "previews/spring") == [
        *("01-bo.eml", "01-bo.html", "01-bo.txt"),
        *("index.html", "notes.txt"),
    ]


def test_files_that_no_preview_made_are_never_overwritten(project: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("the club's site")
    result = preview(project, "--out", str(site))
    assert result.exit_code == 78
    assert "index.html" in result.stderr and "--out DIR" in result.stderr
    assert files_in(site) == ["index.html"]
    assert (site / "index.html").read_text() == "the club's site"


def test_a_list_of_made_files_cannot_lead_out_of_the_folder(project: Path) -> None:
    preview(project)
    (project / "previews/spring/.mailrunner-preview").write_text("../../data/people.csv\nindex.html\n")
    for file in (project / "previews/spring").glob("0*"):
        file.unlink()
    assert preview(project).exit_code == 0
    assert (project / "data/people.csv").read_text("utf-8") == PEOPLE


def test_a_folder_that_cannot_be_made_is_named(project: Path) -> None:
    result = preview(project, "--out", str(project / "data/people.csv/previews"))
    assert result.exit_code == 78
    assert "people.csv/previews" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="BROWSER is a POSIX convention")
def test_open_shows_the_page_in_the_browser(project: Path) -> None:
    seen = project / "seen"
    browser = project / "browser.sh"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    browser.chmod(0o755)
    subprocess.run(
        [sys.executable, "-m", "mailrunner", "preview", "spring", "--open", "--project", str(project)],
        env={**os.environ, "BROWSER": f"{browser} %s"},
        check=True,
        capture_output=True,
    )
    assert seen.read_text() == (project / "previews/spring/index.html").as_uri()


# --- proofs ----------------------------------------------------------------------------------------


def proof(*, html: str | None = None, subject: str = "Spring", text: str = "Hello") -> MessageView:
    data = f"From: a@example.org\r\nTo: b@example.org\r\nSubject: {subject}\r\n\r\n{text}\r\n".encode()
    return MessageView.of(
        Message(
            sender="a@example.org",
            recipient="b@example.org",
            data=data,
            smtputf8=False,
            has_leading_dots=False,
            subject=subject,
            html_segments=None if html is None else SegmentedText((html,)),
            text_segments=SegmentedText((text,)),
        )
    )


@pytest.mark.parametrize(
    ("subject", "text", "doubt"),
    [
        ("Dear {{ name }}", "Hello", 'a placeholder is in the subject: "{{"'),
        ("Spring", "You have nan points", 'the text may show an empty cell: the word "nan"'),
        ("Spring", "\u202egnirpS", "the text has an invisible character that turns words round"),
        ("None, spring is here", "Hello", 'the subject may show an empty cell: the word "None"'),
    ],
)
def test_what_was_not_filled_in_is_doubted(subject: str, text: str, doubt: str) -> None:
    (found,) = proof(subject=subject, text=text).warnings
    assert doubt in found


def test_an_ordinary_message_leaves_no_doubt() -> None:
    html = '<p>Hello, nobody is banned</p><a href="https://example.org">us</a>'
    assert proof(html=html, text="None of us is banned").warnings == ()


def test_links_are_listed_with_the_words_they_stand_under() -> None:
    html = (
        '<a href="https://example.org/a">Our <b>programme</b></a><a href=mailto:x@y.z><img alt="Write"></a>'
    )
    assert proof(html=html).links == (
        ShownLink("Our programme", "https://example.org/a"),
        ShownLink("Write", "mailto:x@y.z"),
    )


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            "=?utf-8?q?von_W?=\r\n =?utf-8?q?=C3=BCrttemberg?=\r\n <p@x.org>",
            "von Württemberg <p@x.org>",
        ),
        ('"Pop, Ana" <ana@x.org>', '"Pop, Ana" <ana@x.org>'),
        ("Ștefan <s@x.org>", "Ștefan <s@x.org>"),
        ("=?utf-8?q?Jos=C3=A9?= <josé@x.org>", "José <josé@x.org>"),
        ("=?no-such-charset?q?a?=", "=?no-such-charset?q?a?="),
    ],
)
def test_a_name_that_goes_on_in_the_next_encoded_word_is_read_whole(sent: str, read: str) -> None:
    assert header_text(sent) == read
