"""Rows of the suppression list as text or JSON, printed as they are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from mailrunner.cli.context import CommandContext
from mailrunner.clock import rfc3339
from mailrunner.model.suppression import ALL_LISTS, SuppressionEntry
from mailrunner.model.terminal_text import printable, printable_json
from mailrunner.sending.python_api.suppression_targets import shown_scope


def print_rows(
    context: CommandContext,
    name: str,
    rows: Iterable[Any],
    as_json: bool,
    cells: Callable[[Any], dict[str, Any]],
) -> None:
    """Print each row on stdout as it is read: a list of a million entries is never held whole.

    `name` is the array's key in JSON, `cells` gives the values of a row by their keys.
    """
    objects = map(cells, rows)
    if not as_json:
        sys.stdout.writelines(map(_one_line, objects))
    elif context.claim_answer():
        _print_object(name, objects)
    sys.stdout.flush()


def _print_object(name: str, objects: Iterable[dict[str, Any]]) -> None:
    """Print `{name: […]}`; the object is whole also where a signal ends the list early."""
    import json

    sys.stdout.write(f'{{"{name}": [')
    try:
        for number, cells in enumerate(objects):
            row = printable_json(json.dumps(cells, ensure_ascii=False))
            sys.stdout.write((",\n" if number else "\n") + row)
    finally:
        sys.stdout.write("\n]}\n")


def _one_line(cells: dict[str, Any]) -> str:
    shown = {**cells, "list": shown_scope(cells["list"] or ALL_LISTS)}
    # No cell may end the line or begin another.
    line = "\t".join(" ".join(str(cell).split()) for cell in shown.values() if cell is not None)
    return printable(line) + "\n"


def entry_cells(entry: SuppressionEntry) -> dict[str, Any]:
    """The values of an entry, by their keys in JSON and their columns in CSV."""
    return {
        "address": entry.key,
        "list": entry.list_key or None,
        "reason": str(entry.reason),
        "source": entry.source,
        "created_at": rfc3339(entry.created_at),
    }
