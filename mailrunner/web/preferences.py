"""The lists of one subscriber, and the state of each: subscribed, unsubscribed, or stopped by the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mailrunner.inbound import EventKind
from mailrunner.model.inbound_event import ALL
from mailrunner.model.suppression import ALL_LISTS, SuppressionReason

if TYPE_CHECKING:
    from mailrunner.store import Ledger


SenderName = Callable[[str, str], str]  # of a campaign file and a domain


class SubscriptionState(StrEnum):
    """The state of a subscriber on a list."""

    ON = "on"
    OFF = "off"  # unsubscribed by the subscriber, who may subscribe again
    STOPPED = "stopped"  # a bounce, a complaint, the sender's own decision: not for this page to undo


@dataclass(frozen=True, slots=True)
class ListPreference:
    """One list; all of them together where `key` is ALL."""

    key: str
    name: str
    state: SubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The list of the link, the other lists, and all together.

    `own` is `everything` where the message was for no list.  `is_personal` is True where it concerned its
    recipient alone: such messages are sent on.  `sender` is who sent it, "" if that is not known.
    """

    own: ListPreference
    others: tuple[ListPreference, ...] = ()
    everything: ListPreference
    is_test: bool = False
    is_personal: bool = False
    sender: str = ""

    def has(self, key: str) -> bool:
        """True if `key` may be chosen on this subscriber's page."""
        return key in ("", ALL) or any(row.key == key for row in (self.own, *self.others))


def preferences_of(ledger: Ledger, delivery: int, sender: SenderName) -> Preferences | None:
    """The preferences of the recipient of `delivery`; None for an unknown delivery."""
    recipient = ledger.inbound_events.token_holder(delivery)
    if recipient is None:
        return None
    names = ledger.inbound_events.lists_of(recipient.key)
    reasons = ledger.inbound_events.reasons(recipient.key)

    def preference(key: str, name: str) -> ListPreference:
        return ListPreference(key, name, state_of(reasons.get(key, ())))

    everything = ListPreference(ALL, "", state_of(reasons.get(ALL_LISTS, ())))
    is_of_list = recipient.list_key != ALL_LISTS
    return Preferences(
        own=preference(recipient.list_key, recipient.list_name) if is_of_list else everything,
        others=tuple(preference(*named) for named in names.items() if named[0] != recipient.list_key),
        everything=everything,
        is_personal=not recipient.is_bulk,
        sender=sender(recipient.campaign_file, recipient.domain),
    )


def preferences_of_test(just: EventKind | None, list_key: str) -> Preferences:
    """The preferences on the page of a test message: the request, as if it had been recorded."""
    after = SubscriptionState.OFF if just is EventKind.UNSUBSCRIBED else SubscriptionState.ON
    return Preferences(
        own=ListPreference("", "", SubscriptionState.ON if list_key == ALL else after),
        everything=ListPreference(ALL, "", after if list_key == ALL else SubscriptionState.ON),
        is_test=True,
    )


def state_of(reasons: Iterable[SuppressionReason]) -> SubscriptionState:
    """The state for suppression entries with these reasons; a subscriber can undo an unsubscribe only."""
    found = set(reasons)
    if not found:
        return SubscriptionState.ON
    return SubscriptionState.OFF if found == {SuppressionReason.UNSUBSCRIBE} else SubscriptionState.STOPPED
