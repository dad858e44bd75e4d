"""Notices what hooks are told of, while a run sends and when it ends."""

from __future__ import annotations

from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted
from mailrunner.model.wait_reason import Wait, WaitReason, sentence_of
from mailrunner.report.rates import event_counts
from mailrunner.sending.hooks.delivery import Hooks
from mailrunner.sending.hooks.events import HookEvent, HookKind
from mailrunner.sending.recorder import RunTally
from mailrunner.store import Ledger, Phase

_KINDS = {
    WaitReason.STOPPED: HookKind.STOPPED,
    WaitReason.CREDENTIALS: HookKind.STOPPED,
    WaitReason.SETUP: HookKind.STOPPED,
    WaitReason.PAUSED: HookKind.PAUSED,
    WaitReason.ACCOUNT_PAUSED: HookKind.PAUSED,
    WaitReason.DONE: HookKind.FINISHED,
}
_UNWATCHED = (Phase.LOADING, Phase.READY)


class RunWatch:
    """Watches one run of a campaign."""

    def __init__(self, hooks: Hooks, campaign: str) -> None:
        self._hooks, self._campaign = hooks, campaign
        self._doubts = 0
        self._waiting: Wait | None = None

    def watch(self, tally: RunTally) -> None:
        """Called a few times a second."""
        if tally.states["in_doubt"] > self._doubts:
            new = tally.states["in_doubt"] - self._doubts
            self._doubts = tally.states["in_doubt"]
            reason = f"{counted(new, 'message is', 'messages are')} in doubt"
            self._hooks.tell(HookEvent(HookKind.IN_DOUBT, self._campaign, reason), again=True)
        if tally.waiting is not None and tally.waiting != self._waiting:
            self._waiting = tally.waiting
            if tally.waiting.reason is WaitReason.ACCOUNT_PAUSED:
                self._tell(tally.waiting, {}, sent=tally.sent)

    def ended(self, wait: Wait, status: dict[str, object], *, sent: int, was_sending: bool) -> None:
        """The run has ended; of one that had nothing to do nothing is told."""
        if wait.reason is not WaitReason.DONE or was_sending:
            self._tell(wait, status, sent=sent)

    def _tell(self, wait: Wait, status: dict[str, object], *, sent: int) -> None:
        kind = _KINDS.get(wait.reason)
        if kind is not None:
            reason = "" if kind is HookKind.FINISHED else sentence_of(wait)
            is_new = sent > 0 and kind is not HookKind.PAUSED
            self._hooks.tell(HookEvent(kind, self._campaign, reason, status), again=is_new)


def tell_complaints(ledger: Ledger, hooks: Hooks) -> None:
    """Tell of each campaign whose share of complaints has reached what providers take notice of."""
    for record in ledger.campaigns.all():
        if record.phase in _UNWATCHED:
            continue
        with ledger.reports.reading(record.no) as reading:
            found = event_counts(reading.inbound_counts(), reading.counts())
        for one in found:
            if one.kind is EventKind.COMPLAINED and one.level in ("near", "above") and one.limit:
                where = f"{one.limit.act if one.level == 'above' else one.limit.notice} %"
                reason = f"above {where}, {counted(one.number, 'recipient')} complained ({one.percent:.2f} %)"
                hooks.tell(HookEvent(HookKind.COMPLAINT_RATE, record.id, reason))
