"""Templates and cells that mean harm: no way out of the sandbox, no markup."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.errors import RowError, UserError
from tests.support import rendering
from tests.support.projects import Project
from tests.support.rendering import Spec, fields_for, project_in, renderer


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of a property."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


DEEP = {
    "brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "digits": "{{ " + "1" * 5000 + " }}",
    "loops": "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "conditions": "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "a long name": '{% include "' + "a" * 5000 + '" %}',
    "a long name in braces": '<img src="cid:' + "a" * 5000 + '">',
    "nul in a name": '{% include "a\\0b" %}',
    "bombs": "{% for a in range(99999) %}{% for b in range(99999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
    "itself": "{% include 'spring.html' %}",
    "half a tag": "{{ first_name",
}


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP)
def test_a_template_that_cannot_be_compiled_or_ended_is_a_sentence(tmp_path: Path, source: str) -> None:
    folder = project_in(tmp_path / "p")
    Project(folder).put("templates/spring.html", source)
    with pytest.raises((UserError, RowError)):
        renderer(folder, Spec()).render(fields_for(), rendering.NOW)


def test_a_name_that_may_be_missing_may_also_be_too_long(tmp_path: Path) -> None:
    folder = project_in(tmp_path / "p")
    Project(folder).put("templates/spring.html", '<p>x</p>{% include "' + "a" * 5000 + '" ignore missing %}')
    assert b"x" in renderer(folder, Spec()).render(fields_for(), rendering.NOW).data


ESCAPES = (Path(__file__).parents[1] / "data" / "hostile_corpus" / "sandbox.txt").read_text().splitlines()


@pytest.mark.parametrize("source", ESCAPES)
def test_no_template_leaves_the_sandbox(tmp_path: Path, source: str) -> None:
    folder = project_in(tmp_path / "p")
    Project(folder).put("templates/spring.html", f"<p>{source}</p>")
    for spec in (Spec(), Spec(html="spring.html", subject=f"x {source}"), Spec(headers={"X-A": source})):
        try:
            message = renderer(folder, spec).render(fields_for(), rendering.NOW)
        except (UserError, RowError):
            continue
        shown = (message.html or "") + message.text + message.subject
        assert not any(word in shown for word in ("<class", "&lt;class", "environ", "function", "method"))


@given(st.text(max_size=60), st.sampled_from(["{{ x }}", "<a title='{{ x }}'>", '<p style="{{ x }}">']))
@settings(max_examples=60, deadline=None)
def test_no_cell_becomes_markup(value: str, place: str) -> None:
    from lxml.html import document_fromstring

    with scratch() as folder:
        project = project_in(folder / "p")
        Project(project).put("templates/spring.html", f"<div id='d'>{place}</div>")
        hostile = f"</div><script>{value}<img src=x onerror=y>'\" onload=z "
        try:
            message = renderer(project, Spec()).render(fields_for(x=hostile), rendering.NOW)
        except RowError:
            return
        tree = document_fromstring(message.html or "")
        assert not tree.xpath("//script | //img | //@onload | //@onerror")
