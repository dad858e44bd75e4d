"""${VARIABLES} of the TOML files: their values, from the environment and `.env`, and filling them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from mailrunner.config.toml_file import Keys, dotted
from mailrunner.errors import Problem

# "$${NAME}" stands for the plain text "${NAME}".
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_variables(folder: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Merge the variables of `folder`/.env with those of the environment, which win.

    Return them with the problems of `.env`: it is not UTF-8, or lines of it are not understood.
    """
    from dotenv.parser import parse_stream

    file = folder / ".env"
    if not file.is_file():
        return dict(environ), []
    try:
        bindings = list(parse_stream(StringIO(file.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError):
        return dict(environ), [
            Problem("cannot be read", ".env", hint="save it as UTF-8 text that you may read")
        ]
    hint = 'write NAME=value, or NAME="value" where the value has blanks or a #'
    problems = [
        Problem(f"line {b.original.line} is not understood", ".env", hint=hint) for b in bindings if b.error
    ]
    # Values are taken as they stand: a password may well contain a "$".
    written = {b.key: b.value for b in bindings if b.key and b.value is not None}
    return {**written, **environ}, problems


def expand(
    table: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Keys, Problem]]:
    """Fill in ${VARIABLES} in all strings; return the new table and, by key, the variables that are not set.

    A string with a variable that is not set, or empty, stays as it is.
    """
    missing: dict[Keys, Problem] = {}

    def filled(value: Any, keys: Keys) -> Any:
        if isinstance(value, dict):
            return {key: filled(item, (*keys, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item, (*keys, number)) for number, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        names = [m[2] for m in _VARIABLE.finditer(value) if not m[1] and not environ.get(m[2])]
        if names:
            missing[keys] = _not_set(names[0], keys, environ)
            return value
        return _VARIABLE.sub(lambda m: m[0][1:] if m[1] else environ[m[2]], value)

    return filled(table, ()), missing


def _not_set(name: str, keys: Keys, environ: Mapping[str, str]) -> Problem:
    state = "is empty" if name in environ else "is not set"
    hint = f"put {name}=… in the environment or in the file .env beside mailrunner.toml"
    return Problem(f"the variable {name} {state}", key=dotted(keys), hint=hint)


def unexplained(problems: Iterable[Problem], missing: Mapping[Keys, Problem]) -> Iterator[Problem]:
    """Leave out the problems of keys whose value only lacks a variable."""
    explained = {dotted(keys) for keys in missing}
    return (problem for problem in problems if problem.key not in explained)
