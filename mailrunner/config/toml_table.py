"""One table of a TOML file, as a pydantic model: its keys, the types of their values, and checking them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic_core import PydanticKnownError

from mailrunner.config.toml_errors import keys_of, problem_of
from mailrunner.config.toml_file import Keys
from mailrunner.errors import Problem


class Table(BaseModel):
    """The base of all tables: unknown keys are refused, types are strict, descriptions are for editors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty; remove the line or fill it in")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
TableT = TypeVar("TableT", bound=Table)
ValueT = TypeVar("ValueT")


def text_as(parse: Callable[[str], ValueT]) -> Callable[[object], ValueT]:
    """A validator that reads text by `parse`, whose ValueError is the sentence for the user."""

    def read_text(value: object) -> ValueT:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return parse(value)

    return read_text


def validate(model: type[TableT], table: Any, at: Keys = ()) -> tuple[TableT | None, list[Problem]]:
    """Check a table; return the values, or None, and all problems, with keys that begin with `at`.

    Values come back beside problems where they can be read without the keys that are wrong, so that
    further checks can find further problems.
    """
    try:
        return model.model_validate(table), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = [problem_of(model, detail, at) for detail in details]
    pruned = table
    for detail in details:
        pruned = _without(pruned, keys_of(detail))
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
