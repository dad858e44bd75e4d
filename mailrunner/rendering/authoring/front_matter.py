"""The settings at the head of a Markdown file, between two lines of `---`: one `key: value` a line.

---
subject: "{{ first_name }}, the season begins"
logo: logo.png
---
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mailrunner.errors import Problem, did_you_mean

KEYS = ("subject", "preheader", "title", "logo", "logo_alt", "color", "language")
_LINE = re.compile(r"([A-Za-z_][\w-]*)\s*:\s*(.*?)\s*")
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*")
_FENCE = "---"


class FrontMatter(NamedTuple):
    """The settings, the line of each key, the body with empty lines in their place, and what is wrong."""

    values: Mapping[str, str]
    lines: Mapping[str, int]
    body: str
    problems: tuple[Problem, ...]


def read(source: str, label: str) -> FrontMatter:
    """Take the settings off a Markdown source, whose file errors call `label`."""
    lines = source.split("\n")
    if lines[0].strip() != _FENCE:
        return FrontMatter({}, {}, source, ())
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() in (_FENCE, "...")), 0)
    if not end:
        problem = Problem(
            "line 1: the front matter is never closed", label, hint='end it with a line of "---"'
        )
        return FrontMatter({}, {}, source, (problem,))
    values: dict[str, str] = {}
    places: dict[str, int] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines[1:end], 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            message = f"line {number}: the front matter has one key: value a line"
            problems.append(Problem(message, label, hint="e.g. subject: The season begins"))
            continue
        key = found[1].lower()
        values[key], places[key] = _unquoted(found[2]), number
        problems += _problems(key, values[key], number, label)
    body = "\n".join([*[""] * (end + 1), *lines[end + 1 :]])
    return FrontMatter(values, places, body, tuple(problems))


def _problems(key: str, value: str, number: int, label: str) -> Iterator[Problem]:
    place = f"line {number}: "
    if key not in KEYS:
        yield Problem(f'{place}the front matter has no key "{key}"', label, hint=did_you_mean(key, KEYS))
    elif key == "color" and not _COLOR.fullmatch(value):
        yield Problem(f'{place}"{value}" is not a color', label, hint='write e.g. color: "#2f6b46"')
    elif key == "language" and not _LANGUAGE.fullmatch(value):
        yield Problem(f'{place}"{value}" is not a language', label, hint="write e.g. language: de")
    elif key == "subject" and not value:
        yield Problem(f"{place}the subject is empty", label, hint="write some text")


def _unquoted(text: str) -> str:
    """A value in quotes without them; typographic quotes around it are an editor's."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text
