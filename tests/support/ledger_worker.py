"""A process that sends from a shared ledger: claim, `sending`, an answer, `record`; no server, no files.

    python -m tests.support.ledger_worker URL FOLDER CAMPAIGN LIMITS [HALT]

It prints what happens, one line each: `took N` (doubts taken over at its start), `sent ID`, `halted`
(after HALT messages, with one on the wire and others claimed, until a line comes in), `held WHY`.
The tests start it, kill it, and read its lines; they also use `enrol` and `terms` themselves.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailrunner.clock import SystemClock
from mailrunner.model.circuit_breaker import AnswerMark
from mailrunner.model.delivery import State
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.quota import Limit
from mailrunner.model.wait_reason import Wait
from mailrunner.store import (
    CampaignRecord,
    ClaimTerms,
    Delivery,
    Ledger,
    Phase,
    PlainSnapshotRow,
    Run,
    SendPermit,
)

BUCHAREST = ZoneInfo("Europe/Bucharest")
SENT = Decision(
    outcome=Outcome(OutcomeKind.SENT, Scope.RECIPIENT, ""), state=State.SENT, mark=AnswerMark.SENT
)
_PATIENCE = timedelta(seconds=10)


def enrol(ledger: Ledger, campaign_id: str, identity: str, people: int) -> CampaignRecord:
    """Write a begun campaign to so many people through this account."""
    account = ledger.accounts.ensure(identity)
    campaign = ledger.snapshots.begin(
        {
            "id": campaign_id,
            "file": f"campaigns/{campaign_id}.toml",
            "account_no": account.no,
            "account_name": identity,
            "list_key": "news",
            "list_name": "News",
            "kind": "bulk",
            "content": "{}",
            "content_digest": "c1",
            "message_digest": campaign_id,
            "list_mark": "{}",
            "columns": '["email"]',
            "message_domain": "example.org",
        },
        run_no=0,
    )
    assert campaign is not None
    keys = [f"{number}@{campaign_id}.example.org" for number in range(people)]
    ledger.snapshots.add(
        campaign.no,
        0,
        [PlainSnapshotRow(row, key, "", key, (key,)) for row, key in enumerate(keys, 2)],
        run_no=0,
    )
    ledger.snapshots.finish(campaign.no, run_no=0)
    assert ledger.campaigns.begin(campaign.no, seen=Phase.READY)
    return campaign


def terms(
    campaign: CampaignRecord, limits: Sequence[str], *, pace: Sequence[str] = (), reserve: int = 0
) -> ClaimTerms:
    """What claims of this campaign respect, days being those of Bucharest."""
    return ClaimTerms(
        campaign_no=campaign.no,
        account_no=campaign.account_no,
        lists=frozenset({"news"}),
        transactional=False,
        limits=[Limit.parse(text) for text in limits],
        pace=[Limit.parse(text) for text in pace],
        reserve=reserve,
        zone=BUCHAREST,
        content_digest="c1",
    )


class Worker:
    """One process's run of one campaign."""

    def __init__(self, ledger: Ledger, run: Run, at: ClaimTerms, halt: int | None) -> None:
        self._ledger, self._run, self._terms, self._halt = ledger, run, at, halt
        self._sent = 0

    def work(self) -> Wait:
        """Send until what holds the rest back lasts longer than a few seconds."""
        clock = SystemClock()
        while True:
            found = self._ledger.deliveries.claim(self._terms, token=self._run.next_token(), most=5)
            if isinstance(found, list):
                for delivery in found:
                    self._send(delivery)
            elif found.until is None or found.until - clock.now() > _PATIENCE:
                return found
            else:
                clock.wait(threading.Event(), found.until)

    def _send(self, delivery: Delivery) -> None:
        assert self._ledger.deliveries.begin_sending(delivery, self._terms) is SendPermit.GO
        if self._sent == self._halt:
            say("halted")
            sys.stdin.readline()
        say(f"sent {delivery.id}")  # the server has it from here on
        assert self._ledger.deliveries.record(delivery, self._terms, SENT)
        self._sent += 1


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(url: str, folder: str, campaign_id: str, limits: str, halt: str = "") -> None:
    with Ledger.open(folder=Path(folder), url=url, clock=SystemClock()) as ledger:
        campaign = ledger.campaigns.find(campaign_id)
        assert campaign is not None
        run = Run.begin(ledger.database)
        try:
            say(f"took {ledger.deliveries.take_over(own_run=run.no)}")
            worker = Worker(ledger, run, terms(campaign, limits.split()), int(halt) if halt else None)
            say(f"held {worker.work().reason}")
        finally:
            run.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
