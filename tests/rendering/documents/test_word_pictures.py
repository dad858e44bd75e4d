"""Pictures of Word keep the size that they have in the document."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest

from mailrunner.rendering.documents.word import from_word
from tests.support.documents import word_document, word_drawing


def pictures(more: str) -> list[str]:
    """The `img` elements of a document that has these pictures behind its own."""
    octets = word_document(more)
    with zipfile.ZipFile(BytesIO(octets)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return re.findall("<img[^>]*>", from_word(octets, members, "brief.docx").html)[1:]


@pytest.mark.parametrize(
    ("picture", "width"),
    [
        (word_drawing('cx="1080000" cy="720000"'), "113"),  # 3 cm
        (word_drawing('cx="99999999" cy="1"'), "600"),
        (word_drawing('cx="1080000" cy="720000"', crop='l="25000" r="25000"'), "227"),
        (word_drawing('cx="0" cy="0"'), None),
        (word_drawing('cx="-9" cy="x"'), None),
    ],
)
def test_a_picture_keeps_the_width_that_word_gave_it(picture: str, width: str | None) -> None:
    (found,) = pictures(picture)
    assert re.findall(r'width="(\d+)"', found) == ([width] if width else [])


def test_the_alternative_text_is_what_the_document_says() -> None:
    named, unnamed = pictures(
        word_drawing('cx="1080000" cy="1"', text="Our logo") + word_drawing('cx="1080000" cy="1"')
    )
    assert 'alt="Our logo"' in named
    assert "alt" not in unnamed
