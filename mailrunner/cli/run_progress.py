"""The JSON answer of a command that sends, by its own counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailrunner.model.delivery import Counts
from mailrunner.sending.python_api.status import CampaignStatus

if TYPE_CHECKING:
    from mailrunner.sending.recorder import RunTally


@dataclass(slots=True)
class RunProgress:
    """The messages sent by this command: `before` its last run, and in that, which began with `counts`."""

    counts: Counts
    tally: RunTally
    before: int = 0

    @property
    def sent_now(self) -> int:
        return self.before + self.tally.sent

    def as_object(self, campaign_id: str) -> dict[str, Any]:
        """The campaign by this command's own counts, for where the ledger cannot be read any more."""
        states = self.tally.states
        counts = {**self.counts.as_dict(), "in_flight": 0, "queued": self.counts.open}
        for state in counts.keys() & states.keys() - {"queued"}:
            counts[state] += states[state]
            counts["queued"] -= states[state]
        status = CampaignStatus(
            campaign=campaign_id, state="waiting", counts=Counts(**counts), sent_now=self.sent_now
        )
        return status.as_dict()
