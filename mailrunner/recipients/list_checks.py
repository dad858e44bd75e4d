"""Mistakes that concern every row of a list: keys that name no column, unusable defaults, a wrong `where`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailrunner.errors import Problem, nearest
from mailrunner.recipients.cell import from_text, to_text
from mailrunner.recipients.column_hint import address_hint
from mailrunner.recipients.filter import RowFilter, expression_hint
from mailrunner.recipients.source import Source
from mailrunner.recipients.spec import ListSpec


def column_types(columns: Sequence[str], spec: ListSpec) -> dict[str, str]:
    """The type of each column, "text" where none is named."""
    return {column: spec.types.get(column, "text") for column in columns}


def list_problems(source: Source, columns: Sequence[str], spec: ListSpec) -> Iterator[Problem]:
    """Yield all problems of `spec` for a list with these columns, their keys below `[recipients]`."""
    yield from _column_problems(source, columns, spec)
    if spec.email in spec.defaults:
        yield Problem(
            "an address has no default",
            key=f"defaults.{spec.email}",
            hint="every row without an address would go to it",
        )
    yield from _default_problems(spec)
    yield from _where_problems(columns, spec)


def _column_problems(source: Source, columns: Sequence[str], spec: ListSpec) -> Iterator[Problem]:
    named = [("email", spec.email)] + ([("name", spec.name)] if spec.name else [])
    named += [(f"defaults.{column}", column) for column in spec.defaults]
    named += [(f"types.{column}", column) for column in spec.types]
    for key, column in named:
        if column not in columns:
            message = f'{source.label} has no column "{column}"'
            near = nearest(column, columns)
            told = address_hint(source, column, near) if key == "email" else ""
            yield Problem(message, key=key, hint=told or near or f"its columns are {', '.join(columns)}")


def _default_problems(spec: ListSpec) -> Iterator[Problem]:
    for column, type_name in spec.types.items():
        if column in spec.defaults:
            try:
                from_text(to_text(spec.defaults[column]), type_name)
            except ValueError as error:
                yield Problem(str(error), key=f"defaults.{column}", hint=f"its type is {type_name}")


def _where_problems(columns: Sequence[str], spec: ListSpec) -> Iterator[Problem]:
    if not spec.where:
        return
    try:
        condition = RowFilter(spec.where, column_types(columns, spec))
    except ValueError as error:
        yield Problem(str(error), key="where", hint=expression_hint(spec.where, columns))
    else:
        yield from (Problem(message, key="where", hint=hint) for message, hint in condition.problems())
