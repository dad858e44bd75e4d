"""The lines of a template around a mistake in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from mailrunner.errors import Problem

_AROUND = 2  # lines before and behind
_LONGEST = 160  # characters of one line
_LINE = re.compile(r"\bline (\d{1,7})\b")


class SourceLine(NamedTuple):
    """A line of a file, counted from 1; `is_named` where the mistake is."""

    number: int
    text: str
    is_named: bool


def source_excerpt(problem: Problem, folder: Path, templates: Path) -> list[SourceLine]:
    """The lines around the one that a problem names, of a file in `templates`; none for other problems.

    Other files may hold passwords.  The problem's file is relative to `folder`.
    """
    found = _LINE.search(problem.message)
    path = (folder / problem.file).resolve()
    if not problem.file or found is None or not path.is_relative_to(templates.resolve()):
        return []
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    named = int(found[1])
    first = max(1, named - _AROUND)
    shown = lines[first - 1 : named + _AROUND]
    return [SourceLine(number, text[:_LONGEST], number == named) for number, text in enumerate(shown, first)]
