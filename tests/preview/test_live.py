"""A preview of files that change while it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.clock import SystemClock
from mailrunner.preview.live import LivePreview
from mailrunner.sending.prepared_campaign import PreparedCampaign
from tests.support.projects import LETTER, Project

LIST = "email,name\nana@example.org,Ana\nbo@example.org,Bo\n"
TEMPLATE, ROWS = "templates/letter.html", "data/list.csv"


class Watched:
    """A live preview of a small project; `loads` says for each load whether the list was opened anew."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.project.write_account()
        self.project.write_campaign("spring", csv="list.csv", recipients='name = "name"', letter=LETTER)
        self.project.put(ROWS, LIST)
        self.context = CommandContext(project_dir=folder, clock=SystemClock())
        self.loads: list[bool] = []
        self.live = LivePreview(self.context.prepare("spring"), self.load, now=self.context.clock.now)

    def load(self, before: PreparedCampaign | None) -> PreparedCampaign:
        self.loads.append(before is None)
        return self.context.prepare("spring", list_of=before)

    def saved(self, name: str, text: str) -> None:
        """Write a file, and look."""
        self.project.put(name, text)
        self.live.look()

    def text(self, place: int = 1) -> str:
        """The text of the message that is shown for a row."""
        one = self.live.state.index.row(place)
        assert one is not None
        return self.live.state.preview.message(one.entry).text

    def done(self) -> None:
        """Wait until there is nothing left to do."""
        for thread in list(self.live._threads):
            thread.join()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    made.live.start()
    made.done()
    yield made
    made.live.stop()


def test_files_that_are_what_they_were_are_not_read(watched: Watched) -> None:
    watched.live.look()
    assert (watched.loads, watched.live.state.number) == ([], 1)


def test_a_changed_template_shows_without_the_list_being_read_again(watched: Watched) -> None:
    index = watched.live.state.index
    watched.saved(TEMPLATE, LETTER.replace("Hello", "Good day"))
    state = watched.live.state
    assert watched.text().startswith("Good day Ana")
    assert (state.changed, state.number, state.index is index) == ((TEMPLATE,), 2, True)
    assert watched.loads == [False]
    watched.done()
    assert (state.rendering.rendered, state.rendering.is_done) == (2, True)


@pytest.mark.parametrize("text", ["{% if %}", "{{ nmae }}", "{% include 'footer.html' %}"])
def test_what_cannot_be_used_leaves_the_last_message_and_says_why(watched: Watched, text: str) -> None:
    watched.saved(TEMPLATE, f"{LETTER}\n{text}\n")
    state = watched.live.state
    assert [problem.file.split("/")[0] for problem in state.problems] == ["templates"]
    assert watched.text().startswith("Hello Ana")
    watched.saved(TEMPLATE, LETTER.replace("Hello", "Good day"))
    assert (watched.live.state.problems, watched.text()[:8]) == ((), "Good day")


def test_a_file_that_was_missing_is_watched_too(watched: Watched) -> None:
    watched.saved(TEMPLATE, LETTER.replace("</p>", "</p>{% include 'footer.html' %}", 1))
    assert watched.live.state.problems
    watched.saved("templates/footer.html", "<p>Bring boots.</p>")
    assert not watched.live.state.problems
    assert "Bring boots." in watched.text()
    watched.saved("templates/footer.html", "<p>Bring a hat.</p>")
    assert "Bring a hat." in watched.text()


def test_the_line_of_a_mistake_is_shown_with_its_neighbours(watched: Watched) -> None:
    watched.saved(TEMPLATE, f"<p>one</p>\n<p>two</p>\n{{% if %}}\n{LETTER}")
    (problem,) = watched.live.state.problems
    lines = watched.live.excerpt(problem)
    assert [(line.number, line.text, line.is_named) for line in lines[:3]] == [
        (1, "<p>one</p>", False),
        (2, "<p>two</p>", False),
        (3, "{% if %}", True),
    ]


def test_lines_of_files_that_may_hold_passwords_are_not_shown(watched: Watched) -> None:
    watched.saved("mailrunner.toml", 'password = "secret"\nwrong\n')
    (problem,) = watched.live.state.problems
    assert "line 2" in str(problem)
    assert watched.live.excerpt(problem) == []


def test_a_changed_list_is_shown_once_it_is_read_and_the_recipient_stays(watched: Watched) -> None:
    before = watched.live.state
    bo = before.index.row(2)
    assert bo is not None
    watched.saved(ROWS, "email,name\nzoe@example.org,Zoe\nana@example.org,Ana\nBo@Example.org,Bob\n")
    assert watched.loads == [True]
    watched.done()
    state = watched.live.state
    assert (state.incoming, state.index.rows) == (None, 3)
    again = state.index.row(bo.place, bo.mark)
    assert again is not None
    assert (again.place, again.entry.name) == (3, "Bob")
    assert watched.text(1).startswith("Hello Zoe")


def test_a_list_that_cannot_be_read_leaves_the_one_before(watched: Watched) -> None:
    rows = "".join(f"person{number}@example.org,P\n" for number in range(2_000))
    watched.saved(ROWS, f'email,name\n{rows}"never closed,X\n')
    watched.done()
    state = watched.live.state
    assert (state.incoming, state.index.rows) == (None, 2)
    assert "never closed" in str(state.problems[0])
    assert watched.text().startswith("Hello Ana")


def test_a_recipient_who_left_the_list_is_not_replaced_by_another(watched: Watched) -> None:
    bo = watched.live.state.index.row(2)
    assert bo is not None
    watched.saved(ROWS, "email,name\nana@example.org,Ana\ncy@example.org,Cy\n")
    watched.done()
    assert watched.live.state.index.row(bo.place, bo.mark) is None


def test_a_file_that_is_being_written_is_waited_for(watched: Watched) -> None:
    watched.project.put(TEMPLATE, "half a lett")
    watched.live.look(settled=True)
    watched.project.put(TEMPLATE, LETTER.replace("Hello", "Good day"))
    watched.live.look(settled=True)
    assert watched.loads == []
    watched.live.look(settled=True)
    assert (watched.loads, watched.text()[:8]) == ([False], "Good day")


def test_a_row_that_loses_its_message_keeps_its_last_one_to_look_at(watched: Watched) -> None:
    watched.saved(TEMPLATE, LETTER.replace("Hello", "{{ 1 // (name|length - 3) }}"))
    state = watched.live.state
    assert state.before is not None
    one = state.index.row(1)
    assert one is not None
    assert state.before.message(one.entry).text.startswith("Hello Ana")
    watched.done()
    assert watched.live.state.rendering.failed == 1
