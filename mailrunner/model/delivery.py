"""The states of a delivery: this campaign to this recipient, the unit of the ledger.

`docs/states.md` says which statement makes which promise true; a test holds it against this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class State(StrEnum):
    """The state of a delivery; see `docs/states.md` for what a crash means in each."""

    QUEUED = "queued"  # to be sent, perhaps not before a time
    CLAIMED = "claimed"  # a worker holds it for a term
    SENDING = "sending"  # durable before the last byte that could make the server accept it
    SENT = "sent"  # the server's 250 is recorded
    FAILED = "failed"  # refused for good, given up, or its row cannot be rendered
    IN_DOUBT = "in_doubt"  # the server may have taken it; its answer was not seen or not recorded
    SUPPRESSED = "suppressed"  # on the suppression list when its turn came
    SKIPPED = "skipped"  # invalid or duplicate address, left the list, cancelled


IN_FLIGHT = (State.CLAIMED, State.SENDING)
OPEN = (State.QUEUED, *IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of a campaign's deliveries in each state; the keys of the `counts` object in JSON."""

    queued: int = 0
    in_flight: int = 0
    sent: int = 0
    failed: int = 0
    in_doubt: int = 0
    suppressed: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, by_state: Mapping[str, int]) -> Counts:
        """Fold the numbers by state; `claimed` and `sending` are both in flight."""
        named = {f.name: by_state.get(f.name, 0) for f in fields(cls)}
        named["in_flight"] = sum(by_state.get(state, 0) for state in IN_FLIGHT)
        return cls(**named)

    @property
    def total(self) -> int:
        return sum(self.as_dict().values())

    @property
    def open(self) -> int:
        return self.queued + self.in_flight

    def as_dict(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self)}
