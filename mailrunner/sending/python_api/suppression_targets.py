"""The target of a suppression entry: the addresses or domains as typed, and the list it holds for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from mailrunner.errors import Problem, UserError
from mailrunner.model.suppression import ALL_LISTS, list_key

if TYPE_CHECKING:
    from mailrunner.config.project import Project
    from mailrunner.store import Ledger


def keys_of(ledger: Ledger, addresses: Iterable[str]) -> list[str]:
    """The keys of addresses and domains as typed, each once; UserError naming all that are neither."""
    from mailrunner.suppression.import_file import keys_in

    pseudonyms = ledger.suppressions.pseudonyms()
    keys: dict[str, None] = {}
    problems: list[Problem] = []
    for text in addresses:
        try:
            keys |= dict.fromkeys(keys_in(text, pseudonyms))
        except ValueError as error:
            problems.append(Problem(str(error), key=f'"{text}"', hint="nothing was changed"))
    UserError.collect(problems)
    return list(keys)


def address_keys(addresses: Collection[str]) -> frozenset[str]:
    """The keys of addresses as typed; raises UserError naming all that are not addresses."""
    from mailrunner.model.written_address import read_address

    keys, problems = set(), []
    for text in addresses:
        try:
            keys.add(read_address(text).address.key)
        except ValueError as error:
            problems.append(Problem(str(error), key=text))
    UserError.collect(problems)
    return frozenset(keys)


def scope_of(list_name: str | None) -> str:
    """The key of the mailing list `list_name`; ALL_LISTS for None; UserError without a usable name."""
    if list_name is None:
        return ALL_LISTS
    key = list_key(list_name)
    if not key:
        raise UserError(
            Problem(f'"{list_name}" names no list', key="--list", hint="leave it out for all lists")
        )
    return key


def shown_scope(scope: str) -> str:
    """A scope as the user reads it."""
    return f'list "{scope}"' if scope else "all lists"


def unknown_list_notice(project: Project, ledger: Ledger, list_name: str | None) -> str:
    """A sentence on a list that no campaign uses, "" for others: a misspelt name would suppress nothing."""
    from mailrunner.campaign.folder import list_names
    from mailrunner.errors import did_you_mean
    from mailrunner.store.snapshot import known_lists

    if list_name is None:
        return ""
    known = {**list_names(project), **known_lists(ledger.database)}
    if list_key(list_name) in {*known, *project.lists}:
        return ""
    hint = did_you_mean(list_name, known.values())
    return f'No campaign uses the list "{list_name}" yet{f"; {hint}" if hint else "."}'
