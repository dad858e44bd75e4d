"""Messages in MJML: compiled once, with Jinja in them, and errors with the line of the file."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from mailrunner.errors import RowError, UserError
from mailrunner.rendering import Renderer
from tests.support.projects import Project
from tests.support.rendering import NOW, Spec, as_read, fields_for, project_in, renderer

SPRING = """<mjml>
  <mj-head><mj-preview>Seeds for {{ first_name }}</mj-preview></mj-head>
  <mj-body>
    {% if vip %}
    <mj-section><mj-column><mj-text>You are {{ first_name }} &amp; vip</mj-text></mj-column></mj-section>
    {% endif %}
    <mj-section><mj-column>
      {% for x in xs %}<mj-text>item {{ x | default("a > b") }}</mj-text>{% endfor %}
      <mj-image src="cid:logo.png" alt="{{ first_name }}" width="100px" />
      <mj-button href="https://a.example/?m={{ first_name | urlencode }}">Go</mj-button>
      <mj-text><a href="{{ unsubscribe_url }}">leave</a> {% if 1 < 2 %}yes{% endif %}</mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


def of_mjml(folder: Path, text: str, **keys: Any) -> Renderer:
    project_in(folder)
    Project(folder).put("templates/spring.mjml", text)
    return renderer(folder, Spec(html=None, mjml="spring.mjml", **keys))


def test_jinja_goes_through_the_compiler_unharmed(tmp_path: Path) -> None:
    sent = of_mjml(tmp_path, SPRING).render(fields_for(vip=True, xs=["<b>", "2"]), NOW)
    assert sent.html is not None and "You are Bob &amp; vip" in sent.html
    assert "item &lt;b&gt;" in sent.html and sent.images == ("logo.png",)
    assert "https://a.example/?m=Bob" in sent.html and "yes" in sent.text and "<mj-" not in sent.html
    without = of_mjml(tmp_path / "x", SPRING).render(fields_for(vip=False, xs=[]), NOW)
    assert "vip" not in (without.html or "") and "item" not in (without.html or "")


def test_the_fast_way_gives_what_the_slow_one_does(tmp_path: Path) -> None:
    fast = of_mjml(tmp_path, SPRING)
    slow = renderer(tmp_path, Spec(html=None, mjml="spring.mjml"), strict_inlining=True)
    for number in range(8):
        row = fields_for(vip=number % 2, xs=["a"], first_name=f"<{number}>")
        assert as_read(fast.render(row, NOW)) == as_read(slow.render(row, NOW))
    assert fast.inlining.hits >= 2 and fast.inlining.mismatch is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "<mjml>\n<mj-body>\n<mj-sektion></mj-sektion></mj-body></mjml>",
            "line 3: MJML has no <mj-sektion> (did",
        ),
        (
            "<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>",
            "line 4: </mj-body> closes nothing that is open",
        ),
        ("<mjml>\n<mj-body>\n", "line 1: <mjml> is never closed"),
        ("<p>x</p>", "line 1: there is no <mjml>"),
        ("<mjml>\n<mj-body>\n{{ a b }}</mj-body></mjml>", "line 3: expected token"),
        ('<mjml>\n<mj-body>\n<mj-include path="no.mjml"/></mj-body></mjml>', "does not exist"),
        ("<mjml>\n<mj-body>\n<mj-include /></mj-body></mjml>", "line 3: <mj-include> names no path"),
    ],
)
def test_an_error_names_the_line_of_the_file(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        of_mjml(tmp_path, text)
    assert sentence in str(error.value)


def test_an_unknown_name_and_a_failing_row_name_the_line_of_the_file(tmp_path: Path) -> None:
    made = of_mjml(tmp_path, SPRING.replace("yes", "{{ 1 // zero }}"))
    assert "templates/spring.mjml: line 8" in str(made.unknown_names(["first_name", "vip", "zero"])[0])
    with pytest.raises(RowError, match=r"templates/spring\.mjml, line 11"):
        made.render(fields_for(vip=1, xs=[], zero=0), NOW)


def test_a_file_may_include_others_of_the_folder(tmp_path: Path) -> None:
    project_in(tmp_path)
    Project(tmp_path).put(
        "templates/foot.mjml",
        "<mj-section><mj-column><mj-text>foot</mj-text></mj-column></mj-section>",
    )
    text = '<mjml><mj-body><mj-include path="./foot.mjml"/></mj-body></mjml>'
    Project(tmp_path).put("templates/spring.mjml", text)
    made = renderer(tmp_path, Spec(html=None, mjml="spring.mjml"), "transactional")
    assert "foot" in (made.render(fields_for(), NOW).html or "")
    Project(tmp_path).put("templates/foot.mjml", text.replace("./foot", "spring"))
    with pytest.raises(UserError, match="includes itself without end"):
        renderer(tmp_path, Spec(html=None, mjml="spring.mjml"), "transactional")


def test_without_the_compiler_the_install_command_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "mrml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "mrml", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r'pip install "mailrunner\[mjml\]"'):
        of_mjml(tmp_path, SPRING)
