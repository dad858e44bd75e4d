"""The tutorial works word by word, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import said
from tests.support.ports import free_port

PAGE = (Path(__file__).parents[2] / "docs/tutorial.md").read_text(encoding="utf-8")
CATCH = "mailrunner catch "


def lines_of_the_boxes(ports: dict[str, int]) -> list[str]:
    """The lines that a reader types after the installation, on ports that are free here."""
    boxes = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    return re.sub(r"\b(1025|8025)\b", lambda port: str(ports[port[0]]), boxes).splitlines()


def test_a_fresh_reader_can_follow_it(tmp_path: Path) -> None:
    lines = lines_of_the_boxes({"1025": free_port(), "8025": free_port()})
    (catch,) = [line for line in lines if line.startswith(CATCH)]
    before, after = lines[: lines.index(catch)], lines[lines.index(catch) + 1 : -1]
    folder, told = typed(before, tmp_path)
    assert "to send    23" in told
    with typed_in_the_second_terminal(catch, folder):
        _, told = typed(after, folder)
    assert "newsletter: 12 sent now, 22 of 25 in all" in told
    assert "newsletter: 0 sent now, 22 of 25 in all" in told
    assert (folder / "report.html").exists()
    write_what_the_page_asks_for(folder / "campaigns/summer.toml")
    _, told = typed(lines[-1:], folder)
    assert "to send    22" in told


def typed(lines: Iterable[str], folder: Path) -> tuple[Path, str]:
    """The folder in which the reader stands in the end, and all that the commands have said.

    Each command ends with 0, or, where the line has an `||`, with the code that the page names.
    """
    told = []
    for line in lines:
        command, _, other = line.partition(" || ")
        words = shlex.split(command)
        if words[0] == "cd":
            folder /= words[1]
        elif words[0] == "echo":
            assert words[2] == ">>", line
            with (folder / words[3]).open("a", encoding="utf-8") as file:
                file.write(words[1] + "\n")
        else:
            assert words[0] == "mailrunner", line
            code, text = said(folder, *words[1:])
            assert code == (75 if other else 0), text
            told.append(text)
    return folder, "".join(told)


@contextmanager
def typed_in_the_second_terminal(line: str, folder: Path) -> Iterator[None]:
    """What runs there until the block ends; its last line says that both servers listen."""
    command = [sys.executable, "-m", *shlex.split(line)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        shown = ""
        try:
            while "Look at http" not in shown:
                line = running.stderr.readline()
                assert line, shown
                shown += line
            yield
        finally:
            running.kill()


def write_what_the_page_asks_for(campaign: Path) -> None:
    """Another subject, and in place of the line `csv = …` the one of the page."""
    (source,) = re.findall(r"^`(from_campaign = .*)`", PAGE, re.MULTILINE)
    text = campaign.read_text("utf-8")
    for key, line in {"csv": source, "subject": 'subject = "Summer is here, {{ first_name }}"'}.items():
        text, number = re.subn(rf"^{key} = .*$", line, text, flags=re.MULTILINE)
        assert number == 1, key
    campaign.write_text(text, encoding="utf-8")
