"""What differs between two messages of a campaign."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.cli.context import CommandContext
from mailrunner.clock import SystemClock
from mailrunner.errors import RowError
from mailrunner.preview import Preview
from mailrunner.preview.comparison import MOST_WORDS, Comparison, TextPiece, Wording, word_diff
from mailrunner.recipients.reader import RecipientRow
from tests.support.projects import Project

LETTER = """<html><body><p>Hello {{ name }}</p>{% if note %}<p>Your plot: {{ note }}</p>{% endif %}
<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
MACRO = "{% macro big(text) %}<b>{{ text | upper }}</b>{% endmacro %}{% set hi %}Hello {{ name }}{% endset %}"
ROWS = ["email,name,note", "ana@example.org,Ana,", "bo@example.org,Bo,", "cy@example.org,Cy,By the pear tree"]


class Rows:
    """The rows of a small campaign, and their comparison."""

    def __init__(self, folder: Path, letter: str = LETTER) -> None:
        project = Project(folder)
        project.write_account()
        project.write_campaign("spring", csv="list.csv", recipients='name = "name"', letter=letter)
        project.put("data/list.csv", "\n".join(ROWS) + "\n")
        context = CommandContext(project_dir=folder, clock=SystemClock())
        prepared = context.prepare("spring")
        self.preview = Preview(prepared, now=context.clock.now())
        self.rows: list[RecipientRow] = [row for chunk in prepared.recipients.chunks() for row in chunk]

    def compared(self, left: int, right: int) -> Comparison:
        pair = [(self.rows[number], self.preview.comparable(self.rows[number])) for number in (left, right)]
        return Comparison.of(self.preview.columns, *pair)


def sides(pieces: tuple[TextPiece, ...]) -> list[tuple[str, str]]:
    return [(piece.side, piece.text) for piece in pieces if piece.side != "both"]


def test_other_values_in_the_same_wording_are_told_from_other_paragraphs(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    same, other = rows.compared(0, 1), rows.compared(0, 2)
    assert (same.wording, other.wording) == (Wording.SAME, Wording.OTHER)
    assert sides(same.text) == [("left", "Ana"), ("right", "Bo")]
    assert sides(other.text) == [("left", "Ana"), ("right", "Cy\n\nYour plot: By the pear tree")]


def test_exactly_the_cells_that_differ_are_marked(tmp_path: Path) -> None:
    found = Rows(tmp_path).compared(1, 2)
    assert [(pair.column, pair.left, pair.right) for pair in found.cells if pair.differs] == [
        ("email", "bo@example.org", "cy@example.org"),
        ("name", "Bo", "Cy"),
        ("note", "", "By the pear tree"),
    ]
    assert (found.differing, len(found.cells)) == (3, 3)
    assert sides(found.subject) == [("left", "Bo, "), ("right", "Cy, ")]


def test_a_row_compared_with_itself_does_not_differ_not_even_in_its_links(tmp_path: Path) -> None:
    found = Rows(tmp_path).compared(0, 0)
    assert (found.wording, found.differing, found.is_same_text) == (Wording.SAME, 0, True)


def test_where_values_cannot_be_told_from_the_wording_that_is_said(tmp_path: Path) -> None:
    greeting = MACRO + "<p>{{ big(hi | length) }}{{ hi }}</p>"
    rows = Rows(tmp_path, LETTER.replace("<p>Hello {{ name }}</p>", greeting))
    found = rows.compared(0, 1)
    assert found.wording is Wording.UNKNOWN
    assert sides(found.text)


def test_a_row_without_a_message_is_not_compared(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    with pytest.raises(RowError, match="no address"):
        rows.preview.comparable(rows.rows[0]._replace(problem="no address"))


WORDS = st.lists(st.sampled_from(["a", "b", "pear", " ", "\n", "x y"]), max_size=40).map(" ".join)


@given(WORDS, WORDS)
def test_both_texts_can_be_read_from_their_comparison(left: str, right: str) -> None:
    pieces, is_whole = word_diff(left, right)
    assert is_whole
    assert "".join(piece.text for piece in pieces if piece.side != "right") == left
    assert "".join(piece.text for piece in pieces if piece.side != "left") == right
    assert all(one.side != next_.side for one, next_ in pairwise(pieces))


def test_texts_that_have_little_in_common_are_compared_up_to_a_bound() -> None:
    left, right = (" ".join(f"{letter}{n}" for n in range(3 * MOST_WORDS)) for letter in "ab")
    pieces, is_whole = word_diff(f"same {left} end", f"same {right} end")
    assert not is_whole
    assert pieces[0] == TextPiece("both", "same ")
    assert len(pieces[1].text.split()) == MOST_WORDS
