"""`suppress`: who said no, by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command
from mailrunner.errors import Problem, UserError
from mailrunner.event_log import rfc3339
from mailrunner.model.suppression import (
    ALL_LISTS,
    SuppressionEntry,
    SuppressionReason,
    is_domain,
    is_pseudonym,
    list_key,
)

if TYPE_CHECKING:
    from mailrunner.model.suppression import SuppressionChange
    from mailrunner.store import Ledger
    from mailrunner.store.erasure import Erased
    from mailrunner.store.suppressions import Import

suppress_app = typer.Typer(
    help="Who said no: look, add, remove, bring in and take out.", no_args_is_help=True
)
app.add_typer(suppress_app, name="suppress")

Addresses = Annotated[
    list[str], typer.Argument(metavar="ADDRESS…", help="An address, or @DOMAIN for all there.")
]
ListOption = Annotated[
    str | None, typer.Option("--list", metavar="NAME", help="This list alone; all lists by default.")
]


@command(suppress_app, "add")
def add(
    session: CommandContext,
    addresses: Addresses,
    list_name: ListOption = None,
    reason: Annotated[SuppressionReason, typer.Option(help="Why.")] = SuppressionReason.MANUAL,
) -> None:
    """Send these people nothing more, of one list or of all."""
    scope = scope_of(list_name)
    with session.open_ledger() as ledger:
        keys = _keys(ledger, addresses)
        mention_unknown_list(session, ledger, list_name)
        before = ledger.suppressions.matching(keys)
        ledger.suppressions.add(keys, list_key=scope, reason=reason, source="by hand")
    for key in keys:
        wanted = (key, scope, reason)
        known = any((entry.key, entry.list_key, entry.reason) == wanted for entry in before.get(key, []))
        state = "was suppressed already" if known else "suppressed"
        session.result(f"{key}: {state} for {_spoken(scope)}: {reason}")


@command(suppress_app, "remove")
def remove(
    session: CommandContext,
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
        int | None, typer.Option("--import", metavar="ID", max=2**63 - 1, help="Undo a whole import instead.")
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
    _let_in(session, addresses, scope_of(list_name), (consent or "").strip())


def _let_in(session: CommandContext, addresses: list[str], scope: str, why: str) -> None:
    with session.open_ledger() as ledger:
        for key in _keys(ledger, addresses):
            removed = ledger.suppressions.remove([key], list_key=scope, why=why)
            state = "no longer" if removed else "was not"
            session.result(f"{key}: {state} suppressed for {_spoken(scope)}")
            for entry in ledger.suppressions.entries(key):
                session.result(f"{key}: still {entry} ({entry.source})")


def _undo(session: CommandContext, number: int) -> None:
    with session.open_ledger() as ledger:
        removed = ledger.suppressions.remove_import(number)
    if removed is None:
        raise UserError(
            Problem(f"there is no import {number}", hint="see mailrunner suppress list --imports")
        )
    session.result(f"import {number} undone: {removed:,} entries removed")


@command(suppress_app, "list")
def show(
    session: CommandContext,
    address: Annotated[str | None, typer.Argument(metavar="ADDRESS")] = None,
    imports: Annotated[bool, typer.Option("--imports", help="The files that were imported instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Print the entries, one a line: address, scope, reason, source, time."""
    with session.look_at_ledger() as ledger:
        keys = _keys(ledger, [address]) if address else []
        if imports:
            _show_all(session, "imports", ledger.suppressions.imports(), as_json, _import_cells)
        else:
            entries = ledger.suppressions.entries(keys[0]) if keys else ledger.suppressions
            _show_all(session, "entries", entries, as_json, entry_cells)


def _show_all(
    session: CommandContext,
    name: str,
    things: Iterable[Any],
    as_json: bool,
    cells: Callable[[Any], dict[str, Any]],
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


def entry_cells(entry: SuppressionEntry) -> dict[str, Any]:
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


@command(suppress_app, "history")
def history(
    session: CommandContext,
    address: Annotated[str, typer.Argument(metavar="ADDRESS")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Print all that happened to the entries of one person, or of a domain, the oldest first."""
    with session.look_at_ledger() as ledger:
        (key,) = _keys(ledger, [address])
        _show_all(session, "history", ledger.suppressions.history(key), as_json, _event_cells)


def _event_cells(event: SuppressionChange) -> dict[str, Any]:
    return {
        "at": rfc3339(event.at),
        "change": str(event.change),
        "address": event.name,
        "list": event.list_key or None,
        "reason": str(event.reason),
        "source": event.source,
        "why": event.why or None,
    }


@command(suppress_app, "forget")
def forget(
    session: CommandContext,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget these addresses everywhere in the ledger; they still get no mail.  It cannot be undone."""
    with session.open_ledger() as ledger:
        keys = _people(ledger, addresses)
        if not yes and not _is_sure(session, keys):
            session.say("Nobody was forgotten.")
            return
        for key, done in zip(keys, ledger.suppressions.erase(keys), strict=True):
            session.result(f"{key}: {_told(done)}")
    session.say(
        "Reports, logs and the lists themselves are files of yours: the addresses may stand there too."
    )


def _people(ledger: Ledger, addresses: list[str]) -> list[str]:
    keys = _keys(ledger, addresses)
    hint = "name the person's address; nothing was changed"
    UserError.collect(
        Problem("stands for nobody's address", key=key, hint=hint)
        for key in keys
        if is_domain(key) or is_pseudonym(key)
    )
    return keys


def _is_sure(session: CommandContext, keys: list[str]) -> bool:
    """A person is asked; without one, --yes says that it is meant."""
    if not session.is_interactive:
        raise UserError(Problem("what is forgotten does not come back", hint="if that is meant, say --yes"))
    return typer.confirm(f"Forget {', '.join(keys)} for ever?", err=True)


def _told(done: Erased) -> str:
    if not done.was_known:
        return "is not in this ledger; nothing was changed"
    parts = {
        "suppression entries": done.entries,
        "deliveries": done.deliveries,
        "messages that are not sent now": done.stopped,
        "rows of lists": done.rows,
        "reports that came back": done.reports,
    }
    where = ", ".join(f"{what}: {number:,}" for what, number in parts.items() if number)
    return f"forgotten, now {done.name}, and suppressed for all lists ({where})"


@command(suppress_app, "confirm-empty")
def confirm_empty(
    session: CommandContext,
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="This list alone; any list by default.")
    ] = None,
) -> None:
    """Say that it is right that nobody is suppressed any more for a list, so that runs go on."""
    scope = None if list_name is None else scope_of(list_name)
    with session.open_ledger() as ledger:
        names = ledger.suppressions.confirm_empty(scope)
    for name in names:
        session.result(f'list "{name}": it is right that nobody is suppressed')
    if not names:
        session.say("There is nothing to confirm: no list has lost its entries.")


def _keys(ledger: Ledger, addresses: Iterable[str]) -> list[str]:
    """The names of those who were typed, each once; UserError with all that are none."""
    from mailrunner.suppression.import_file import name_of

    pseudonyms = ledger.suppressions.pseudonyms()
    keys: dict[str, None] = {}
    problems: list[Problem] = []
    for text in addresses:
        try:
            keys[name_of(text, pseudonyms)] = None
        except ValueError as error:
            problems.append(Problem(str(error), key=f'"{text}"', hint="nothing was changed"))
    UserError.collect(problems)
    return list(keys)


def scope_of(list_name: str | None) -> str:
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


def mention_unknown_list(session: CommandContext, ledger: Ledger, list_name: str | None) -> None:
    """A slip of the keys in a list's name would keep nobody from anything."""
    from mailrunner.campaign.folder import list_names
    from mailrunner.errors import did_you_mean
    from mailrunner.store.snapshot import known_lists

    if list_name is None:
        return
    known = {**list_names(session.project), **known_lists(ledger.database)}
    if list_key(list_name) not in {*known, *session.project.lists}:
        hint = did_you_mean(list_name, known.values())
        session.say(f'No campaign uses the list "{list_name}" yet{f"; {hint}" if hint else "."}')
