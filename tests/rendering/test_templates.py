"""Templates: found in the project, judged before the first row, precise about the row that fails."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mailrunner.errors import RowError, UserError
from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.segments import LARGEST
from mailrunner.rendering.template_names import unknown
from mailrunner.rendering.templates import Templates


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    return tmp_path


def templates_of(project: Path, **files: str) -> Templates:
    for name, text in files.items():
        (project / "templates" / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return Templates(folder=project, templates_dir=project / "templates")


def problems_of(project: Path, name: str, **files: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        templates_of(project, **files).html(name)
    return [str(problem) for problem in caught.value.problems]


def unknown_in(template: CompiledTemplate, *known: str) -> list[str]:
    names = set(known) | {"range", "row"}
    return [str(p) for p in unknown(template.trees, template.certain(), names, set(known))]


def test_values_are_escaped_in_html_and_stand_as_they_are_in_text(project: Path) -> None:
    templates = templates_of(project, a_html="{{ x }}", a_txt="{{ x }}")
    assert templates.html("a.txt").render({"x": "<b>"}) == "&lt;b&gt;"
    assert templates.text("a.html").render({"x": "<b>"}) == "<b>"
    assert templates.line("[message] subject", "{{ x }}").render({"x": "R&D <3"}) == "R&D <3"


def test_an_included_text_file_is_escaped_where_it_stands_in_html(project: Path) -> None:
    templates = templates_of(project, a_html='{% include "b.txt" %}', b_txt="{{ x }}")
    assert templates.html("a.html").render({"x": "<"}) == "&lt;"


def test_templates_extend_include_and_import_each_other(project: Path) -> None:
    templates = templates_of(
        project,
        base_html="[{% block body %}{% endblock %}]{% include 'foot.html' %}",
        foot_html="foot",
        m_html="{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}",
        a_html="{% extends 'base.html' %}{% from 'm.html' import bold %}"
        "{% block body %}{{ bold(name) }}{% endblock %}",
    )
    assert templates.html("a.html").render({"name": "&"}) == "[<b>&amp;</b>]foot"


def test_an_empty_typed_cell_prints_nothing(project: Path) -> None:
    assert templates_of(project).line("subject", "[{{ x }}]").render({"x": None}) == "[]"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("<p>\n{{ first_name</p>", "line 2"),
        ("{% if x %}", "line 1"),
        ("\n\n{{ x|shout }}", "line 3: No filter named 'shout'"),
    ],
)
def test_a_syntax_error_names_file_and_line(project: Path, source: str, complaint: str) -> None:
    (problem,) = problems_of(project, "a.html", a_html=source)
    assert problem.startswith("templates/a.html: ")
    assert complaint in problem


def test_a_syntax_error_in_an_included_file_names_that_file(project: Path) -> None:
    problems = problems_of(
        project, "a.html", a_html="{% include 'b.html' %}{% include 'c.html' %}", b_html="{{", c_html="\n{%"
    )
    assert [p.partition(": ")[0] for p in sorted(problems)] == ["templates/b.html", "templates/c.html"]


def test_a_missing_file_names_one_that_is_nearly_called_so(project: Path) -> None:
    (problem,) = problems_of(project, "sprng.html", spring_html="")
    assert problem == 'templates/sprng.html: does not exist (did you mean "spring.html"?)'


def test_a_missing_included_file_is_found_before_the_first_row(project: Path) -> None:
    assert (
        "templates/gone.html: does not exist"
        in problems_of(project, "a.html", a_html="{% include 'gone.html' %}")[0]
    )


def test_a_file_that_may_be_missing_may_be_missing(project: Path) -> None:
    templates = templates_of(project, a_html="a{% include 'gone.html' ignore missing %}")
    assert templates.html("a.html").render({}) == "a"


def test_a_file_in_another_encoding_is_named(project: Path) -> None:
    (project / "templates" / "a.html").write_bytes("é".encode("latin-1"))
    (said,) = problems_of(project, "a.html")
    assert said.startswith(
        'templates/a.html: line 1 is not UTF-8 (it looks like cp1252 ("é"): save it as UTF-8'
    )


def test_a_symlink_out_of_the_project_is_refused(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.html"
    secret.write_text("secret", encoding="utf-8")
    (project / "templates" / "a.html").symlink_to(secret)
    assert problems_of(project, "a.html") == ["templates/a.html: is outside the project"]


def test_a_symlink_inside_the_project_is_followed(project: Path) -> None:
    (project / "shared.html").write_text("shared", encoding="utf-8")
    (project / "templates" / "a.html").symlink_to(project / "shared.html")
    assert templates_of(project).html("a.html").render({}) == "shared"


def test_a_path_out_of_the_folder_is_no_template(project: Path) -> None:
    (project / "secret.html").write_text("secret", encoding="utf-8")
    assert "does not exist" in problems_of(project, "../secret.html")[0]


def test_a_name_that_does_not_exist_fails_the_row_with_file_and_line(project: Path) -> None:
    template = templates_of(project, a_html="<p>\n{% if vip %}\n{{ frist_name }}{% endif %}").html("a.html")
    assert template.render({"vip": False}) == "<p>\n"
    with pytest.raises(RowError, match=r'^templates/a\.html, line 3: nothing is called "frist_name"$'):
        template.render({"vip": True})


def test_a_column_that_does_not_exist_fails_the_row_by_its_name(project: Path) -> None:
    with pytest.raises(RowError, match='there is no "Given name"'):
        templates_of(project).line("s", '{{ row["Given name"] }}').render({"row": {}})


def test_an_error_in_an_included_file_is_placed_there(project: Path) -> None:
    template = templates_of(project, a_html="\n\n{% include 'b.html' %}", b_html="\n{{ 1 / n }}").html(
        "a.html"
    )
    with pytest.raises(RowError, match=r"^templates/b\.html, line 2: division by zero$"):
        template.render({"n": 0})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ items.append(1) }}",
        "{{ range(10000000)|list|length }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox_change_values_or_run_away(project: Path, source: str) -> None:
    items: list[int] = []
    with pytest.raises(RowError):
        templates_of(project).line("s", source).render({"items": items})
    assert items == []


def test_output_without_end_is_stopped(project: Path) -> None:
    template = templates_of(project).line("s", "{% for i in range(99999) %}{{ x }}{% endfor %}")
    with pytest.raises(RowError, match=f"s gives more than {LARGEST:,} characters"):
        template.render({"x": "x" * 1000})


@pytest.mark.parametrize(
    "source",
    [
        "{{ frist }}",
        "{% if frist %}{% endif %}",
        "{% for x in frist %}{% endfor %}",
        "{{ 'a' if frist else 'b' }}",
        "{{ frist and x }}",
        "{{ known|replace('a', frist) }}",
        "{% set x = frist %}",
        "{% filter upper %}{{ frist }}{% endfilter %}",
        "{% include 'part.txt' %}",
        "{% extends 'base.txt' %}{% block b %}{{ frist }}{% endblock %}",
        '{{ row["frist"] }}',
        "{{ row.frist }}",
    ],
)
def test_a_name_that_every_row_needs_and_nothing_provides_is_the_files_fault(
    project: Path, source: str
) -> None:
    files = {"part_txt": "{{ frist }}", "base_txt": "{% block b %}{% endblock %}"}
    template = templates_of(project, **files).line("subject", source)
    (problem,) = unknown_in(template, "first", "known")
    assert '"frist"' in problem
    assert 'did you mean "first"?' in problem


@pytest.mark.parametrize(
    "source",
    [
        "{% if known %}{{ x }}{% endif %}",
        "{% if known %}{% elif x %}{% endif %}",
        "{% if x is defined %}{{ x }}{% endif %}",
        "{{ x|default('y') }}",
        "{{ x|d('y') }}",
        "{{ x|default('y')|upper }}",
        "{{ known or x }}",
        "{{ known if known else x }}",
        "{% for k in known %}{{ k }}{{ x }}{{ loop.index }}{% endfor %}",
        "{% set x = 1 %}{{ x }}",
        "{% set x %}a{% endset %}{{ x }}",
        "{% macro m(a) %}{{ a }}{{ x }}{{ caller() }}{% endmacro %}",
        "{% with x = 1 %}{{ x }}{% endwith %}",
        "{% import 'part.txt' as x %}{{ x }}",
        "{% from 'part.txt' import y as x %}{{ x }}",
        "{% extends 'base.txt' %}{% block b %}{% endblock %}{{ x }}",
        "{% extends 'base.txt' %}{% block b %}{{ self.b }}{% endblock %}",
        "{% include 'gone.txt' ignore missing %}",
        "{{ row.get('x') }}{{ range(3) }}",
        '{{ row["known"] }}',
    ],
)
def test_a_name_that_only_some_rows_need_is_left_to_the_rows(project: Path, source: str) -> None:
    files = {"part_txt": "{{ y }}{% set y = 1 %}", "base_txt": "{% block b %}{{ x }}{% endblock %}"}
    assert unknown_in(templates_of(project, **files).line("subject", source), "known") == []


def test_templates_that_refer_to_each_other_in_a_circle_are_read_once(project: Path) -> None:
    a, b = "{% if n %}{% include 'b.txt' %}{% endif %}", "{% include 'a.txt' %}"
    template = templates_of(project, a_txt=a, b_txt=b).text("a.txt")
    assert [tree.label for tree in template.trees] == ["templates/a.txt", "templates/b.txt"]


def test_sources_are_the_files_used_and_no_others(project: Path) -> None:
    templates = templates_of(project, a_html="{% include 'b.html' %}", b_html="b", c_html="c")
    templates.html("a.html")
    assert templates.sources() == {
        "templates/a.html": hashlib.sha256(b"{% include 'b.html' %}").hexdigest(),
        "templates/b.html": hashlib.sha256(b"b").hexdigest(),
    }


CHOSEN = "{% set lang = 'en' %}{% include lang ~ '.html' %}"


def test_a_choice_of_files_at_run_time_makes_the_whole_folder_a_source(project: Path) -> None:
    templates = templates_of(project, a_html=CHOSEN, en_html="", ro_html="")
    templates.html("a.html")
    assert set(templates.sources()) == {"templates/a.html", "templates/en.html", "templates/ro.html"}


def test_a_name_is_mentioned_wherever_it_stands(project: Path) -> None:
    templates = templates_of(project, a_html="{% if x %}{% include 'b.html' %}{% endif %}", b_html="{{ y }}")
    template = templates.html("a.html")
    assert [template.mentions(name) for name in ("x", "y", "z")] == [True, True, False]


def test_a_name_is_mentioned_where_a_file_that_may_be_chosen_has_it(project: Path) -> None:
    (project / "templates" / "logo.png").write_bytes(b"\x89PNG")
    templates = templates_of(project, a_html=CHOSEN, en_html="{{ y }}", bad_html="{{")
    assert templates.html("a.html").mentions("y")
    assert set(templates.sources()) > {"templates/logo.png", "templates/bad.html"}
