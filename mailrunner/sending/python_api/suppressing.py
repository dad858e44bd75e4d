"""Entries of the suppression list: added, removed and read by addresses as they are typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.suppression import SuppressionEntry, SuppressionReason
from mailrunner.sending.python_api.suppression_targets import keys_of, scope_of, unknown_list_notice
from mailrunner.store import Ledger


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
