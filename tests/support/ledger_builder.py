"""Campaigns in a ledger, and the steps of a run on them, each a batch of its own.

campaign = load_campaign(ledger, ["ana@example.org"])
terms = claim_terms(campaign, "500/24h")
(delivery,) = claim(ledger, terms, token=1)
send(ledger, terms, delivery)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, inspect

from mailrunner.model.circuit_breaker import AnswerMark
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.quota import Limit
from mailrunner.model.wait_reason import Wait
from mailrunner.store import (
    Answer,
    Batch,
    CampaignRecord,
    ClaimTerms,
    Delivery,
    Ledger,
    Phase,
    PlainSnapshotRow,
    SendPermit,
)

BUCHAREST = ZoneInfo("Europe/Bucharest")
IDENTITY = "gmail/ana@gmail.com"
SENT = Decision(
    outcome=Outcome(OutcomeKind.SENT, Scope.RECIPIENT, ""), state=State.SENT, mark=AnswerMark.SENT
)
IN_DOUBT = Decision(
    outcome=Outcome(OutcomeKind.IN_DOUBT, Scope.RECIPIENT, "the line was cut"),
    state=State.IN_DOUBT,
    reason="cut",
)


def campaign_values(campaign_id: str, ledger: Ledger, *, identity: str = IDENTITY) -> dict[str, Any]:
    """The columns of a campaign to the list "Club news"."""
    account = ledger.accounts.ensure(identity)
    return {
        "id": campaign_id,
        "file": f"campaigns/{campaign_id}.toml",
        "account_no": account.no,
        "account_name": "gmail",
        "list_key": "club news",
        "list_name": "Club news",
        "kind": "bulk",
        "content": "{}",
        "content_digest": "c1",
        "message_digest": "m1",
        "list_mark": "{}",
        "columns": '["email"]',
        "message_domain": "gmail.com",
    }


def load_campaign(
    ledger: Ledger,
    keys: Sequence[str],
    campaign_id: str = "spring",
    *,
    more: Sequence[PlainSnapshotRow] = (),
    identity: str = IDENTITY,
) -> CampaignRecord:
    """Write a snapshot of these keys, then of `more` in a chunk of its own, and begin the campaign."""
    campaign = ledger.snapshots.begin(campaign_values(campaign_id, ledger, identity=identity), run_no=0)
    assert campaign is not None
    rows = [PlainSnapshotRow(row, key, "", key, (key,)) for row, key in enumerate(keys, 2)]
    ledger.snapshots.add(campaign.no, 0, rows, run_no=0)
    if more:
        ledger.snapshots.add(campaign.no, len(rows), more, run_no=0)
    ledger.snapshots.finish(campaign.no, run_no=0)
    assert ledger.campaigns.begin(campaign.no, seen=Phase.READY)
    return campaign


def numbered_campaign(
    ledger: Ledger, campaign_id: str, recipients: int, *, identity: str = IDENTITY
) -> CampaignRecord:
    """A begun campaign to so many recipients of its own."""
    keys = [f"{number}@{campaign_id}.example.org" for number in range(recipients)]
    return load_campaign(ledger, keys, campaign_id, identity=identity)


def claim_terms(
    campaign: CampaignRecord, *limits: str, pace: Sequence[str] = (), reserve: int = 0
) -> ClaimTerms:
    """The terms of a run of this campaign; days are those of Bucharest."""
    return ClaimTerms(
        campaign_no=campaign.no,
        account_no=campaign.account_no,
        lists=frozenset({"club news"}),
        transactional=False,
        limits=[Limit.parse(text) for text in limits],
        pace=[Limit.parse(text) for text in pace],
        reserve=reserve,
        zone=BUCHAREST,
        content_digest="c1",
    )


def claim_or_wait(ledger: Ledger, terms: ClaimTerms, *, token: int, most: int = 10) -> list[Delivery] | Wait:
    """Claim as a run does: again, where all due recipients were suppressed."""
    while True:
        found = ledger.batches.commit(terms, Batch(wanted=most, token=token)).claimed
        if found:
            return found


def claim(ledger: Ledger, terms: ClaimTerms, token: int, most: int = 10) -> list[Delivery]:
    found = claim_or_wait(ledger, terms, token=token, most=most)
    assert isinstance(found, list), found
    return found


def refused_claim(ledger: Ledger, terms: ClaimTerms, token: int = 1) -> Wait:
    """The wait that a claim meets."""
    found = claim_or_wait(ledger, terms, token=token)
    assert isinstance(found, Wait), found
    return found


def begin_sending(ledger: Ledger, terms: ClaimTerms, delivery: Delivery) -> SendPermit:
    (permit,) = ledger.batches.commit(terms, Batch(starting=[delivery])).permits
    return permit


def record(ledger: Ledger, terms: ClaimTerms, delivery: Delivery, decision: Decision = SENT) -> bool:
    """Record an answer; False if the claim was lost."""
    (recorded,) = ledger.batches.commit(terms, Batch(answers=[Answer(delivery, decision)])).recorded
    return recorded is not None


def send(ledger: Ledger, terms: ClaimTerms, delivery: Delivery, decision: Decision = SENT) -> None:
    assert begin_sending(ledger, terms, delivery) is SendPermit.GO
    assert record(ledger, terms, delivery, decision)


def table_names(url: str) -> list[str]:
    """The tables of a database."""
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()
