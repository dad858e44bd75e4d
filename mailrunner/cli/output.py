"""The JSON answers and the sentences about a campaign: one shape for `run`, `status` and `resume`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailrunner.cli.exit_codes import Exit, of_hold
from mailrunner.event_log import rfc3339
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of

if TYPE_CHECKING:
    from mailrunner.errors import Problem
    from mailrunner.model.delivery import Counts
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


def exit_of(result: RunResult) -> Exit:
    """The exit code of one campaign's run."""
    code = of_hold(result.wait.reason)
    if code is Exit.DONE and (result.counts.failed or result.counts.in_doubt):
        return Exit.SOME_FAILED
    return code


def state_of(hold: Wait) -> str:
    """The word for `state`: what passes by itself is waiting."""
    return _STATES.get(hold.reason, "waiting")


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
        state=state_of(result.wait),
        counts=result.counts,
        sent_now=result.sent_now,
        reason=sentence_of(result.wait) if result.wait.reason is not WaitReason.DONE else "",
        resume_at=result.wait.until,
        finish_at=result.finish_at,
        notices=result.notices,
    )


def problem_objects(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """The `problems` array of JSON answers."""
    return [{"file": p.file, "key": p.key, "message": p.message, "hint": p.hint} for p in problems]


def account_object(
    name: str, *, paused_until: datetime | None, reason: str, rooms: Iterable[Room], reserve: int
) -> dict[str, Any]:
    """One account as `status` and `quota` show it."""
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
            }
            for room in rooms
        ],
        "reserve": reserve,
    }


def local(moment: datetime | None) -> str:
    """An instant for people, in their own time zone."""
    if moment is None:
        return "no date can be told"
    return moment.astimezone().strftime("%a %d %b %Y %H:%M")


def next_step(hold: Wait, campaign_id: str) -> str:
    """What to type, or that nothing need be typed."""
    return {
        WaitReason.CREDENTIALS: "mend user and password in mailrunner.toml or .env, then: "
        f"mailrunner run {campaign_id} (with --again if nothing needed mending)",
        WaitReason.STOPPED: f"who failed, if anybody: mailrunner report {campaign_id} --failed; "
        f"when it is mended, or to go on all the same: mailrunner run {campaign_id} --again",
        WaitReason.PAUSED: f"to go on: mailrunner unpause {campaign_id}",
        WaitReason.CANCELLED: f"to take people up again: mailrunner requeue {campaign_id} --skipped",
        WaitReason.SETUP: "mend the account in mailrunner.toml, then run again",
        WaitReason.DRIFT: f"to go on: mailrunner run {campaign_id}",
        WaitReason.DONE: f"who got what: mailrunner report {campaign_id}",
        WaitReason.INTERRUPTED: f"to go on: mailrunner run {campaign_id}",
    }.get(hold.reason, f"to go on: mailrunner run {campaign_id} (or mailrunner resume, by cron)")
