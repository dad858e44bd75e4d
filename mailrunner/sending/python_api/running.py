"""One run: its options, what hears its events, and how it ends early without a message in doubt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from types import FrameType
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.event_log import EventLog
from mailrunner.sending.hooks.delivery import Hooks
from mailrunner.sending.hooks.watch import RunWatch, tell_complaints
from mailrunner.sending.list_import import Confirmations
from mailrunner.sending.loop import SendLoop
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.python_api.status import CampaignStatus
from mailrunner.sending.recorder import RunTally
from mailrunner.sending.run import Callbacks, CampaignRun, RunOptions, RunResult
from mailrunner.store import Ledger


def run_options(
    *,
    limit: int | None = None,
    wait: bool = False,
    refresh: bool = False,
    accept_changes: bool = False,
    again: bool = False,
    by_hand: bool = False,
) -> RunOptions:
    """The options of a run; UserError where `limit` is no number of messages."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise UserError(
            Problem(f"{limit!r} is no number of messages", key="limit", hint="1 or more, or None")
        )
    confirmations = Confirmations(refresh=refresh, accept_changes=accept_changes, again=again)
    return RunOptions(confirmations=confirmations, limit=limit, wait=wait, by_hand=by_hand)


def send(
    prepared: PreparedCampaign,
    *,
    ledger: Ledger,
    log: EventLog,
    options: RunOptions,
    callbacks: Callbacks,
    hooks: Hooks,
) -> RunResult:
    """Run a prepared campaign once; its notices are logged too, and the hooks are told of its events."""
    watching, begun = RunWatch(hooks, prepared.campaign.id), threading.Event()

    def started(*given: Any) -> None:
        begun.set()
        callbacks.started(*given)

    def watch(tally: RunTally) -> None:
        watching.watch(tally)
        callbacks.watch(tally)

    result = CampaignRun(
        prepared,
        ledger=ledger,
        random=Random(),  # noqa: S311 - jitter, not secrets
        log=log,
        options=options,
        callbacks=replace(callbacks, started=started, watch=watch),
    ).run()
    status = CampaignStatus.of_run(result).as_dict()
    watching.ended(result.wait, status, sent=result.sent_now, was_sending=begun.is_set())
    tell_complaints(ledger, hooks)
    for notice in result.notices:
        log.notice(prepared.campaign.id, notice)
    return result


class RunEnding:
    """Ends a run early: asked by its program, by an error in what hears its events, or by Ctrl-C.

    Each way lets the messages in flight be finished and recorded first.
    """

    def __init__(self, on_event: Callable[[dict[str, Any]], None] | None) -> None:
        self._on_event = on_event
        self._loop: SendLoop | None = None
        self._is_wanted = False
        self._error: BaseException | None = None

    def started(self, loop: SendLoop, *_: object) -> None:
        """The run sends from now on."""
        self._loop = loop
        if self._is_wanted:
            loop.stop()

    def stop(self) -> None:
        """End the run; one that does not send yet ends before its first message."""
        self._is_wanted = True
        if self._loop is not None:
            self._loop.stop()

    def hear(self, event: dict[str, Any]) -> None:
        """Hand an event on; after an error no further one."""
        if self._on_event is None or self._error is not None:
            return
        try:
            self._on_event(event)
        except Exception as error:
            self._error = error
            self.stop()

    @contextmanager
    def by_interrupt(self) -> Iterator[None]:
        """Take Ctrl-C, where it would raise KeyboardInterrupt anyway: the second time it still does."""
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def raise_again(self) -> None:
        """Raise what has ended the run, now that all is recorded."""
        if self._error is not None:
            raise self._error

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        if self._loop is None or self._error is not None:
            raise KeyboardInterrupt
        self._error = KeyboardInterrupt()
        self.stop()
