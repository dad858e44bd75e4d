"""What names a template: its own text and the campaign file, and a row's value only below a fixed folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import RowError, UserError
from tests.support.projects import Project
from tests.support.rendering import NOW, Spec, fields_for, project_in, renderer

VARS = {"theme": "gold", "card": "cards/gold.html", "cards": {"vip": "cards/gold.html"}, "folder": "cards/"}
REST = "<p>{{ first_name }}</p>"

VALUES = {
    "a name": "{% include x %}",
    "a name behind a text": '{% include "gold" ~ x %}',
    "a name with an ending": '{% include x ~ ".html" %}',
    "added": '{% include x + ".html" %}',
    "of the row": "{% include row.x %}",
    "of the row by a key": '{% include row["x"] %}',
    "of the recipient": "{% include recipient.address %}",
    "one of several": '{% include [x, "spring.txt"] %}',
    "if there": "{% include x ignore missing %}",
    "a choice of a value": '{% include "gold.html" if first_name else x %}',
    "a value or a name": '{% include x or "gold.html" %}',
    "extended": "{% extends x %}",
    "imported": "{% import x as y %}",
    "imported from": "{% from x import y %}",
    "through a filter": "{% include x|lower %}",
    "through a format": '{% include "cards/%s.html"|format(x) %}',
    "set": "{% set t = x %}{% include t %}",
    "set twice": "{% set t = x %}{% set u = t %}{% include u %}",
    "a var that is set": "{% set theme = x %}{% include theme %}",
    "vars that are set": "{% set vars = row %}{% include vars.x %}",
    "a loop": "{% for t in [x] %}{% include t %}{% endfor %}",
    "with": "{% with t = x %}{% include t %}{% endwith %}",
    "a namespace": "{% set n = namespace() %}{% set n.t = x %}{% include n.t %}",
    "a block that is set": "{% set t %}{{ x }}{% endset %}{% include t %}",
    "a macro": "{% macro m(t) %}{% include t %}{% endmacro %}{{ m(x) }}",
    "what a macro gives": "{% macro m() %}{{ x }}{% endmacro %}{% include m() %}",
    "the folder of the templates": '{% include "./" ~ x %}',
    "the root": '{% include "/" ~ x %}',
    "a folder above": '{% include "cards/../" ~ x %}',
    "a folder of the row": '{% include x ~ "/" ~ first_name %}',
}

WRITTEN = {
    "a var": "{% include card %}",
    "a var and an ending": '{% include "cards/" ~ theme ~ ".html" %}',
    "a var with its folder": '{% include folder ~ theme ~ ".html" %}',
    "one of vars": "{% include vars.card %}",
    "one of vars by the row": "{% include vars.cards[kind] %}",
    "one of written ones by the row": '{% include {"vip": "cards/gold.html"}[kind] %}',
    "a choice": '{% include "cards/gold.html" if kind == "vip" else "cards/plain.html" %}',
    "set": '{% set t = "cards/gold.html" if kind else "cards/plain.html" %}{% include t %}',
    "a loop": '{% for t in ["gold"] %}{% include "cards/" ~ t ~ ".html" %}{% endfor %}',
    "several": '{% include ["gone.html", card] %}',
    "a part": '{% include "cards/" ~ x ~ ".html" %}',
    "a part of several": '{% include ["cards/" ~ first_name, "cards/" ~ x ~ ".html"] %}',
    "added": '{% include "cards/" + x + ".html" %}',
    "of the row": '{% include "cards/" ~ row.x ~ ".html" %}',
    "a part of a choice": '{% include "cards/plain.html" if not kind else "cards/" ~ x ~ ".html" %}',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = project_in(tmp_path)
    (folder / "templates/cards/deeper").mkdir(parents=True)
    for name in ("gold.html", "cards/gold.html", "cards/plain.html", "cards/deeper/gold.html"):
        Project(folder).put(f"templates/{name}", f"<p>this is {name}</p>")
    Project(folder).put("templates/secret.html", "<p>CANARY</p>")
    return folder


PARTS = {
    "a value": ("{% include 'part.html' %}", "{% include x %}"),
    "a var that another file sets": ("{% set theme = x %}{% include 'part.html' %}", "{% include theme %}"),
    "a var after a folder": (
        "{% set theme = x %}{% include 'part.html' %}",
        '{% include "cards/" ~ theme %}',
    ),
}


@pytest.mark.parametrize(
    ("source", "part"),
    [*((source, "") for source in VALUES.values()), *PARTS.values()],
    ids=[*VALUES, *PARTS],
)
def test_a_template_that_a_value_would_name_is_the_fault_of_its_file(
    project: Path, source: str, part: str
) -> None:
    Project(project).put("templates/part.html", f"\n{part}")
    Project(project).put("templates/spring.html", f"\n{source}{REST}")
    with pytest.raises(UserError) as caught:
        renderer(project, Spec(vars=VARS))
    (problem,) = caught.value.problems
    assert (problem.file, problem.message) == (
        f"templates/{'part' if part else 'spring'}.html",
        "line 2: a row's value would name the template",
    )
    assert "cards/" in problem.hint


@pytest.mark.parametrize("source", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_may_be_chosen_and_a_value_may_complete_it(project: Path, source: str) -> None:
    Project(project).put("templates/spring.html", f"{source}{REST}")
    row = {"kind": "vip", "x": "gold"}
    message = renderer(project, Spec(vars=VARS)).render(fields_for(**row, row=row), NOW)
    assert "this is cards/gold.html" in message.text


@pytest.mark.parametrize("named", ["x", "t"])
@pytest.mark.parametrize(
    "value", ["../secret", "deeper/gold", "..", "/gold", "a\\b", "gold.html\0", "%2e", "", "gone"]
)
def test_a_value_that_is_no_part_of_a_name_fails_its_row(project: Path, value: str, named: str) -> None:
    source = f'{{% set t = x %}}{{% include "cards/" ~ {named} ~ ".html" %}}{REST}'
    Project(project).put("templates/spring.html", source)
    with pytest.raises(RowError, match=r"the template \S*cards/"):
        renderer(project, Spec()).render(fields_for(x=value), NOW)


def test_a_text_template_and_a_line_keep_the_rule_too(project: Path) -> None:
    Project(project).put("templates/spring.txt", "{% include x %}")
    spec = Spec(text="spring.txt", subject="{% include x %}", headers={"X-A": "{% include x %}"})
    with pytest.raises(UserError) as caught:
        renderer(project, spec)
    assert [p.file for p in caught.value.problems] == [
        "templates/spring.txt",
        "[message] subject",
        "[message] headers.X-A",
    ]


def test_a_column_that_a_template_sets_at_times_to_name_another_is_a_clash(project: Path) -> None:
    Project(project).put(
        "templates/spring.html",
        '{% if kind %}{% set t = "gold.html" %}{% set u = t %}{% endif %}'
        '{% include u %}{% include "cards/" ~ x %}{{ first_name }}',
    )
    made = renderer(project, Spec())
    assert made.clashes(["kind", "x", "first_name"]) == []
    assert [p.message for p in made.clashes(["u", "t"])] == [
        f'the templates name a template by "{name}", which is a column' for name in ("u", "t")
    ]


def test_a_choice_below_a_folder_leaves_the_other_templates_alone(project: Path) -> None:
    """What cannot be chosen counts for nothing: neither its faults nor what it holds."""
    Project(project).put("templates/other.html", "{% include x %}")
    Project(project).put("templates/spring.html", '{% include "cards/" ~ x %}' + REST)
    digest = renderer(project, Spec()).digest()
    assert "templates/cards/deeper/gold.html" in digest
    assert "templates/gold.html" not in digest and "templates/other.html" not in digest
