"""Calendar files: the method of an invitation, and one made for each recipient."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from mailrunner.errors import RowError
from tests.support.imap_server import Mailbox
from tests.support.projects import Project
from tests.support.rendering import (
    NOW,
    Spec,
    assert_clean_on_the_wire,
    fields_for,
    modern,
    project_in,
    renderer,
    tree,
)

INVITATION = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\nMETHOD:REQUEST\nBEGIN:VEVENT\n"
    "UID:{{ member_no }}@example.org\nDTSTAMP:20261201T080000Z\nDTSTART:20270301T090000Z\n"
    "SUMMARY:Open day for {{ first_name }}\n"
    'ATTENDEE;CN="{{ first_name }}";RSVP=TRUE:mailto:{{ recipient.address }}\n'
    "END:VEVENT\nEND:VCALENDAR\n"
)


def test_a_calendar_carries_its_method_and_is_a_version_of_the_message(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("data/day.ics", INVITATION.replace("{{ member_no }}", "7"))
    message = renderer(tmp_path, Spec(attachments=["data/day.ics"])).render(fields_for(), NOW)
    assert_clean_on_the_wire(message.data)
    parsed = modern(message)
    versions = {"multipart/alternative": ["text/plain", "text/html", "text/calendar"]}
    assert tree(parsed) == {"multipart/mixed": [versions, "text/calendar"]}
    for part in parsed.walk():
        if part.get_content_type() == "text/calendar":
            assert (part.get_param("method"), part.get_param("charset")) == ("REQUEST", "utf-8")
            assert part.get_param("component") == "VEVENT"


def test_a_calendar_that_asks_for_no_answer_is_an_attachment_alone(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("data/day.ics", INVITATION.replace("REQUEST", "PUBLISH"))
    parsed = modern(renderer(tmp_path, Spec(attachments=["data/day.ics"])).render(fields_for(), NOW))
    assert [part.get_content_type() for part in parsed.walk()].count("text/calendar") == 1


def invitation(folder: Path, **row: object) -> str:
    if not (folder / "templates").exists():
        project_in(folder)
        Project(folder).put("templates/day.ics", INVITATION)
    spec = Spec(subject="Open day", attachments=["templates/day.ics"])
    message = renderer(folder, spec).render(fields_for(**row), NOW)
    part = next(part for part in modern(message).walk() if part.get_filename() == "day.ics")
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_calendar_of_the_templates_is_made_for_each_recipient(tmp_path: Path) -> None:
    text = invitation(tmp_path, member_no="7", first_name='Jörg; "Bo", x\\ny\nEND:VEVENT\r' + "ö" * 60)
    unfolded = text.replace("\r\n ", "")
    assert "UID:7@example.org\r\n" in unfolded
    assert 'SUMMARY:Open day for Jörg\\; "Bo"\\, x\\\\ny\\nEND:VEVENT\\nööö' in unfolded
    assert "ATTENDEE;CN=\"Jörg; 'Bo', x\\ny END:VEVENT ööö" in unfolded
    assert unfolded.count("\r\nEND:VEVENT\r\n") == 1
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


@pytest.mark.parametrize(
    ("parameter", "name", "written"),
    [
        ("CN={{ first_name }}", "Bo, der Große", 'CN="Bo, der Große"'),
        ("CN={{ first_name }};X=1", "Bo:mailto:eve@example.org", 'CN="Bo:mailto:eve@example.org";X=1'),
        ("CN=Dr {{ first_name }}", "Bo;X=2", "CN=Dr Bo X=2"),
        ("CN={{ first_name }}", "Bo", "CN=Bo"),
    ],
)
def test_a_value_ends_no_parameter_of_a_calendar(
    tmp_path: Path, parameter: str, name: str, written: str
) -> None:
    project_in(tmp_path)
    content = INVITATION.replace('CN="{{ first_name }}";RSVP=TRUE', parameter)
    Project(tmp_path).put("templates/day.ics", content)
    assert f"ATTENDEE;{written}:mailto:" in invitation(tmp_path, member_no="7", first_name=name)


def test_what_is_no_calendar_fails_its_row(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("templates/day.ics", "{% if first_name %}x{% endif %}")
    made = renderer(tmp_path, Spec(attachments=["templates/day.ics"]))
    with pytest.raises(RowError, match=r"the attachment templates/day\.ics is no calendar"):
        made.render(fields_for(), NOW)


def test_a_column_that_a_calendar_needs_and_that_is_missing_is_said(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("templates/day.ics", INVITATION)
    made = renderer(tmp_path, Spec(attachments=["templates/day.ics"]))
    assert ["member_no" in str(p) for p in made.unknown_names(["first_name"])] == [True]


@pytest.mark.parametrize(
    ("name", "content", "charset"),
    [
        ("a.txt", b"plain", "us-ascii"),
        ("a.csv", "Jörg".encode(), "utf-8"),
        ("a.html", "Jörg".encode("utf-16"), "utf-16"),
        ("a.txt", "Jörg".encode("cp1252"), None),
        ("a.pdf", b"plain", None),
    ],
)
def test_a_text_tells_its_charset(tmp_path: Path, name: str, content: bytes, charset: str | None) -> None:
    project_in(tmp_path)
    (tmp_path / "data" / name).write_bytes(content)
    parsed = modern(renderer(tmp_path, Spec(attachments=[f"data/{name}"])).render(fields_for(), NOW))
    part = next(part for part in parsed.walk() if part.get_filename() == name)
    assert part.get_param("charset") == charset
    assert part.get_payload(decode=True) == content


@pytest.mark.parametrize(
    "name", ["Grüße an alle.txt", "日程.pdf", 'a "b".txt', "x" * 90 + "é.txt", "plain.pdf"]
)
def test_names_of_attachments_are_read_by_a_server_that_is_not_ours(
    tmp_path: Path, name: str, box: Mailbox
) -> None:
    """Dovecot takes a message apart for IMAP's BODYSTRUCTURE (RFC 3501 §7.4.2), which many programs show."""
    project_in(tmp_path)
    (tmp_path / "data" / name).write_bytes(b"x")
    message = renderer(tmp_path, Spec(attachments=[f"data/{name}"])).render(fields_for(), NOW)
    assert name in [part.get_filename() for part in modern(message).walk()]
    box.append("Sent", message.data)
    with box._client() as client:
        client.select("Sent", readonly=True)
        _, (structure, *_) = client.fetch("1", "(BODYSTRUCTURE)")
    text = b"".join(structure) if isinstance(structure, tuple) else structure
    assert isinstance(text, bytes)
    plain = name.isascii()
    wanted = name.replace('"', '\\"') if plain else f"utf-8''{quote(name, safe='')}"
    assert f'("{"filename" if plain else "filename*"}" "{wanted}")' in text.decode()
