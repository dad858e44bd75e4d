"""States of campaigns and accounts as values; `as_dict` gives the JSON objects of `--json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mailrunner.clock import rfc3339
from mailrunner.errors import Problem
from mailrunner.model.delivery import Counts
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of

if TYPE_CHECKING:
    from mailrunner.model.learned_fact import LearnedFact
    from mailrunner.model.quota import Room
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """One campaign: the same value for `run`, `status` and `check`.

    `state` is "new", "ready", "running", "waiting", "paused", "stopped", "cancelled" or "finished";
    `resume_at` is when it is worth going on, `finish_at` the forecast, afterwards the time it ended; both
    are aware, and None where there is none.  `sent_now` counts the messages of this run alone.
    """

    campaign: str
    state: str = "new"
    counts: Counts = Counts()  # noqa: RUF009 - it is frozen
    sent_now: int = 0
    reason: str = ""
    resume_at: datetime | None = None
    finish_at: datetime | None = None
    notices: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of_run(cls, result: RunResult) -> CampaignStatus:
        """The state in which a run left its campaign."""
        wait = result.wait
        return cls(
            campaign=result.campaign_id,
            state=_state_of(wait),
            counts=result.counts,
            sent_now=result.sent_now,
            reason=sentence_of(wait) if wait.reason is not WaitReason.DONE else "",
            resume_at=wait.until,
            finish_at=result.finish_at,
            notices=result.notices,
        )

    @property
    def total(self) -> int:
        """All rows of the list after `where`, invalid and duplicate ones included."""
        return self.counts.total

    def as_dict(self) -> dict[str, Any]:
        """The object that commands print; its keys are a contract."""
        return {
            "campaign": self.campaign,
            "state": self.state,
            "counts": self.counts.as_dict(),
            "total": self.total,
            "sent_now": self.sent_now,
            "reason": self.reason,
            "resume_at": rfc3339(self.resume_at),
            "finish_at": rfc3339(self.finish_at),
            "notices": list(self.notices),
            "problems": problem_objects(self.problems),
        }


class SlotReturns(NamedTuple):
    """The number of a limit's slots that come back in each `step` from `begin` on."""

    begin: datetime
    step: timedelta
    slots: Sequence[int]

    def as_object(self) -> dict[str, Any] | None:
        """As JSON shows it; None where no slot comes back."""
        if not any(self.slots):
            return None
        seconds = int(self.step.total_seconds())
        return {"from": rfc3339(self.begin), "every_seconds": seconds, "slots": list(self.slots)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """One account: its pause, and for each limit what is used and left.

    `reserve` is a number of messages a day; `paused_until` is aware, None where it is not paused.  With each
    limit stand, in `returns`, the slots that come back in the next 24 hours.
    """

    name: str
    paused_until: datetime | None
    reason: str
    limits: tuple[Room, ...]
    reserve: int
    returns: tuple[SlotReturns, ...]
    learned: tuple[LearnedFact, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The object that commands print; its keys are a contract."""
        return {
            "name": self.name,
            "paused_until": rfc3339(self.paused_until),
            "reason": self.reason,
            "limits": [
                {
                    "limit": str(room.limit),
                    "used": room.used,
                    "left": room.left,
                    "next_slot_at": rfc3339(room.next_slot_at),
                    "returns": returns.as_object(),
                }
                for room, returns in zip(self.limits, self.returns, strict=True)
            ],
            "reserve": self.reserve,
            "learned": [
                {"fact": fact.name, "holds": fact.holds, "what": fact.sentence, "at": rfc3339(fact.at)}
                for fact in self.learned
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """Every campaign that was begun, and every account; `notice` is about the machine's clock, or ""."""

    campaigns: tuple[CampaignStatus, ...]
    accounts: tuple[AccountStatus, ...]
    machines: tuple[Mapping[str, Any], ...] = ()
    notice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The object of `status --json`."""
        return {
            "campaigns": [campaign.as_dict() for campaign in self.campaigns],
            "accounts": [account.as_dict() for account in self.accounts],
            "machines": list(self.machines),
        }


def _state_of(wait: Wait) -> str:
    """The value of `state`; every reason that passes by itself is "waiting"."""
    return _STATES.get(wait.reason, "waiting")


def problem_objects(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """The `problems` array of JSON answers."""
    return [{"file": p.file, "key": p.key, "message": p.message, "hint": p.hint} for p in problems]
