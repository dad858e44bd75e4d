"""Entries of the suppression list: added, removed and read by addresses as they are typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.suppression import SuppressionEntry, SuppressionReason, is_domain, is_pseudonym
from mailrunner.sending.python_api.suppression_targets import keys_of, scope_of, unknown_list_notice
from mailrunner.store import Ledger

if TYPE_CHECKING:
    from mailrunner.suppression.import_file import SuppressionFile


class Suppressed(NamedTuple):
    """One entry: `key` is the normalised address or "@domain", `list_key` is "" for all lists.

    `known` is true where it stood there before; `notice` is about a list that no campaign uses, or "".
    """

    key: str
    list_key: str
    reason: SuppressionReason
    known: bool
    notice: str = ""


class Unsuppressed(NamedTuple):
    """One key whose entries were removed; `removed` is their number, `left` are those of other scopes."""

    key: str
    list_key: str
    removed: int
    left: tuple[SuppressionEntry, ...]


def add(
    project: Project, ledger: Ledger, addresses: Sequence[str], list_name: str | None, reason: str
) -> tuple[Suppressed, ...]:
    """Add an entry for each address or domain; UserError naming all that are neither, and none is added."""
    scope, why = scope_of(list_name), _reason(reason)
    keys = keys_of(ledger, _some(addresses))
    notice = unknown_list_notice(project, ledger, list_name)
    before = ledger.suppressions.matching(keys)
    ledger.suppressions.add(keys, list_key=scope, reason=why, source="by hand")
    return tuple(
        Suppressed(
            key,
            scope,
            why,
            any((e.key, e.list_key, e.reason) == (key, scope, why) for e in before.get(key, [])),
            notice,
        )
        for key in keys
    )


def remove(
    ledger: Ledger, addresses: Sequence[str], list_name: str | None, consent: str
) -> tuple[Unsuppressed, ...]:
    """Remove the entries of exactly this scope, with the consent as evidence."""
    scope, why = scope_of(list_name), consent.strip()
    if not why:
        hint = 'state how the recipient agreed to get messages again: "wrote on 3 May"'
        raise UserError(Problem("is empty", key="consent", hint=hint))
    found = []
    for key in keys_of(ledger, _some(addresses)):
        removed = ledger.suppressions.remove([key], list_key=scope, why=why)
        found.append(Unsuppressed(key, scope, removed, tuple(ledger.suppressions.entries(key))))
    return tuple(found)


class SuppressionImport(NamedTuple):
    """An import of a file: its number, the entries that are new, and those that stood there already."""

    number: int
    added: int
    known: int


def import_addresses(
    ledger: Ledger, file: Path, list_name: str | None, reason: str | None
) -> SuppressionImport:
    """Add the addresses of a file; UserError where it has none, and nothing is added."""
    from mailrunner.suppression.import_file import SuppressionFile

    source = SuppressionFile.open(file, column=None, pseudonyms=ledger.suppressions.pseudonyms())
    given = None if reason is None else _reason(reason)
    number = ledger.suppressions.begin_import(
        file=file.name, list_key=scope_of(list_name), reason=given or SuppressionReason.IMPORT
    )
    return import_groups(ledger, source, number, list_name=list_name, reason=given)


def import_groups(
    ledger: Ledger,
    source: SuppressionFile,
    number: int,
    *,
    list_name: str | None,
    reason: SuppressionReason | None,
    progress: Callable[[int], None] = lambda _: None,
) -> SuppressionImport:
    """Write in short transactions, so that a run beside it goes on.

    List and reason, where not None, replace those in the file; `progress` gets the number of addresses
    that were written since it was called last.
    """
    scope = None if list_name is None else scope_of(list_name)
    added = total = 0
    for group, keys in source.groups():
        added += ledger.suppressions.import_chunk(
            number,
            keys,
            list_key=group.list_key if scope is None else scope,
            reason=reason or group.reason,
        )
        total += len(keys)
        progress(len(keys))
    return SuppressionImport(number, added, total - added)


def undo_import(ledger: Ledger, number: int) -> int:
    """Remove the entries that an import added; UserError where there is no such import."""
    removed = ledger.suppressions.remove_import(number)
    if removed is None:
        raise UserError(
            Problem(f"there is no import {number}", hint="see mailrunner suppress list --imports")
        )
    return removed


def recipient_keys(ledger: Ledger, addresses: Sequence[str]) -> list[str]:
    """The keys of the addresses; UserError for a domain, or an address that was erased before."""
    keys = keys_of(ledger, _some(addresses))
    hint = "name the recipient's address; nothing was changed"
    UserError.collect(
        Problem("is not the address of a recipient", key=key, hint=hint)
        for key in keys
        if is_domain(key) or is_pseudonym(key)
    )
    return keys


def entries(ledger: Ledger, address: str | None) -> Iterator[SuppressionEntry]:
    """The entries that hold for an address or a domain, as it is typed; all of them for None."""
    if address is None:
        yield from ledger.suppressions
        return
    for key in keys_of(ledger, [address]):
        yield from ledger.suppressions.entries(key)


def _reason(text: str) -> SuppressionReason:
    known = [str(reason) for reason in SuppressionReason]
    if text not in known:
        raise UserError(Problem(f'"{text}" is no reason', key="reason", hint=did_you_mean(text, known)))
    return SuppressionReason(text)


def _some(addresses: Iterable[str]) -> list[str]:
    """The addresses; UserError for none, or for something that is no text."""
    found = list(addresses)
    if not found:
        raise UserError(Problem("there is no address", hint="nothing was changed"))
    UserError.collect(
        Problem(f"{type(one).__name__} is not an address", hint="nothing was changed")
        for one in found
        if not isinstance(one, str)
    )
    return found
