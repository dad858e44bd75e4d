"""`mailrunner suppress list`: the entries of the suppression list, and the imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import JsonOption
from mailrunner.cli.suppress.group import ENTRIES, suppress_app
from mailrunner.cli.suppress.rows import entry_cells, print_rows
from mailrunner.clock import rfc3339

if TYPE_CHECKING:
    from mailrunner.store.suppressions import Import


@command(suppress_app, "list", panel=ENTRIES)
def list_entries(
    context: CommandContext,
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="ADDRESS", help="Only the entries that hold for this address, or @DOMAIN. Default: all."
        ),
    ] = None,
    imports: Annotated[
        bool, typer.Option("--imports", help="Show the imports, with their numbers, instead of the entries.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the entries: address, list, reason, source, time."""
    if not imports:
        print_rows(context, "entries", context.handle.suppressions(address), as_json, entry_cells)
        return
    with context.existing_ledger() as ledger:
        print_rows(context, "imports", ledger.suppressions.imports(), as_json, _import_cells)


def _import_cells(one: Import) -> dict[str, Any]:
    return {
        "import": one.no,
        "file": one.file,
        "list": one.list_key or None,
        "reason": str(one.reason),
        "added": one.added,
        "created_at": rfc3339(one.created_at),
        "removed_at": rfc3339(one.removed_at),
    }
