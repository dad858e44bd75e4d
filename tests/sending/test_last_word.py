"""What a user says while a message waits behind another one's end reaches it before its content begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.suppression import SuppressionReason
from mailrunner.sending.run import RunResult
from mailrunner.store import Ledger
from tests.support.campaigns import CampaignInProcess, people
from tests.support.faults import Gate
from tests.support.smtp_client import CLOCK, Clients
from tests.support.smtp_server import CHUNKED, EXTENSIONS, SmtpServer

Act = Callable[[Ledger, int], object]


def suppress(ledger: Ledger, _: int) -> None:
    ledger.suppressions.add(["person2@example.org"], reason=SuppressionReason.MANUAL, source="by hand")


def pause(ledger: Ledger, campaign_no: int) -> None:
    ledger.campaigns.pause(campaign_no)


def cancel(ledger: Ledger, campaign_no: int) -> None:
    ledger.campaigns.cancel(campaign_no)


class HeldRun:
    """A run of three: the first is sent, the second waits for its answer, the third rode behind it."""

    def __init__(self, folder: Path, extensions: Sequence[str]) -> None:
        self._gate = Gate("eod", nth=2)
        self.server = SmtpServer(rules=[self._gate.rule], extensions=extensions)
        self.mailing = CampaignInProcess(folder, self.server).write(csv=people(3))
        self._results: list[RunResult] = []
        self._thread = threading.Thread(target=lambda: self._results.append(self.mailing.run()))

    def act(self, act: Act) -> RunResult:
        """Do this while the third waits; the answer to the second comes a second later."""
        with Clients(), self.server:
            self._thread.start()
            self._gate.await_arrival()
            while len(self.server.said("RCPT")) < 2 or not self._all_begun():
                time.sleep(0.01)
            with self.mailing.ledger() as ledger:
                found = ledger.campaigns.find("spring")
                assert found is not None
                act(ledger, found.no)
            CLOCK.ahead += 1.0
            self._gate.open()
            self._thread.join()
        return self._results[0]

    def _all_begun(self) -> bool:
        return self.states() == ["sent", "sending", "sending"]

    def states(self) -> list[str]:
        with self.mailing.ledger() as ledger:
            found = ledger.campaigns.find("spring")
            assert found is not None
            states = ledger.deliveries.states_of(found.no, [f"person{n}@example.org" for n in range(3)])
        return [states[f"person{n}@example.org"] for n in range(3)]


@pytest.mark.parametrize("extensions", [EXTENSIONS, CHUNKED], ids=["DATA", "BDAT"])
@pytest.mark.parametrize(
    ("act", "counts"),
    [
        (suppress, Counts(sent=2, suppressed=1)),
        (pause, Counts(sent=2, queued=1)),
        (cancel, Counts(sent=2, skipped=1)),
    ],
)
def test_a_recipient_suppressed_or_paused_while_a_message_waited_behind_another_gets_none(
    tmp_path: Path, extensions: Sequence[str], act: Act, counts: Counts
) -> None:
    held = HeldRun(tmp_path, extensions)
    assert held.act(act).counts == counts
    assert sorted(held.mailing.copies()) == ["person0@example.org", "person1@example.org"]


@pytest.mark.parametrize("extensions", [EXTENSIONS, CHUNKED], ids=["DATA", "BDAT"])
def test_a_message_that_waited_and_may_go_is_sent_once(tmp_path: Path, extensions: Sequence[str]) -> None:
    held = HeldRun(tmp_path, extensions)
    assert held.act(lambda *_: None).counts == Counts(sent=3)
    assert set(held.mailing.copies().values()) == {1}
    assert held.server.connections == 1


def test_a_message_that_was_held_back_costs_no_attempt_and_no_slot(tmp_path: Path) -> None:
    held = HeldRun(tmp_path, EXTENSIONS)
    held.act(pause)
    with held.mailing.ledger() as ledger, ledger.database.read() as connection:
        query = "SELECT attempts, token, account_no FROM deliveries WHERE state = 'queued'"
        assert connection.exec_driver_sql(query).fetchall() == [(0, None, None)]
