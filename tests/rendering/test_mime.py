"""The MIME tree and its bodies, read back by parsers that are not ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrunner.rendering import Renderer
from mailrunner.rendering.mime import QUOTED_FIELDS, Part, around_versions, compose
from tests.support.projects import Project
from tests.support.rendering import (
    FIELDS,
    NOW,
    PNG,
    TOP,
    Spec,
    assert_clean_on_the_wire,
    fields_for,
    modern,
    old,
    renderer,
    tree,
)

often = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.fixture(scope="module")
def plain(shared_project: Path) -> Renderer:
    Project(shared_project).put("templates/any.txt", "{{ body }}")
    spec = Spec(subject="{{ subject }}", html=None, text="any.txt", headers={"X-Note": "note {{ note }}"})
    return renderer(shared_project, spec)


def test_text_alone_has_no_levels(project: Path) -> None:
    message = renderer(project, Spec(html=None, text="spring.txt")).render(FIELDS, NOW)
    assert tree(modern(message)) == "text/plain"
    assert message.html is None


def test_html_and_text_are_alternatives_the_least_rich_first(project: Path) -> None:
    message = renderer(project, Spec()).render(FIELDS, NOW)
    assert tree(modern(message)) == {"multipart/alternative": ["text/plain", "text/html"]}


def test_the_whole_tree_with_images_and_attachments(project: Path) -> None:
    html = '<img src="cid:logo.png"><img src=cid:images/top.png><p background="cid:logo.png">{{ no }}</p>'
    Project(project).put("templates/spring.html", html)
    spec = Spec(text="spring.txt", attachments=("data/programme.pdf", "data/tickets/{{ no }}.txt"))
    parsed = modern(renderer(project, spec).render(fields_for(no=7), NOW))
    assert tree(parsed) == {
        "multipart/mixed": [
            {
                "multipart/alternative": [
                    "text/plain",
                    {"multipart/related": ["text/html", "image/png", "image/png"]},
                ]
            },
            "application/pdf",
            "text/plain",
        ]
    }
    assert parsed.get_payload(0).get_payload(1).get_param("type") == "text/html"  # type: ignore[union-attr]


def test_images_are_attached_once_and_found_by_their_content_id(project: Path) -> None:
    Project(project).put(
        "templates/spring.html",
        '<img src="cid:logo.png"><p style="background:url(cid:images/top.png)">x</p>',
    )
    images = [p for p in modern(renderer(project, Spec()).render(FIELDS, NOW)).walk() if p["Content-ID"]]
    assert [(p["Content-ID"], p.get_content_disposition(), p.get_filename()) for p in images] == [
        ("<logo.png>", "inline", "logo.png"),
        ("<images/top.png>", "inline", "top.png"),
    ]
    assert [p.get_payload(decode=True) for p in images] == [PNG, TOP]


def test_attachments_are_byte_exact_text_too(project: Path) -> None:
    spec = Spec(attachments=("data/programme.pdf", "data/tickets/{{ no }}.txt"))
    files = list(modern(renderer(project, spec).render(fields_for(no=7), NOW)).iter_attachments())
    assert [(f.get_filename(), f.get_payload(decode=True)) for f in files] == [
        ("programme.pdf", PNG * 9),
        ("7.txt", "One\nTwo\r\n.\nThree é".encode()),
    ]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("a.DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.ics", "text/calendar"),
        ("a.csv", "text/csv"),
        ("a.tar.gz", "application/gzip"),
        ("a.eml", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ('Bilet; "nr" 7.pdf', "application/pdf"),
        ("Programă – primăvară 新聞.pdf", "application/pdf"),
        ("é" * 100 + ".pdf", "application/pdf"),
    ],
)
def test_an_attachment_keeps_its_name_and_has_its_type(project: Path, name: str, media_type: str) -> None:
    (project / "data" / name).write_bytes(b"x")
    message = renderer(project, Spec(attachments=(f"data/{name}",))).render(FIELDS, NOW)
    assert_clean_on_the_wire(message.data)
    (file,) = modern(message).iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == (name, media_type)


@often
@given(
    body=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), times=st.integers(1, 300)
)
def test_a_body_comes_out_as_it_was_put_in(plain: Renderer, body: str, times: int) -> None:
    message = plain.render(fields_for(subject="s", note="n", body=body * times), NOW)
    assert_clean_on_the_wire(message.data)
    octets = modern(message).get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert octets.decode() == re.sub(r"\r\n?|\n", "\r\n", message.text.rstrip("\r\n") + "\n")
    assert message.text == body * times


@pytest.mark.parametrize(
    "body", ["x" * 3000, "ă " * 2000, "新聞" * 2000, ".\n.\n..\n", "a \nb\t\n", "From me\n", "line\r\rline"]
)
def test_long_lines_dots_and_trailing_blanks_survive(plain: Renderer, body: str) -> None:
    message = plain.render(fields_for(subject="s", note="n", body=body), NOW)
    assert_clean_on_the_wire(message.data)
    assert message.has_leading_dots is (b"\n." in b"\n" + message.data) is False
    octets = modern(message).get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert octets.decode().replace("\r\n", "\n").rstrip("\n") == body.replace("\r", "\n").rstrip("\n")


def test_chinese_goes_as_base64_and_english_as_quoted_printable(plain: Renderer) -> None:
    encodings = [
        old(plain.render(fields_for(subject="s", note="n", body=body), NOW))["Content-Transfer-Encoding"]
        for body in ("新聞" * 10, "Привет, как дела", "news, ș and ț here and there")
    ]
    assert encodings == ["base64", "base64", "quoted-printable"]


@given(head=st.binary(max_size=30), first=st.binary(max_size=30), second=st.binary(max_size=30))
def test_what_is_kept_for_all_messages_of_text_and_html_is_what_compose_gives(
    head: bytes, first: bytes, second: bytes
) -> None:
    text, html = Part(QUOTED_FIELDS["plain"], [first]), Part(QUOTED_FIELDS["html"], [second])
    before, between, behind = around_versions(text.fields, html.fields)
    assert b"".join([head, before, first, between, second, behind]) == compose(head, text, html)
