"""The JSON answers of commands: one shape of a campaign for `run`, `resume`, `status` and `check`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mailrunner.clock import rfc3339
from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of

if TYPE_CHECKING:
    from mailrunner.errors import Problem
    from mailrunner.model.learned_fact import LearnedFact
    from mailrunner.model.quota import Room
    from mailrunner.sending.recorder import RunTally
    from mailrunner.sending.run import RunResult

_STATES = {
    WaitReason.DONE: "finished",
    WaitReason.PAUSED: "paused",
    WaitReason.CANCELLED: "cancelled",
    WaitReason.STOPPED: "stopped",
    WaitReason.CREDENTIALS: "stopped",
    WaitReason.SETUP: "ready",
    WaitReason.DRIFT: "ready",
}


def campaign_object(
    campaign_id: str,
    *,
    state: str,
    counts: Counts,
    sent_now: int = 0,
    reason: str = "",
    resume_at: datetime | None = None,
    finish_at: datetime | None = None,
    notices: Iterable[str] = (),
    problems: Iterable[Problem] = (),
) -> dict[str, Any]:
    """One campaign as JSON shows it; the keys are a contract."""
    return {
        "campaign": campaign_id,
        "state": state,
        "counts": counts.as_dict(),
        "total": counts.total,
        "sent_now": sent_now,
        "reason": reason,
        "resume_at": rfc3339(resume_at),
        "finish_at": rfc3339(finish_at),
        "notices": list(notices),
        "problems": problem_objects(problems),
    }


def result_object(result: RunResult) -> dict[str, Any]:
    """The answer of `run --json`."""
    return campaign_object(
        result.campaign_id,
        state=_state_of(result.wait),
        counts=result.counts,
        sent_now=result.sent_now,
        reason=sentence_of(result.wait) if result.wait.reason is not WaitReason.DONE else "",
        resume_at=result.wait.until,
        finish_at=result.finish_at,
        notices=result.notices,
    )


@dataclass(slots=True)
class RunProgress:
    """What this command sent of a campaign: `before` its last run, and in that, which began with `counts`."""

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
        return campaign_object(campaign_id, state="waiting", counts=Counts(**counts), sent_now=self.sent_now)


def _state_of(wait: Wait) -> str:
    """The value of `state`; every reason that passes by itself is "waiting"."""
    return _STATES.get(wait.reason, "waiting")


def problem_objects(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """The `problems` array of JSON answers."""
    return [{"file": p.file, "key": p.key, "message": p.message, "hint": p.hint} for p in problems]


class SlotReturns(NamedTuple):
    """How many slots of a limit come back in each `step` from `begin` on."""

    begin: datetime
    step: timedelta
    slots: Sequence[int]

    def as_object(self) -> dict[str, Any] | None:
        """As JSON shows it; None where no slot comes back."""
        if not any(self.slots):
            return None
        seconds = int(self.step.total_seconds())
        return {"from": rfc3339(self.begin), "every_seconds": seconds, "slots": list(self.slots)}


def account_object(
    name: str,
    *,
    paused_until: datetime | None,
    reason: str,
    rooms: Iterable[tuple[Room, SlotReturns]],
    reserve: int,
    learned: Iterable[LearnedFact] = (),
) -> dict[str, Any]:
    """One account as `status` and `quota` show it; `reserve` is a number of messages a day.

    With each room stand the slots that come back in the next 24 hours.
    """
    return {
        "name": name,
        "paused_until": rfc3339(paused_until),
        "reason": reason,
        "limits": [
            {
                "limit": str(room.limit),
                "used": room.used,
                "left": room.left,
                "next_slot_at": rfc3339(room.next_slot_at),
                "returns": returns.as_object(),
            }
            for room, returns in rooms
        ],
        "reserve": reserve,
        "learned": [
            {"fact": fact.name, "holds": fact.holds, "what": fact.sentence, "at": rfc3339(fact.at)}
            for fact in learned
        ],
    }
