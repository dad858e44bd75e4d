"""Templates that make much out of little: the row fails with a sentence, in bounded memory, every time.

A bound that fails here shows as a test that takes gigabytes or minutes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailrunner.config.jinja_sandbox import METER, WORK
from mailrunner.errors import RowError
from mailrunner.recipients.filter import RowFilter
from tests.support import rendering
from tests.support.projects import Project
from tests.support.rendering import Spec, fields_for, project_in, renderer

CORPUS = Path(__file__).parents[1] / "data" / "hostile_corpus" / "work.txt"
BOMBS = CORPUS.read_text().splitlines()
BIG = "{% set b = '<' * 4000000 %}{% for i in range(99999) %}{{ b }}{% endfor %}"
REASONS = ("characters and steps", "thousands of digits", "itself without end", "gives more than")
MOST_MEMORY = 500_000  # KiB, of a process that fails at each of them in turn


def project(tmp_path: Path, source: str) -> Path:
    folder = project_in(tmp_path / "p")
    Project(folder).put("templates/spring.html", "<p>x</p>" + source)
    Project(folder).put("templates/spring.txt", source)
    Project(folder).put("templates/big.html", BIG)
    return folder


def reason(make: Callable[[], object]) -> str:
    with pytest.raises(RowError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize("source", BOMBS)
def test_a_row_that_would_take_too_much_work_fails_with_file_and_line(tmp_path: Path, source: str) -> None:
    made = renderer(project(tmp_path, source), Spec())
    said = reason(lambda: made.render(fields_for(), rendering.NOW))
    assert any(part in said for part in REASONS)
    assert said.startswith("templates/") and "line" in said


@pytest.mark.parametrize("source", ["{{ 'x' * 10**9 }}", "{{ '%1000000000d' % 1 }}", "{{ lipsum(10**8) }}"])
def test_a_subject_a_header_and_the_name_of_an_attachment_have_the_same_bounds(
    tmp_path: Path, source: str
) -> None:
    folder = project(tmp_path, "x")
    for spec in (
        Spec(subject=source),
        Spec(headers={"X-Work": source}),
        Spec(attachments=["data/tickets/{{ first_name * 10**9 }}"]),
    ):
        made = renderer(folder, spec)
        assert "characters and steps" in reason(lambda m=made: m.render(fields_for(), rendering.NOW))  # type: ignore[misc]


def test_a_row_after_one_that_was_too_much_is_rendered(tmp_path: Path) -> None:
    source = "{% if first_name == 'Eve' %}{{ 'x' * 10**9 }}{% endif %}"
    made = renderer(project(tmp_path, source), Spec(subject="x"))
    bad = fields_for(first_name="Eve")
    reason(lambda: made.render(bad, rendering.NOW))
    assert b"x" in made.render(fields_for(), rendering.NOW).data


def test_what_a_newsletter_does_is_far_from_the_bound(tmp_path: Path) -> None:
    table = (
        "{% macro row(n) %}<tr><td>{{ n }}</td><td>{{ first_name|upper }}</td></tr>{% endmacro %}<table>"
        "{% for n in range(100) %}{{ row(n) }}{{ 'a,b'.split(',')|join('; ') }}{{ '%.2f' % n }}{% endfor %}"
    )
    made = renderer(project(tmp_path, table), Spec())
    made.render(fields_for(), rendering.NOW)
    METER.left = WORK
    for _ in made._content.html.compiled.generate(**fields_for().context):  # type: ignore[union-attr]
        pass
    assert 0 < WORK - METER.left < WORK / 100


@pytest.mark.parametrize(
    "where",
    ["'x' * 10**9 != name", "10**(10**8) > 1", "name|center(10**9) != ''", "'%999999999d' % 1 < name"],
)
def test_the_filter_of_a_list_has_the_same_bounds(where: str) -> None:
    condition = RowFilter(where, {"name": "text"})
    for _ in range(2):
        with pytest.raises(Exception, match=r"characters and steps|thousands of digits"):
            condition({"name": "Ana"})
    assert RowFilter("name == 'Ana'", {"name": "text"})({"name": "Ana"})


DOCUMENTS = {
    "elements in elements": "<div>" * 300 + "END" + "</div>" * 300 + "TAIL",
    "a hundred thousand elements in elements": "<div>" * 100_000 + "END",
    "elements": "<p>x</p>" * 60_000,
    "elements of a loop": "{% for i in range(60000) %}<p>{{ i }}</p>{% endfor %}",
    "attributes": "<p " + " ".join(f"a{i}=1" for i in range(50_000)) + ">x</p>",
    "rules": "<style>" + "a{b:c}" * 50_000 + "</style><p>x</p>",
    "a long text": "<p>" + "й" * 5_100_000 + "</p>TAIL",
    "brackets": "<style>" + "a " * 3000 + "{b:c}</style><p>x</p>",
}


@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
@pytest.mark.parametrize("source", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_parsers_choke_on_or_cut_is_a_sentence(
    tmp_path: Path, source: str, strict: bool
) -> None:
    made = renderer(project(tmp_path, source), Spec(), strict_inlining=strict)
    assert "HTML" in (said := reason(lambda: made.render(fields_for(), rendering.NOW))) or "CSS" in said


def test_a_document_of_many_levels_is_sent_whole(tmp_path: Path) -> None:
    made = renderer(project(tmp_path, "<div>" * 200 + "END" + "</div>" * 200 + "TAIL"), Spec())
    assert b"TAIL" in made.render(fields_for(), rendering.NOW).data


# Not `ru_maxrss`: that begins with what the parent had when it forked.
CHILD = f"""
import re, sys
from pathlib import Path
from tests.rendering.test_hostile_work import BOMBS, project
from tests.support import rendering
for number, source in enumerate(BOMBS[::3]):
    spec = rendering.Spec(html=None, text="spring.txt")
    made = rendering.renderer(project(Path(sys.argv[1]) / str(number), source), spec)
    try:
        made.render(rendering.fields_for(), rendering.NOW)
    except Exception:
        pass
most = int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
assert most < {MOST_MEMORY}, most
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of a process so")
def test_a_process_that_meets_many_of_them_as_text_takes_little_memory(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], check=True)
