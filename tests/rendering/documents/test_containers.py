"""Files that a template can be made of, those that are refused with the next step, and bounds."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.rendering.documents.containers import read_document
from tests.support.documents import archive, png, word_document


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "a.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest",
            "is an old Word or Outlook file (open it and save it",
        ),
        ("a.rtf", b"{\\rtf1", "is a Rich Text file"),
        ("a.pdf", b"%PDF-1.7", "is a PDF"),
        ("a.png", png(), "is a picture"),
        ("a.md", b"# x", 'needs no import (copy it into templates/ and write markdown = "a.md"'),
        ("a.mjml", b"<mjml>", 'needs no import (copy it into templates/ and write mjml = "a.mjml"'),
        ("a.html", b"only words", "is no HTML"),
        (
            "a.odt",
            archive({"mimetype": "application/vnd.oasis.opendocument.text"}),
            "is an OpenDocument file",
        ),
        ("a.zip", archive({"x.txt": "x"}), "there is no HTML file in it"),
        ("a.zip", b"PK\x03\x04broken", "is a damaged archive"),
        ("a.docx", archive({"word/document.xml": "<w"}), "cannot be read"),
        (
            "a.docx",
            archive({"word/document.xml": '<!DOCTYPE x [<!ENTITY a "b">]><x/>'}),
            "defines entities, which no Word document does",
        ),
    ],
)
def test_other_files_are_refused_with_the_next_step(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_document(tmp_path / name)
    assert sentence in str(error.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        read_document(tmp_path / "no.html")


def test_an_archive_that_bursts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive({"a.html": "<p>" + "x" * 60_000_000}))
    with pytest.raises(UserError, match="holds more than 50 MB"):
        read_document(tmp_path / "a.zip")


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    octets = bytearray(archive({"a.html": "<p>" + "x" * 1000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = octets.index(signature) + offset
        octets[place : place + 4] = (10).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(bytes(octets))
    with pytest.raises(UserError, match="damaged archive"):
        read_document(tmp_path / "a.zip")


def test_names_of_an_archive_lead_nowhere(tmp_path: Path) -> None:
    inside = {"p/a.html": '<img src="../../../etc/passwd"><img src="../x.png">', "../../evil.html": "<p>"}
    (tmp_path / "a.zip").write_bytes(archive({**inside, "x.png": png()}))
    source = read_document(tmp_path / "a.zip")
    assert source.picture("../x.png") == png()
    assert source.picture("../../../etc/passwd") is None
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip"]


def test_a_locked_archive_is_said(tmp_path: Path) -> None:
    octets = bytearray(archive({"a.html": "<p>x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        octets[octets.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(bytes(octets))
    with pytest.raises(UserError, match="has a password"):
        read_document(tmp_path / "a.zip")
    assert zipfile.is_zipfile(tmp_path / "a.zip")


def test_a_word_document_may_be_called_anything(tmp_path: Path) -> None:
    (tmp_path / "letter").write_bytes(word_document())
    assert read_document(tmp_path / "letter").kind == "Word"
