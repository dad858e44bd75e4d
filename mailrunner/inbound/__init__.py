"""Inbound events: mail of the account's mailbox and providers' webhooks, read into `InboundEvent`s.

    a click on the unsubscribe link · a mail to the unsubscribe address · a bounce · a complaint ·
    a provider's event · a notice that the account has reached its limit

`Ledger.inbound_events.ingest` records them and applies their effects, whichever way they came in.
"""

from __future__ import annotations

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult

__all__ = ["EventKind", "InboundEvent", "IngestResult"]
