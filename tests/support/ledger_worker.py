"""A process that sends from a shared ledger: claim, begin sending, record; no server, no files.

    python -m tests.support.ledger_worker URL FOLDER CAMPAIGN LIMITS [HALT]

It prints one line for each step: `recovered N` (in doubt since its start), `sent ID`, `halted` (after HALT
messages, with one in flight and others claimed, until a line comes in), `waits REASON`.  The tests start
it, kill it, and read its lines.
"""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from pathlib import Path

from mailrunner.clock import SystemClock
from mailrunner.model.wait_reason import Wait
from mailrunner.store import ClaimTerms, Delivery, Ledger, Run, SendPermit
from tests.support.ledger_builder import begin_sending, claim_or_wait, claim_terms, record

_PATIENCE = timedelta(seconds=10)


class Worker:
    """One process's run of one campaign."""

    def __init__(self, ledger: Ledger, run: Run, at: ClaimTerms, halt: int | None) -> None:
        self._ledger, self._run, self._terms, self._halt = ledger, run, at, halt
        self._sent = 0

    def work(self) -> Wait:
        """Send until what holds the rest back lasts longer than a few seconds."""
        clock = SystemClock()
        while True:
            found = claim_or_wait(self._ledger, self._terms, token=self._run.next_token(), most=5)
            if isinstance(found, list):
                for delivery in found:
                    self._send(delivery)
            elif found.until is None or found.until - clock.now() > _PATIENCE:
                return found
            else:
                clock.wait(threading.Event(), found.until)

    def _send(self, delivery: Delivery) -> None:
        assert begin_sending(self._ledger, self._terms, delivery) is SendPermit.GO
        if self._sent == self._halt:
            say("halted")
            sys.stdin.readline()
        say(f"sent {delivery.id}")  # the server has it from here on
        assert record(self._ledger, self._terms, delivery)
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
            say(f"recovered {ledger.deliveries.recover(own_run=run.no)}")
            worker = Worker(ledger, run, claim_terms(campaign, *limits.split()), int(halt) if halt else None)
            say(f"waits {worker.work().reason}")
        finally:
            run.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
