"""The command reference `docs/commands.md`, generated from the commands themselves.

python -m mailrunner.cli.reference > docs/commands.md
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import typer.main

from mailrunner.cli import commands
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import EVERYWHERE

WIDTH = 100
Named = tuple[str, Any, str]
"""A command's full name, the command, and its panel of `mailrunner --help`."""

_HEAD = """\
# Commands

Generated from the code by `make commands`. `mailrunner COMMAND --help` prints the same.

A campaign is named by its id or by the path of its file. Results go to stdout; progress, notices
and errors go to stderr.
"""


def reference() -> str:
    """The whole page, its lines at most WIDTH characters but for synopses and rows of tables."""
    program = typer.main.get_command(commands())
    named = list(_by_panel(_named(program, "mailrunner")))
    shared = [p for p in named[0][1].params if getattr(p, "rich_help_panel", None) == EVERYWHERE]
    parts = [
        _HEAD,
        *_contents(named),
        f"## {EVERYWHERE}\n\nThey may stand before or after the command's name.\n",
        _parameters(shared),
        *(_section(name, command, panel) for name, command, panel in named),
        _exit_codes(),
    ]
    return "\n".join(parts)


def _named(group: Any, prefix: str, panel: str = "") -> Iterator[Named]:
    """Every command, groups resolved into theirs."""
    for name, command in group.commands.items():
        place = panel or command.rich_help_panel
        if hasattr(command, "commands"):
            yield from _named(command, f"{prefix} {name}", place)
        else:
            yield f"{prefix} {name}", command, place


def _by_panel(named: Iterable[Named]) -> list[Named]:
    """The same, the commands of a panel together."""
    every = list(named)
    panels = list(dict.fromkeys(panel for _, _, panel in every))
    return sorted(every, key=lambda found: panels.index(found[2]))


def _contents(named: Iterable[Named]) -> Iterator[str]:
    for panel, found in groupby(named, key=lambda found: found[2]):
        rows = [
            f"| [`{name.removeprefix('mailrunner ')}`](#{name.replace(' ', '-')}) "
            f"| {_paragraphs(command.help)[0]} |"
            for name, command, _ in found
        ]
        yield "\n".join((f"| {panel} | |", "|---|---|", *rows, ""))


def _section(name: str, command: Any, panel: str) -> str:
    own = [p for p in command.params if getattr(p, "rich_help_panel", None) != EVERYWHERE]
    lines = [f"## {name}", "", f"*{panel}*", "", "```", _synopsis(name, own), "```", ""]
    for paragraph in _paragraphs(command.help):
        before, example, words = paragraph.partition("Example: ")
        text = f"{before}Example: `{words}`" if example else paragraph
        lines += [*_wrapped(text), ""]
    return "\n".join(lines) + ("\n" + _parameters(own) if own else "")


def _paragraphs(text: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def _synopsis(name: str, parameters: Iterable[Any]) -> str:
    arguments = [_argument(p) for p in parameters if p.param_type_name == "argument"]
    return " ".join([name, *arguments, "[OPTIONS]"])


def _argument(parameter: Any) -> str:
    shown = f"{parameter.metavar}{'…' if parameter.nargs == -1 else ''}"
    return shown if parameter.required else f"[{shown}]"


def _parameters(parameters: Iterable[Any]) -> str:
    """One item of a list for each argument and option."""
    lines = []
    for parameter in parameters:
        text = f"{_spelling(parameter)}: {' '.join(parameter.help.split())}{_default(parameter)}"
        lines += _wrapped(f"- {text}", indent="  ")
    return "\n".join([*lines, ""])


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter)}`"
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.is_flag:
        return names
    return f"{names} `{parameter.metavar}`"


def _default(parameter: Any) -> str:
    """The default as a sentence, where it is a value and the help text does not tell it."""
    if parameter.required:
        return " Required." if parameter.param_type_name == "option" else ""
    default = parameter.default
    if default in (None, False, "", ()) or "Default:" in parameter.help:
        return ""
    return f" Default: {default}."


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _exit_codes() -> str:
    rows = [f"| {code.value} | {code.meaning} |" for code in Exit]
    head = (
        "## Exit codes\n\nThe first that applies, also over several campaigns; see [errors.md](errors.md).\n"
    )
    return "\n".join((head, "| code | meaning |", "|---|---|", *rows, ""))


if __name__ == "__main__":
    sys.stdout.write(reference())
