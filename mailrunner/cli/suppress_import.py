"""`suppress import` and `suppress export`: who said no, by file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from mailrunner.cli.context import CommandContext, command
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.suppress import ListOption, entry_cells, mention_unknown_list, scope_of, suppress_app
from mailrunner.errors import Problem, UserError
from mailrunner.model.suppression import ImportFormat, SuppressionEntry, SuppressionReason

if TYPE_CHECKING:
    from mailrunner.store import Ledger
    from mailrunner.suppression.import_file import Group, ImportSummary, SuppressionFile


@command(suppress_app, "import")
def bring_in(
    session: CommandContext,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, Excel, JSON of SES, or one address a line.")
    ],
    *,
    list_name: ListOption = None,
    reason: Annotated[SuppressionReason | None, typer.Option(help="Why; `import` by default.")] = None,
    column: Annotated[str | None, typer.Option(help="The column with the addresses.")] = None,
    wanted: Annotated[
        ImportFormat | None,
        typer.Option("--as", help="What exported the file; by default its columns tell."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Exit | None:
    """Send the people of a file nothing more; says first who they are, and can be undone.

    Exports of Mailchimp, SendGrid, SES and listmonk are recognised, with their reasons.
    """
    from mailrunner.suppression.import_file import Group, SuppressionFile

    with session.open_ledger() as ledger:
        pseudonyms = ledger.suppressions.pseudonyms()
        source = SuppressionFile.open(file, column=column, pseudonyms=pseudonyms, wanted=wanted)
        if source.title:
            session.say(f"{file}: read as {source.title}")
        survey = _survey(session, ledger, source)
        _say_survey(session, file, survey)
        if not survey.valid:
            raise UserError(Problem("there is no address in it", str(file)))
        mention_unknown_list(session, ledger, list_name)
        if not yes and not _agreed(session, file, survey):
            session.say("Nothing was imported.")
            return Exit.DONE
        number = ledger.suppressions.begin_import(
            file=file.name, list_key=scope_of(list_name), reason=reason or SuppressionReason.IMPORT
        )
        # Told before the first row, for whoever stops it half-way.
        session.say(f"Import {number}; undo it with: mailrunner suppress remove --import {number}")
        beats = Group(None if list_name is None else scope_of(list_name), reason)
        with _progress(session, "Importing", survey.valid) as advance:
            added = _import(ledger, source, number, beats, advance)
    session.result(f"import {number}: {added:,} added, {survey.valid - added:,} were there already")
    return None


def _survey(session: CommandContext, ledger: Ledger, source: SuppressionFile) -> ImportSummary:
    with _progress(session, "Looking through the file") as advance:

        def on_lists(keys: Collection[str]) -> Collection[str]:
            advance(len(keys))
            return ledger.suppressions.on_current_lists(keys)

        return source.survey(on_lists)


def _say_survey(session: CommandContext, file: Path, survey: ImportSummary) -> None:
    session.say(f"{file}: {survey.valid:,} addresses, {survey.listed:,} of them on lists that are mailed now")
    if survey.living:
        session.say(f"  {survey.living:,} may be mailed, as the file says, and are left out")
    if survey.invalid:
        session.say(f"  {survey.invalid:,} are not addresses and are left out:")
        for example in survey.examples:
            session.say(f"    {example}")


def _agreed(session: CommandContext, file: Path, survey: ImportSummary) -> bool:
    """Whether a person agrees; without one, what looks like a list of subscribers is refused."""
    from mailrunner.campaign.folder import recipient_files

    mails = recipient_files(session.project).get(file.resolve())
    warning = f'it is the list that the campaign "{mails}" is sent to' if mails else ""
    if session.is_interactive:
        if warning:
            session.say(f"Careful: {warning}.")
        return typer.confirm(f"Send these {survey.valid:,} nothing more?", err=True)
    if not warning and survey.listed:
        warning = f"{survey.listed:,} of its addresses are on lists that are mailed now"
    if warning:
        raise UserError(Problem(warning, str(file), hint="if they shall get nothing more, say --yes"))
    return True


def _import(
    ledger: Ledger, source: SuppressionFile, number: int, beats: Group, advance: Callable[[int], None]
) -> int:
    """Write in short transactions, so that a run beside it goes on; what `beats` names beats the file."""
    added = 0
    for group, keys in source.groups():
        scope = group.list_key if beats.list_key is None else beats.list_key
        added += ledger.suppressions.import_chunk(
            number, keys, list_key=scope, reason=beats.reason or group.reason
        )
        advance(len(keys))
    return added


@command(suppress_app, "export")
def take_out(
    session: CommandContext,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Not on stdout, but here.")
    ] = None,
) -> None:
    """Write all entries as CSV, which `suppress import` reads again."""
    with session.look_at_ledger() as ledger:
        if out is None:
            _write_entries(ledger.suppressions, sys.stdout, "\n")
            sys.stdout.flush()
            return
        part = out.with_name(f"{out.name}.part")
        with part.open("w", encoding="utf-8", newline="") as stream:
            number = _write_entries(ledger.suppressions, stream, "\r\n")
        part.replace(out)
    session.say(f"{out}: {number:,} entries")


def _write_entries(entries: Iterable[SuppressionEntry], stream: TextIO, line_end: str) -> int:
    from mailrunner.suppression.import_file import EXPORT_COLUMNS

    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(EXPORT_COLUMNS)
    return sum(1 for entry in entries if writer.writerow(entry_cells(entry).values()))


@contextmanager
def _progress(
    session: CommandContext, what: str, total: int | None = None
) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; the function takes how many more are done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = session.words.is_terminal and not session.quiet
    with Progress(*columns, console=session.words, transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
