"""The sentence for each kind of mistake in a TOML file, made from pydantic's error details."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mailrunner.config.toml_file import Keys, dotted
from mailrunner.errors import Problem, alternatives, did_you_mean

_EXPECTED = {
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
_FIXED = {"extra_forbidden": "unknown key", "missing": "this key is missing"}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
_TYPE_NAMES: tuple[tuple[type, str], ...] = (  # bool before int, datetime before date: they are subclasses
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


def problem_of(model: type[BaseModel], detail: ErrorDetails, at: Keys) -> Problem:
    """The problem that one error of validating `model` stands for, its key below `at`."""
    keys = keys_of(detail)
    message, hint = _sentence(detail)
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(str(keys[-1]), _known_keys(model, keys[:-1]))
    elif detail["type"] == "missing":
        hint = _description(model, keys)
    return Problem(message, key=dotted((*at, *keys)), hint=hint)


def keys_of(detail: ErrorDetails) -> Keys:
    """The keys of an error, without the "[key]" that blames an entry's name instead of its value."""
    return tuple(key for key in detail["loc"] if key != "[key]")


def _sentence(detail: ErrorDetails) -> tuple[str, str]:
    """The message, and a hint where the kind of the mistake tells one, else ""."""
    kind, hint = detail["type"], ""
    if kind in _FIXED:
        message = _FIXED[kind]
    elif kind in _EXPECTED:
        message = f"must be {_EXPECTED[kind]}, not {_type_name(detail['input'])}"
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


def _type_name(value: Any) -> str:
    return next((name for type_, name in _TYPE_NAMES if isinstance(value, type_)), "this")


def _description(model: type[BaseModel], keys: Keys) -> str:
    parent = _table_at(model, keys[:-1])
    field = _fields(parent).get(str(keys[-1])) if parent else None
    return (field.description or "") if field else ""


def _known_keys(model: type[BaseModel], keys: Keys) -> list[str]:
    parent = _table_at(model, keys)
    return list(_fields(parent)) if parent else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """The fields by the key that stands for them in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _table_at(model: type[BaseModel], keys: Keys) -> type[BaseModel] | None:
    """The model of the table at `keys`, through tables of tables and optional ones; None if there is none."""
    here: Any = model
    for key in keys:
        here = _not_optional(here)
        if get_origin(here) is dict:
            here = get_args(here)[1]
        elif isinstance(here, type) and issubclass(here, BaseModel) and key in _fields(here):
            here = _fields(here)[str(key)].annotation
        else:
            return None
    here = _not_optional(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _not_optional(annotation: Any) -> Any:
    """`X` for `X | None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation
