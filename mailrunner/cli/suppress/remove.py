"""`mailrunner suppress remove`: take addresses off the suppression list, or undo an import."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.suppress.group import ENTRIES, suppress_app
from mailrunner.model.number_and_noun import counted
from mailrunner.sending.python_api.suppression_targets import shown_scope


@command(suppress_app, "remove", panel=ENTRIES)
def remove(
    context: CommandContext,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="ADDRESS", help="E-mail addresses, or @DOMAIN for the entry of a domain."),
    ] = None,
    *,
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="Remove the entries for this mailing list.")
    ] = None,
    all_lists: Annotated[
        bool,
        typer.Option(
            "--all", help="Remove the entries that hold for all lists (not those for single lists)."
        ),
    ] = False,
    consent: Annotated[
        str | None,
        typer.Option(
            metavar="WHY",
            help="How the recipient agreed to get messages again, e.g. --consent 'wrote on 3 May'. "
            "Kept as evidence; required unless --import is given.",
        ),
    ] = None,
    import_no: Annotated[
        int | None,
        typer.Option(
            "--import",
            metavar="ID",
            max=2**63 - 1,
            help="Undo the import of this number instead; `suppress list --imports` shows the numbers.",
        ),
    ] = None,
) -> None:
    """Remove entries of addresses that agreed to get messages again.

    With --import, undo an import instead.

    Example: mailrunner suppress remove ana@example.org --all --consent "wrote on 3 May"
    """
    if import_no is not None:
        if addresses or list_name is not None or all_lists:
            raise typer.BadParameter("--import ID undoes a whole import; it goes with no address and no list")
        removed = context.handle.undo_import(import_no)
        context.result(f"import {import_no} undone: {counted(removed, 'entry', 'entries')} removed")
        return
    if not addresses:
        raise typer.BadParameter("name the addresses, or an import with --import ID")
    if (list_name is None) is not all_lists:
        raise typer.BadParameter(
            "choose which entries to remove: --list NAME, or --all for those that hold for all lists"
        )
    if not (consent or "").strip():
        raise typer.BadParameter(
            'state how the recipient agreed to get messages again: --consent "wrote on 3 May"'
        )
    for one in context.handle.unsuppress(*addresses, list_name=list_name, consent=consent or ""):
        state = "no longer" if one.removed else "was not"
        context.result(f"{one.key}: {state} suppressed for {shown_scope(one.list_key)}")
        for entry in one.left:
            context.result(f"{one.key}: still {entry} ({entry.source})")
