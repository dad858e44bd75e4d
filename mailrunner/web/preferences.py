"""What is open to one person: which lists they get, which they left, and what only the sender can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mailrunner.inbound import EventKind
from mailrunner.model.inbound_event import ALL
from mailrunner.model.suppression import SuppressionReason

if TYPE_CHECKING:
    from mailrunner.store import Ledger


class SubscriptionState(StrEnum):
    """How a person stands to a list."""

    ON = "on"
    OFF = "off"  # left by the person, who may come back
    STOPPED = "stopped"  # a bounce, a complaint, the sender's own decision: not for this page to undo


@dataclass(frozen=True, slots=True)
class ListPreference:
    """One list, or all of them together where `key` is ALL."""

    key: str
    name: str
    standing: SubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The list that the link was about, the others, and all together."""

    own: ListPreference
    others: tuple[ListPreference, ...] = ()
    everything: ListPreference
    is_test: bool = False

    def knows(self, key: str) -> bool:
        """Whether `key` may be chosen on this person's page."""
        return key in ("", ALL) or any(choice.key == key for choice in (self.own, *self.others))


def preferences_of(ledger: Ledger, delivery: int) -> Preferences | None:
    """What is open to the person of `delivery`; None if the ledger knows no such delivery."""
    person = ledger.inbound_events.token_holder(delivery)
    if person is None:
        return None
    lists = ledger.inbound_events.lists_of(person.key)
    named = [ListPreference(one.list_key, one.name, standing(one.here)) for one in lists]
    own = [choice for choice in named if choice.key == person.list_key]
    return Preferences(
        own=own[0] if own else ListPreference(person.list_key, person.list_name, SubscriptionState.ON),
        others=tuple(choice for choice in named if choice.key != person.list_key),
        everything=ListPreference(ALL, "", standing(lists[0].everywhere if lists else ())),
    )


def preferences_of_test(just: EventKind | None, list_key: str) -> Preferences:
    """What the page of a test message shows: what was asked for, as if it had been done."""
    after = SubscriptionState.OFF if just is EventKind.UNSUBSCRIBED else SubscriptionState.ON
    return Preferences(
        own=ListPreference("", "", SubscriptionState.ON if list_key == ALL else after),
        everything=ListPreference(ALL, "", after if list_key == ALL else SubscriptionState.ON),
        is_test=True,
    )


def standing(reasons: Iterable[SuppressionReason]) -> SubscriptionState:
    """What entries for these reasons leave open: only one's own word can be taken back here."""
    found = set(reasons)
    if not found:
        return SubscriptionState.ON
    return SubscriptionState.OFF if found == {SuppressionReason.UNSUBSCRIBE} else SubscriptionState.STOPPED
