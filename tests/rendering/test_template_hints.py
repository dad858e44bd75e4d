"""Templates that an editor has damaged: the error shows the place and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from tests.support.projects import Project
from tests.support.rendering import Spec, project_in, renderer


def problem(folder: Path, text: str | bytes) -> str:
    (project_in(folder) / "templates/spring.html").write_bytes(
        text.encode() if isinstance(text, str) else text
    )
    with pytest.raises(UserError) as error:
        renderer(folder, Spec())
    return str(error.value)


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("{{ <span>Vorname</span> }}", "{{ <span>Vorname</span> }}"),
        ("{{ x or “du” }}", "{{ x or “du” }}"),
        ("{{ x or &quot;du&quot; }}", "{{ x or &quot;du&quot; }}"),
        ("{% if x == ‘a’ %}{% endif %}", "{% if x == ‘a’ %}"),
    ],
)
def test_a_field_that_the_editor_split_or_quoted_is_shown(tmp_path: Path, field: str, shown: str) -> None:
    said = problem(tmp_path, f"<p>{{{{ first_name }}}}</p>\n<p>{field}</p>")
    assert "templates/spring.html: line 2: " in said
    assert f"your editor has split or quoted the field {shown}; mailrunner import FILE joins it" in said


def test_a_name_with_blanks_is_told_how_it_is_written(tmp_path: Path) -> None:
    assert 'is written row["First name"]' in problem(tmp_path, "{{ First name }}")


def test_a_comment_that_begins_in_css_is_said(tmp_path: Path) -> None:
    said = problem(tmp_path, "<style>@media print{#top{color:red}}</style>")
    assert 'in CSS write "{ #": to a template "{#" begins a comment' in said


@pytest.mark.parametrize(
    ("octets", "sentence"),
    [
        ("ok\nGrüße an alle".encode("cp1252"), 'line 2 is not UTF-8 (it looks like cp1252 ("Grüße")'),
        ("Grüße".encode("utf-16"), "is UTF-16 and not UTF-8 (save it as UTF-8, or let mailrunner import"),
    ],
)
def test_another_encoding_is_shown_with_its_reading(tmp_path: Path, octets: bytes, sentence: str) -> None:
    assert sentence in problem(tmp_path, octets)


def test_a_column_that_is_no_name_is_told_how_it_is_written(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put("templates/spring.html", "{{ E-Mail }}")
    made = renderer(tmp_path, Spec(subject="S"))
    hints = {p.hint for p in made.unknown_names(["E-Mail", "first_name"])}
    assert hints == {'a column with blanks or signs in its name is written row["E-Mail"]'}
