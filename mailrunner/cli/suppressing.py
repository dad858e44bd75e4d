"""`suppress`: who said no, by hand and by file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from mailrunner.cli import app
from mailrunner.cli.exits import Exit
from mailrunner.cli.session import Session, command
from mailrunner.errors import Problem, UserError
from mailrunner.log import rfc3339
from mailrunner.suppression import ALL_LISTS, Entry, Reason, list_key

if TYPE_CHECKING:
    from mailrunner.store import Ledger
    from mailrunner.store.suppressions import Import
    from mailrunner.suppression_file import Group, SuppressionFile, Survey

suppress_app = typer.Typer(
    help="Who said no: look, add, remove, bring in and take out.", no_args_is_help=True
)
app.add_typer(suppress_app, name="suppress")

Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS…")]
ListOption = Annotated[
    str | None, typer.Option("--list", metavar="NAME", help="This list alone; all lists by default.")
]


@command(suppress_app, "add")
def add(
    session: Session,
    addresses: Addresses,
    list_name: ListOption = None,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.MANUAL,
) -> None:
    """Send these people nothing more, of one list or of all."""
    keys = _keys(addresses)
    scope = _scope(list_name)
    with session.open_ledger() as ledger:
        _mention_unknown_list(session, ledger, list_name)
        before = ledger.suppressions.matching(keys)
        ledger.suppressions.add(keys, list_key=scope, reason=reason, source="by hand")
    for key in keys:
        known = any((entry.list_key, entry.reason) == (scope, reason) for entry in before.get(key, []))
        state = "was suppressed already" if known else "suppressed"
        session.result(f"{key}: {state} for {_spoken(scope)}: {reason}")


@command(suppress_app, "remove")
def remove(
    session: Session,
    addresses: Annotated[list[str] | None, typer.Argument(metavar="ADDRESS…")] = None,
    *,
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="What holds for this list.")
    ] = None,
    all_lists: Annotated[bool, typer.Option("--all", help="What holds for all lists.")] = False,
    consent: Annotated[
        str | None, typer.Option(metavar="WHY", help="How you know that they want mail again; it is kept.")
    ] = None,
    import_no: Annotated[
        int | None, typer.Option("--import", metavar="ID", help="Undo a whole import instead.")
    ] = None,
) -> None:
    """Let people be mailed again who have agreed to it, or undo an import."""
    if import_no is not None:
        if addresses or list_name is not None or all_lists:
            raise typer.BadParameter("--import ID undoes a whole import; it goes with no address and no list")
        _undo(session, import_no)
        return
    if not addresses:
        raise typer.BadParameter("name the addresses, or an import with --import ID")
    if (list_name is None) is not all_lists:
        raise typer.BadParameter(
            "say what is to be removed: --list NAME, or --all for what holds for all lists"
        )
    if not (consent or "").strip():
        raise typer.BadParameter('say how you know that they want mail again: --consent "wrote on 3 May"')
    _let_in(session, _keys(addresses), _scope(list_name), (consent or "").strip())


def _let_in(session: Session, keys: list[str], scope: str, why: str) -> None:
    with session.open_ledger() as ledger:
        for key in keys:
            removed = ledger.suppressions.remove([key], list_key=scope, why=why)
            state = "no longer" if removed else "was not"
            session.result(f"{key}: {state} suppressed for {_spoken(scope)}")
            for entry in ledger.suppressions.entries(key):
                session.result(f"{key}: still {entry} ({entry.source})")


def _undo(session: Session, number: int) -> None:
    with session.open_ledger() as ledger:
        removed = ledger.suppressions.remove_import(number)
    if removed is None:
        raise UserError(
            Problem(f"there is no import {number}", hint="see mailrunner suppress list --imports")
        )
    session.result(f"import {number} undone: {removed:,} entries removed")


@command(suppress_app, "list")
def show(
    session: Session,
    address: Annotated[str | None, typer.Argument(metavar="ADDRESS")] = None,
    imports: Annotated[bool, typer.Option("--imports", help="The files that were imported instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Print the entries, one a line: address, scope, reason, source, time."""
    keys = _keys([address]) if address else []
    with session.look_at_ledger() as ledger:
        if imports:
            _show_all(session, "imports", ledger.suppressions.imports(), as_json, _import_cells)
        else:
            entries = ledger.suppressions.entries(keys[0]) if keys else ledger.suppressions
            _show_all(session, "entries", entries, as_json, _entry_cells)


def _show_all(
    session: Session, name: str, things: Iterable[Any], as_json: bool, cells: Callable[[Any], dict[str, Any]]
) -> None:
    """Print as they come: a table of a million entries is never held whole."""
    objects = map(cells, things)
    sys.stdout.writelines(_one_object(name, objects) if as_json else map(_one_line, objects))
    sys.stdout.flush()


def _one_object(name: str, objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    import json

    yield f'{{"{name}": ['
    for number, cells in enumerate(objects):
        yield (",\n" if number else "\n") + json.dumps(cells, ensure_ascii=False)
    yield "\n]}\n"


def _one_line(cells: dict[str, Any]) -> str:
    shown = {**cells, "list": _spoken(cells["list"] or ALL_LISTS)}
    # No cell may end the line or begin another.
    return "\t".join(" ".join(str(cell).split()) for cell in shown.values() if cell is not None) + "\n"


def _entry_cells(entry: Entry) -> dict[str, Any]:
    return {
        "address": entry.key,
        "list": entry.list_key or None,
        "reason": str(entry.reason),
        "source": entry.source,
        "created_at": rfc3339(entry.created_at),
    }


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


@command(suppress_app, "import")
def bring_in(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Excel, or one address a line.")],
    *,
    list_name: ListOption = None,
    reason: Annotated[Reason | None, typer.Option(help="Why; `import` by default.")] = None,
    column: Annotated[str | None, typer.Option(help="The column with the addresses.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Exit | None:
    """Send the people of a file nothing more; says first who they are, and can be undone."""
    from mailrunner.suppression_file import Group, SuppressionFile

    source = SuppressionFile.open(file, column=column)
    with session.open_ledger() as ledger:
        survey = _survey(session, ledger, source)
        _say_survey(session, file, survey)
        if not survey.valid:
            raise UserError(Problem("there is no address in it", str(file)))
        _mention_unknown_list(session, ledger, list_name)
        if not yes and not _agreed(session, file, survey):
            session.say("Nothing was imported.")
            return Exit.DONE
        number = ledger.suppressions.begin_import(
            file=file.name, list_key=_scope(list_name), reason=reason or Reason.IMPORT
        )
        # Told before the first row, for whoever stops it half-way.
        session.say(f"Import {number}; undo it with: mailrunner suppress remove --import {number}")
        beats = Group(None if list_name is None else _scope(list_name), reason)
        with _progress(session, "Importing", survey.valid) as advance:
            added = _import(ledger, source, number, beats, advance)
    session.result(f"import {number}: {added:,} added, {survey.valid - added:,} were there already")
    return None


def _survey(session: Session, ledger: Ledger, source: SuppressionFile) -> Survey:
    with _progress(session, "Looking through the file") as advance:

        def on_lists(keys: Collection[str]) -> Collection[str]:
            advance(len(keys))
            return ledger.suppressions.on_current_lists(keys)

        return source.survey(on_lists)


def _say_survey(session: Session, file: Path, survey: Survey) -> None:
    session.say(f"{file}: {survey.valid:,} addresses, {survey.listed:,} of them on lists that are mailed now")
    if survey.invalid:
        session.say(f"  {survey.invalid:,} are not addresses and are left out:")
        for example in survey.examples:
            session.say(f"    {example}")


def _agreed(session: Session, file: Path, survey: Survey) -> bool:
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
    session: Session,
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


def _write_entries(entries: Iterable[Entry], stream: TextIO, line_end: str) -> int:
    from mailrunner.suppression_file import EXPORT_COLUMNS

    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(EXPORT_COLUMNS)
    return sum(1 for entry in entries if writer.writerow(_entry_cells(entry).values()))


def _keys(addresses: Iterable[str]) -> list[str]:
    """The keys of addresses that were typed, each once; UserError with all that are none."""
    from mailrunner.address import normalise

    keys: dict[str, None] = {}
    problems: list[Problem] = []
    for text in addresses:
        try:
            keys[normalise(text).key] = None
        except ValueError as error:
            problems.append(Problem(str(error), key=f'"{text}"', hint="nothing was changed"))
    UserError.collect(problems)
    return list(keys)


def _scope(list_name: str | None) -> str:
    """The key of a list that was typed; that of all lists where none was."""
    if list_name is None:
        return ALL_LISTS
    key = list_key(list_name)
    if not key:
        raise UserError(
            Problem(f'"{list_name}" names no list', key="--list", hint="leave it out for all lists")
        )
    return key


def _spoken(scope: str) -> str:
    return f'list "{scope}"' if scope else "all lists"


def _mention_unknown_list(session: Session, ledger: Ledger, list_name: str | None) -> None:
    """A slip of the keys in a list's name would keep nobody from anything."""
    from mailrunner.campaign.folder import list_names
    from mailrunner.config.toml_file import did_you_mean
    from mailrunner.store.snapshot import known_lists

    if list_name is None:
        return
    known = {**list_names(session.project), **known_lists(ledger.database)}
    if list_key(list_name) not in {*known, *session.project.lists}:
        hint = did_you_mean(list_name, known.values())
        session.say(f'No campaign uses the list "{list_name}" yet{f"; {hint}" if hint else "."}')


@contextmanager
def _progress(session: Session, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; the function takes how many more are done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = session.words.is_terminal and not session.quiet
    with Progress(*columns, console=session.words, transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
