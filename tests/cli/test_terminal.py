"""What strangers wrote, on a terminal: hints, reports, lists."""

from __future__ import annotations

import io
import json
import os
import pty
from pathlib import Path

import pytest

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import complain, show_problems
from mailrunner.cli.suppress.rows import print_rows
from mailrunner.errors import Problem
from mailrunner.model.terminal_text import printable, shown_on

HOSTILE = "a\x1b[2J\x9b31m\x7f\u202eb\u2066c\u061cd\u2028e\rf\ud800"


def steers(text: str) -> set[str]:
    return set(text) & set(HOSTILE) - set("abcdef[2J31m")


def test_a_text_keeps_its_lines_and_loses_what_steers() -> None:
    assert steers(printable(HOSTILE)) == set()
    assert printable("Grüße, שלום\t日本\n") == "Grüße, שלום\t日本\n"


def test_hints_and_problems_do_not_steer(capsys: pytest.CaptureFixture[str]) -> None:
    complain("no", HOSTILE)
    show_problems([Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE)])
    assert steers(capsys.readouterr().err) == set()


def test_json_is_the_same_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"reason": HOSTILE}
    CommandContext().json(value)
    shown = capsys.readouterr().out
    assert steers(shown) == set() and json.loads(shown) == value
    print_rows(CommandContext(), "rows", [value], True, dict)
    shown = capsys.readouterr().out
    assert steers(shown) == set() and json.loads(shown) == {"rows": [value]}


def test_entries_do_not_steer(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(CommandContext(), "rows", [{"list": None, "source": HOSTILE}], False, dict)
    assert steers(capsys.readouterr().out) == set()


def test_a_report_is_printable_on_a_terminal_and_verbatim_in_a_pipe() -> None:
    ours, terminal = pty.openpty()
    with open(terminal, "w", encoding="utf-8") as stream:  # noqa: PTH123 - of a descriptor
        shown_on(stream).write("\x1b[2J\u202eevil\n")
        stream.flush()
        assert os.read(ours, 100).decode().strip() == "\ufffd[2J\ufffdevil"
    os.close(ours)
    pipe = io.StringIO()
    shown_on(pipe).write("\x1b[2J")
    assert pipe.getvalue() == "\x1b[2J"


def test_no_command_writes_text_past_it() -> None:
    """`report` and `suppress export` write tables of strangers' text; both through `text_to`.

    `sheet/panics.py` gives back to stderr what others wrote to it.
    """
    folder = Path(__file__).parents[2] / "mailrunner"
    own = (
        "cli/output.py",
        "cli/context.py",
        "cli/app.py",
        "cli/man_page.py",
        "cli/reference.py",
        "cli/listening.py",
        "cli/signals.py",
        "cli/suppress/rows.py",
        "recipients/sheet/panics.py",
    )
    direct = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if ".write(" in path.read_text("utf-8") and "sys.std" in path.read_text("utf-8")
    }
    assert direct - set(own) <= {"report/output_file.py", "cli/failures.py"}
