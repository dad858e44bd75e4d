"""Inbound events about sent campaigns, and the state of the ledger after them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.report_rows import ReportRow
from mailrunner.store.schema import returns
from tests.support.ledger_builder import claim, claim_terms, load_campaign, send

DAY = timedelta(days=1)
ANA, BO = "ana@example.org", "bo@example.org"


def sent_campaign(
    ledger: Ledger, keys: list[str], campaign_id: str = "spring"
) -> tuple[CampaignRecord, list[int]]:
    """A begun campaign whose messages were all sent, and the numbers of its deliveries."""
    campaign = load_campaign(ledger, keys, campaign_id)
    terms = claim_terms(campaign)
    claimed = claim(ledger, terms, token=1, most=len(keys))
    for delivery in claimed:
        send(ledger, terms, delivery)
    return campaign, [delivery.id for delivery in claimed]


def event_of(kind: EventKind, delivery: int | None = None, **parts: Any) -> InboundEvent:
    """An event from the inbox, unless `source` is given."""
    return InboundEvent(kind=kind, source=parts.pop("source", "inbox"), delivery=delivery, **parts)


def ingest(ledger: Ledger, *events: InboundEvent) -> list[IngestResult]:
    return ledger.inbound_events.ingest(events)


def entries(ledger: Ledger, key: str = ANA) -> set[tuple[str, SuppressionReason]]:
    """The suppression entries of a key: list and reason."""
    return {(entry.list_key, entry.reason) for entry in ledger.suppressions.entries(key)}


def report_row(ledger: Ledger, campaign: CampaignRecord, place: int = 0) -> ReportRow:
    return list(ledger.reports.rows(campaign.no))[place]


def recent_answers(ledger: Ledger, campaign: CampaignRecord) -> str:
    found = ledger.campaigns.find(campaign.id)
    assert found is not None
    return found.recent


def recorded_events(ledger: Ledger) -> list[Any]:
    with ledger.database.read() as connection:
        return list(connection.execute(select(returns).order_by(returns.c.no)))
