"""A cell that names a file is text: nothing of the project goes out because of it, by whatever path.

The whole program runs here: a project of `init`, a list in which subscribers have such names, a server.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from mailrunner.cli.demo_project import prepare
from tests.support.commands import said
from tests.support.smtp_server import SmtpServer

FILES = ("data/subscribers.csv", "data/mailrunner.db", "mailrunner.toml", "campaigns/newsletter.toml")
OTHERS = ("templates/base.html", "base.html", "data/programme.pdf", ".env", "templates/header.png")
WAYS = {
    "a url": "url(cid:{})",
    "a quoted url": "url('cid:{}')",
    "an attribute": 'src="cid:{}"',
    "an attribute without quotes": "background=cid:{}",
    "an element": "<img src='cid:{}'>",
    "an end of an attribute": '"><img src="cid:{}">',
    "nothing else": "cid:{}",
    "another case": "URL(CID:{})",
}
HEADER = "email,first_name,full_name,country,member_no,plot,since\n"
# What the example says in `{% if %}` stays; a part that is joined on its way cannot be taken apart.
JOINED = "{% block content %}{% set shown %}<p>{{ first_name }}</p>{% endset %}{{ shown }}"


@pytest.fixture(params=["as init writes it", "with a part that is joined"])
def club(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, SmtpServer]]:
    """A project, whose own files can be told by a word in each."""
    with SmtpServer() as server:
        folder = tmp_path / "club"
        prepare(folder, host="127.0.0.1", port=server.port)
        for name in ("mailrunner.toml", "campaigns/newsletter.toml"):
            text = re.sub(r"(?m)^limits = .*", 'limits = ["10000/24h"]', (folder / name).read_text("utf-8"))
            (folder / name).write_text(f"{text}\n# CANARY\n", encoding="utf-8")
        base, page = folder / "templates" / "base.html", folder / "templates" / "newsletter.html"
        base.write_text("{# CANARY #}" + base.read_text("utf-8"), encoding="utf-8")
        with (folder / ".env").open("a", encoding="utf-8") as secrets:
            secrets.write("SECRET=CANARY\n")
        if request.param.startswith("with"):
            page.write_text(page.read_text("utf-8").replace("{% block content %}", JOINED), encoding="utf-8")
        yield folder, server


def hostile(folder: Path) -> int:
    """Write a list of people with such names; return how many."""
    names = cycle((*FILES, *OTHERS))
    values = [f"url(cid:{name})" for name in FILES] + [way.format(next(names)) for way in WAYS.values()]
    values += ["{% include 'base.html' %}", "{{ row }}", "cid", "cid:", "src=cid:"]
    cells = ['"' + value.replace('"', '""') + '"' for value in values]
    rows = [f"p{n}@example.org,{cell},CANARY,RO,1,{cell},2014\n" for n, cell in enumerate(cells)]
    (folder / "data" / "subscribers.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    return len(values)


def contents(data: bytes) -> list[tuple[str, bytes]]:
    """The kind and the octets of each part but the multiparts."""
    parts = [part for part in email.message_from_bytes(data).walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_payload(decode=True) or b"") for part in parts]  # type: ignore[misc]


@pytest.mark.parametrize("how", [(), ("--strict-inlining",)], ids=["quick", "strict"])
def test_no_name_of_a_subscriber_makes_a_file_go_out(
    club: tuple[Path, SmtpServer], how: tuple[str, ...]
) -> None:
    folder, server = club
    number = hostile(folder)
    code, words = said(folder, "run", "newsletter", *how)
    assert not any(b"CANARY" in octets for m in server.accepted for _, octets in contents(m.data))
    assert code == 0, words
    assert len(server.accepted) == number
    kinds = {tuple(kind for kind, _ in contents(message.data)) for message in server.accepted}
    assert kinds == {("text/plain", "text/html", "image/png", "application/pdf")}


def test_preview_check_and_send_test_give_away_as_little(club: tuple[Path, SmtpServer]) -> None:
    folder, server = club
    hostile(folder)
    said(folder, "run", "newsletter", "--limit", "1")  # so that there is a ledger
    server.accepted.clear()
    for words in (("check", "newsletter"), ("preview", "newsletter")):
        code, text = said(folder, *words)
        assert code == 0, text
    code, text = said(folder, "send-test", "newsletter", "--to", "ana@example.org")
    assert code == 0, text
    shown = [file.read_bytes() for file in (folder / "previews").rglob("*") if file.is_file()]
    sent = [octets for message in server.accepted for _, octets in contents(message.data)]
    assert shown and sent
    for octets in (*shown, *sent):
        assert not re.search(rb"SECRET=|# CANARY|\{# ?CANARY", octets)
        assert b"SQLite format" not in octets


@pytest.mark.parametrize("name", FILES[:3])
def test_an_attachment_that_a_row_chooses_is_none_of_these(club: tuple[Path, SmtpServer], name: str) -> None:
    folder, server = club
    campaign = folder / "campaigns" / "newsletter.toml"
    text = campaign.read_text("utf-8")
    row = f"a@example.org,Ana,Ana,RO,{name.removeprefix('data/')},A,2014\n"
    (folder / "data" / "subscribers.csv").write_text(
        HEADER + "b@example.org,B,B,RO,programme.pdf,A,2014\n" + row
    )
    campaign.write_text(text.replace('"data/programme.pdf"', '"{{ member_no }}"', 1), encoding="utf-8")
    code, words = said(folder, "run", "newsletter")
    assert code == 78
    assert "message.attachments[1]" in words and "data/tickets/{{ member_no }}.pdf" in words
    campaign.write_text(text.replace('"data/programme.pdf"', '"data/{{ member_no }}"', 1), encoding="utf-8")
    said(folder, "run", "newsletter")
    assert [message.recipient for message in server.accepted] == ["b@example.org"]
