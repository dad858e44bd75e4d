"""A TOML file that a person writes: read it, fill in ${VARIABLES}, find everything that is wrong with it.

    table = read(path, "mailrunner.toml")
    table, missing = expand(table, environ)
    checked, problems = validate(ProjectTable, table)

Problems carry the dotted key and say in plain words what is wrong.  They never carry a value of a
key that may be secret: sentences come from our own validators or name only the kind of a value.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticKnownError

from mailrunner.errors import Problem, UserError

Keys = tuple[int | str, ...]

# "$${NAME}" stands for the plain text "${NAME}".
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r"\(at (line \d+, column \d+)\)")
_WANTED = {
    "string_type": 'text in quotes: "…"',
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "datetime_type": "a date and time with a zone and without quotes, as in 2026-12-01T08:00:00+02:00",
}
_PLAIN = {"extra_forbidden": "unknown key", "missing": "this key is missing"}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
_KINDS: tuple[tuple[type, str], ...] = (  # bool before int, datetime before date: they are subclasses
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
    (datetime, "a date and time"),
    (date, "a date"),
    (time, "a time of day"),
)


class Table(BaseModel):
    """One table of a file: its keys, their kinds and, for editors, their descriptions."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


TableT = TypeVar("TableT", bound=Table)
ValueT = TypeVar("ValueT")


def text_as(parse: Callable[[str], ValueT]) -> Callable[[object], ValueT]:
    """A validator that reads text by `parse`, whose ValueError is the sentence for the person."""

    def read_text(value: object) -> ValueT:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return parse(value)

    return read_text


def read(path: Path, label: str) -> dict[str, Any]:
    """Return the file's table; raise UserError naming `label` and, for a slip in the syntax, the line."""
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
        what = "nests too deeply" if isinstance(error, RecursionError) else "holds a number that is too long"
        raise UserError(Problem(what, label, hint="make it simpler")) from None


def _syntax_error(text: str) -> str:
    place = _PLACE.search(text)
    sentence = _PLACE.sub("", text).strip()
    return f"{place[1]}: {sentence}" if place else sentence


def expand(
    table: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Keys, Problem]]:
    """Fill in ${VARIABLES} in all strings; return the new table and, by key, what is not set.

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


def unexplained(faults: Iterable[Problem], missing: Mapping[Keys, Problem]) -> Iterator[Problem]:
    """Leave out what is wrong only because a variable has no value."""
    explained = {dotted(keys) for keys in missing}
    return (fault for fault in faults if fault.key not in explained)


def validate(model: type[TableT], table: Any, at: Keys = ()) -> tuple[TableT | None, list[Problem]]:
    """Check a table; return the values, or None, and all that is wrong, with keys that begin with `at`.

    Values come back beside problems where they can be read without the keys that are wrong, so that
    further checks can find further problems.
    """
    try:
        return model.model_validate(table), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = [_problem(model, detail, at) for detail in details]
    pruned = table
    for detail in details:
        pruned = _without(pruned, _without_marks(detail["loc"]))
    try:
        return model.model_validate(pruned), problems
    except ValidationError:
        return None, problems


def _without(table: Any, keys: Keys) -> Any:
    """A copy of `table` without the value at `keys`."""
    if isinstance(table, list):
        return []  # one bad entry spoils its list
    if not isinstance(table, dict) or not keys or keys[0] not in table:
        return table
    if len(keys) == 1 or not isinstance(table[keys[0]], dict | list):
        return {key: value for key, value in table.items() if key != keys[0]}
    return {**table, keys[0]: _without(table[keys[0]], keys[1:])}


def _problem(model: type[Table], detail: ErrorDetails, at: Keys) -> Problem:
    keys = _without_marks(detail["loc"])
    message, hint = _sentence(detail)
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(str(keys[-1]), _known_keys(model, keys[:-1]))
    elif detail["type"] == "missing":
        hint = _description(model, keys)
    return Problem(message, key=dotted((*at, *keys)), hint=hint)


def _sentence(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and a hint where the kind of the mistake tells one."""
    kind, hint = detail["type"], ""
    if kind in _PLAIN:
        message = _PLAIN[kind]
    elif kind in _WANTED:
        message = f"must be {_WANTED[kind]}, not {_kind(detail['input'])}"
    elif kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        message = f"must be {word} {detail['ctx'][bound]}"
    elif kind == "literal_error":
        choices = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        message, hint = f"must be {alternatives(choices)}", did_you_mean(str(detail["input"]), choices)
    elif kind == "value_error":  # a sentence of our own, its hint after the last semicolon
        sentence = str(detail["ctx"]["error"])
        before, _, after = sentence.rpartition("; ")
        message, hint = (before, after) if before else (sentence, "")
    else:
        message = detail["msg"].lower()
    return message, hint


def _without_marks(keys: Keys) -> Keys:
    """Leave out the mark by which pydantic says that the name of an entry is meant, not its value."""
    return tuple(key for key in keys if key != "[key]")


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "this")


def _description(model: type[Table], keys: Keys) -> str:
    parent = _table_at(model, keys[:-1])
    field = _fields(parent).get(str(keys[-1])) if parent else None
    return (field.description or "") if field else ""


def _known_keys(model: type[Table], keys: Keys) -> list[str]:
    parent = _table_at(model, keys)
    return list(_fields(parent)) if parent else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """The fields by the key that stands for them in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _table_at(model: type[Table], keys: Keys) -> type[BaseModel] | None:
    """The model of the table at `keys`, through tables of tables and optional ones."""
    here: Any = model
    for key in keys:
        here = _plain(here)
        if get_origin(here) is dict:
            here = get_args(here)[1]
        elif isinstance(here, type) and issubclass(here, BaseModel) and key in _fields(here):
            here = _fields(here)[str(key)].annotation
        else:
            return None
    here = _plain(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """`X` for `X | None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of `known`, else all of a few, else nothing."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    if close := difflib.get_close_matches(word.casefold(), folded, n=1):
        return f'did you mean "{folded[close[0]]}"?'
    return f"there is {alternatives(names, last='and')}" if 0 < len(names) <= 12 else ""


def alternatives(words: Iterable[str], last: str = "or") -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return f" {last} ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part)


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
    """The same problems, said of the file `label`."""
    return (replace(problem, file=problem.file or label) for problem in problems)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long for one is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def relative_name(path: Path, folder: Path) -> str:
    """How a file is named to people: relative to the project's folder where it lies inside."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return str(path)
