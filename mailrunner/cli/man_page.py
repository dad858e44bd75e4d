"""The man page `mailrunner.1`, generated from the commands themselves (groff_man(7)).

python -m mailrunner.cli.man_page > mailrunner.1
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from mailrunner import __version__
from mailrunner.cli import commands
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import EVERYWHERE

_HEAD = """\
.TH MAILRUNNER 1 "" "mailrunner {version}" "User Commands"
.SH NAME
mailrunner \\- send one personal message to each recipient of a list, to none twice
.SH SYNOPSIS
.B mailrunner
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
{about}
.SH COMMANDS"""
_FILES = """\
.SH FILES
.TP
.I mailrunner.toml
The project: accounts, limits, the ledger.
.TP
.I campaigns/*.toml
The campaigns.
.TP
.I .env
Secrets, as NAME="value"."""


def man_page() -> str:
    """The whole page."""
    program: Any = typer.main.get_command(commands())
    parts = [_HEAD.format(version=__version__, about=_text(program.help))]
    named = list(_named(program, ""))
    for name, command in named:
        parts += _section(name, command)
    parts += [f'.SH "{EVERYWHERE.upper()}"', *_options(named[0][1], everywhere=True)]
    parts.append('.SH "EXIT STATUS"')
    parts += [f".TP\n.B {int(code)}\n{_text(code.meaning)}" for code in Exit]
    return "\n".join([*parts, _FILES, ""])


def _named(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _named(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = " ".join(str(p.metavar) for p in command.params if _is_argument(p))
    yield f'.SS "{_text(f"mailrunner {name} {arguments}".strip())}"'
    yield _text(command.help)
    yield from _options(command, everywhere=False)


def _options(command: Any, *, everywhere: bool) -> Iterator[str]:
    for one in command.params:
        if (getattr(one, "rich_help_panel", None) == EVERYWHERE) is not everywhere:
            continue
        names = str(one.metavar) if _is_argument(one) else ", ".join(one.opts)
        yield f".TP\n.B {_text(names)}\n{_text(one.help or '')}"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _text(text: str | None) -> str:
    """Text as groff takes it: no line begins a request, and hyphens and backslashes are themselves."""
    escaped = (text or "").replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)
    lines = (line.strip() for line in escaped.splitlines())
    return "\n".join(re.sub(r"^([.'])", r"\\&\1", line) for line in lines if line) or "\\&"


if __name__ == "__main__":
    sys.stdout.write(man_page())
