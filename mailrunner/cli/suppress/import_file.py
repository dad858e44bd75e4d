"""`mailrunner suppress import`: put the addresses of a file on the suppression list."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import YesOption
from mailrunner.cli.output import progress_bar
from mailrunner.cli.suppress.group import FILES, ListOption, suppress_app
from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted
from mailrunner.model.suppression import ImportFormat, SuppressionReason
from mailrunner.sending.python_api.suppression_targets import scope_of, unknown_list_notice

if TYPE_CHECKING:
    from mailrunner.store import Ledger
    from mailrunner.suppression.import_file import ImportSummary, SuppressionFile


@command(suppress_app, "import", panel=FILES)
def import_file(
    context: CommandContext,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, Excel or Parquet file, JSON of Amazon SES, or a text file with one address a line.",
        ),
    ],
    *,
    list_name: ListOption = None,
    reason: Annotated[
        SuppressionReason | None,
        typer.Option(
            metavar="|".join(SuppressionReason),
            help="Reason to record for every address. Default: the reason in the file, else import.",
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column with the addresses. Default: email, address or the like."),
    ] = None,
    wanted: Annotated[
        ImportFormat | None,
        typer.Option(
            "--as",
            metavar="|".join(ImportFormat),
            help="Program that exported the file; plain takes the addresses alone. "
            "Default: recognised by its columns.",
        ),
    ] = None,
    yes: YesOption = False,
) -> Exit | None:
    """Suppress the addresses of a file, after a look at it.

    It is shown first how many of them are on lists that are mailed now. Exports of Mailchimp, SendGrid,
    SES and listmonk are recognised, with their reasons. An import can be undone.

    Example: mailrunner suppress import left.csv --list "Club news" --reason unsubscribe
    """
    from mailrunner.sending.python_api.suppressing import import_groups
    from mailrunner.suppression.import_file import SuppressionFile

    with context.open_ledger() as ledger:
        pseudonyms = ledger.suppressions.pseudonyms()
        source = SuppressionFile.open(file, column=column, pseudonyms=pseudonyms, wanted=wanted)
        if source.title:
            context.say(f"{file}: read as {source.title}")
        summary = _summary(context, ledger, source)
        _say_summary(context, file, summary)
        if not summary.valid:
            raise UserError(Problem("there is no address in it", str(file)))
        if notice := unknown_list_notice(context.project, ledger, list_name):
            context.say(notice)
        if not yes and not _agreed(context, file, summary):
            context.say("Nothing was imported.")
            return Exit.DONE
        number = ledger.suppressions.begin_import(
            file=file.name, list_key=scope_of(list_name), reason=reason or SuppressionReason.IMPORT
        )
        # Printed before the first row, for a user who stops it half-way.
        context.say(f"Import {number}; undo it with: mailrunner suppress remove --import {number}")
        with progress_bar(context.console, "Importing", summary.valid) as update:
            done = import_groups(
                ledger,
                source,
                number,
                list_name=list_name,
                reason=reason,
                progress=lambda more: update(advance=more),
            )
    context.result(f"import {number}: {done.added:,} added, {summary.valid - done.added:,} there already")
    return None


def _summary(context: CommandContext, ledger: Ledger, source: SuppressionFile) -> ImportSummary:
    with progress_bar(context.console, "Looking through the file") as update:

        def on_lists(keys: Collection[str]) -> Collection[str]:
            update(advance=len(keys))
            return ledger.suppressions.on_current_lists(keys)

        return source.summarise(on_lists)


def _say_summary(context: CommandContext, file: Path, summary: ImportSummary) -> None:
    addresses = counted(summary.valid, "address", "addresses")
    context.say(f"{file}: {addresses}, {summary.listed:,} of them on lists that are mailed now")
    if summary.subscribed:
        subscribed = counted(summary.subscribed, "is subscribed", "are subscribed")
        context.say(f"  {subscribed}, as the file says: left out")
    if summary.invalid:
        context.say(f"  {counted(summary.invalid, 'is no address', 'are no addresses')}: left out")
        for example in summary.examples:
            context.say(f"    {example}")


def _agreed(context: CommandContext, file: Path, summary: ImportSummary) -> bool:
    """Ask the user; where there is no terminal, raise UserError for what looks like a list of subscribers."""
    from mailrunner.campaign.folder import recipient_files

    campaign = recipient_files(context.project).get(file.resolve())
    warning = f'it is the list that the campaign "{campaign}" is sent to' if campaign else ""
    if context.is_interactive:
        if warning:
            context.say(f"Careful: {warning}.")
        return typer.confirm(f"Suppress {counted(summary.valid, 'address', 'addresses')}?", err=True)
    if not warning and summary.listed:
        warning = counted(
            summary.listed,
            "of its addresses is on a list that is mailed now",
            "of its addresses are on lists that are mailed now",
        )
    if warning:
        raise UserError(Problem(warning, str(file), hint="if these addresses shall be suppressed, add --yes"))
    return True
