"""The end of a run in sentences: its numbers, the reason why it ended, and the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import complain, local
from mailrunner.model.number_and_noun import counted
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of

if TYPE_CHECKING:
    from mailrunner.rendering import InliningTally
    from mailrunner.sending.run import RunResult

_ENOUGH = 100  # messages; the share of compiled plans in fewer says nothing
_GOOD_SHARE = 0.8
_ERRORS = (WaitReason.CREDENTIALS, WaitReason.SETUP, WaitReason.STOPPED, WaitReason.SERVER)


def say_summary(context: CommandContext, result: RunResult) -> None:
    """Print how a run ended and what to type next."""
    counts, wait = result.counts, result.wait
    if inlining := _inlining(result.inlining):
        context.say(inlining)
    context.say(
        f"{result.campaign_id}: {result.sent_now:,} sent now, {counts.sent:,} of {counts.total:,} in all"
        + "".join(
            f", {number:,} {name}"
            for name, number in (
                ("left", counts.open),
                ("failed", counts.failed),
                ("in doubt", counts.in_doubt),
                ("suppressed", counts.suppressed),
                ("skipped", counts.skipped),
            )
            if number
        )
    )
    if wait.reason is not WaitReason.DONE:
        until = f"; goes on {local(wait.until)}" if wait.until else ""
        speak = complain if wait.reason in _ERRORS else context.say
        speak(f"{sentence_of(wait)}{until}")
        if counts.open:
            context.say(f"will be finished about {local(result.finish_at)}")
    context.say(_next_step(wait, result.campaign_id))


def _inlining(tally: InliningTally) -> str:
    """How the CSS of the messages was inlined; empty where it is not worth a line."""
    if tally.mismatch:
        return f"CSS: inlined by premailer for every message, as a plan gave another result: {tally.mismatch}"
    if tally.messages < _ENOUGH or tally.strict:
        return ""
    messages, plans = counted(tally.messages, "message"), counted(tally.plans, "plan")
    sentence = f"CSS: {tally.hits:,} of {messages} from {plans}"
    if tally.hits < _GOOD_SHARE * tally.messages:
        reasons = ", ".join(f"{reason} ({number:,})" for reason, number in tally.reasons.most_common(3))
        sentence += f"; the others took longer: {reasons}"
    return sentence


def _next_step(wait: Wait, campaign_id: str) -> str:
    """The command to type next, with what to do before it."""
    return {
        WaitReason.CREDENTIALS: "correct user and password in mailrunner.toml or .env, then: "
        f"mailrunner run {campaign_id} (with --again if they were right)",
        WaitReason.STOPPED: f"the failed recipients, if any: mailrunner report {campaign_id} --failed; "
        f"when it is corrected, or to go on all the same: mailrunner run {campaign_id} --again",
        WaitReason.PAUSED: f"to go on: mailrunner unpause {campaign_id}",
        WaitReason.CANCELLED: f"to queue the skipped again: mailrunner requeue {campaign_id} --skipped",
        WaitReason.SETUP: "correct the account in mailrunner.toml, then run again",
        WaitReason.DRIFT: f"to go on: mailrunner run {campaign_id}",
        WaitReason.DONE: f"the outcome for each recipient: mailrunner report {campaign_id}",
        WaitReason.INTERRUPTED: f"to go on: mailrunner run {campaign_id}",
    }.get(wait.reason, f"to go on: mailrunner run {campaign_id} (or mailrunner resume, by cron)")
