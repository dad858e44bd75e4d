"""What comes back after a message has gone: one way in for every kind of fact.

    a click on the unsubscribe link · a mail to the unsubscribe address · a bounce · a complaint ·
    a provider's event · a notice that the account has reached its limit

Whoever hears of something (`web`, the mailbox, a provider's webhook) makes a `Fact` of it and calls
`receive`; what a fact does to the ledger is decided in one place, `store.returns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult

if TYPE_CHECKING:
    from mailrunner.store import Ledger

__all__ = ["EventKind", "InboundEvent", "IngestResult", "receive"]


def receive(ledger: Ledger, facts: Sequence[InboundEvent]) -> list[IngestResult]:
    """Record `facts` in one durable transaction; say of each what it did, in their order.

    A fact whose fingerprint is known already changes nothing.  Raises LedgerError if nothing could be
    recorded: whoever brought the facts then says so (5xx, an unread message), and they come again.
    """
    return ledger.returns.receive(facts)
