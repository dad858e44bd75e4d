"""What is open to one person: which lists they get, which they left, and what only the sender can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mailrunner.inbound import Kind
from mailrunner.model.inbound_event import ALL
from mailrunner.model.suppression import Reason

if TYPE_CHECKING:
    from mailrunner.store import Ledger


class Standing(StrEnum):
    """How a person stands to a list."""

    ON = "on"
    OFF = "off"  # left by the person, who may come back
    STOPPED = "stopped"  # a bounce, a complaint, the sender's own decision: not for this page to undo


@dataclass(frozen=True, slots=True)
class Choice:
    """One list, or all of them together where `key` is ALL."""

    key: str
    name: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The list that the link was about, the others, and all together."""

    own: Choice
    others: tuple[Choice, ...] = ()
    everything: Choice
    is_test: bool = False

    def knows(self, key: str) -> bool:
        """Whether `key` may be chosen on this person's page."""
        return key in ("", ALL) or any(choice.key == key for choice in (self.own, *self.others))


def choices_of(ledger: Ledger, delivery: int) -> Choices | None:
    """What is open to the person of `delivery`; None if the ledger knows no such delivery."""
    person = ledger.returns.person(delivery)
    if person is None:
        return None
    lists = ledger.returns.lists_of(person.key)
    named = [Choice(one.list_key, one.name, standing(one.here)) for one in lists]
    own = [choice for choice in named if choice.key == person.list_key]
    return Choices(
        own=own[0] if own else Choice(person.list_key, person.list_name, Standing.ON),
        others=tuple(choice for choice in named if choice.key != person.list_key),
        everything=Choice(ALL, "", standing(lists[0].everywhere if lists else ())),
    )


def choices_of_a_test(just: Kind | None, list_key: str) -> Choices:
    """What the page of a test message shows: what was asked for, as if it had been done."""
    after = Standing.OFF if just is Kind.UNSUBSCRIBED else Standing.ON
    return Choices(
        own=Choice("", "", Standing.ON if list_key == ALL else after),
        everything=Choice(ALL, "", after if list_key == ALL else Standing.ON),
        is_test=True,
    )


def standing(reasons: Iterable[Reason]) -> Standing:
    """What entries for these reasons leave open: only one's own word can be taken back here."""
    found = set(reasons)
    if not found:
        return Standing.ON
    return Standing.OFF if found == {Reason.UNSUBSCRIBE} else Standing.STOPPED
