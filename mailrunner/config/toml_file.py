"""Reading a TOML file, and naming the place of a problem in it.

    table = read(path, "mailrunner.toml")
    table, missing = variables.expand(table, environ)
    checked, problems = toml_table.validate(ProjectTable, table)

Problems carry the dotted key and never the value of a key that may be secret: their sentences come from
our own validators or name only the type of a value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailrunner.errors import Problem, UserError

Keys = tuple[int | str, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r"\(at (line \d+, column \d+)\)")


def read(path: Path, label: str) -> dict[str, Any]:
    """Return the file's table; raise UserError naming `label` and, for a syntax error, the line."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", label)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"line {line} is not UTF-8 text"
        raise UserError(Problem(message, label, hint="save the file as UTF-8")) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(Problem(_syntax_error(str(error)), label, hint="see https://toml.io")) from None
    except (ValueError, RecursionError) as error:  # what Python refuses to read although TOML allows it
        message = (
            "nests too deeply" if isinstance(error, RecursionError) else "holds a number that is too long"
        )
        raise UserError(Problem(message, label, hint="make it simpler")) from None


def _syntax_error(text: str) -> str:
    place = _PLACE.search(text)
    sentence = _PLACE.sub("", text).strip()
    return f"{place[1]}: {sentence}" if place else sentence


def dotted(keys: Keys) -> str:
    """Write keys as TOML does: `accounts."my relay".limits[1]`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key + 1}]"
        else:
            text += ("." if text else "") + (key if _BARE_KEY.fullmatch(key) else f'"{key}"')
    return text


def in_file(label: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The same problems, placed in the file `label` where they name no file yet."""
    return (replace(problem, file=problem.file or label) for problem in problems)
