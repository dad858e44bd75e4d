"""`status --watch`: looked at again and again; drawn anew on a terminal, a line a minute in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple

from rich.console import Group
from rich.live import Live

from mailrunner.cli.bars import Drawing
from mailrunner.cli.context import CommandContext
from mailrunner.cli.signals import SIGNALS
from mailrunner.cli.status_text import campaign_line, status_lines
from mailrunner.clock import rfc3339
from mailrunner.errors import LedgerError

_ON_A_SCREEN, _IN_A_LOG = timedelta(seconds=2), timedelta(minutes=1)
_SHARE = 20  # a look may take one part of so many of the time: counting ten million rows takes a second
_OVER = ("finished", "cancelled")


class StatusLook(NamedTuple):
    """The campaigns, accounts and machines at one moment."""

    campaigns: Sequence[dict[str, Any]]
    accounts: Sequence[dict[str, Any]]
    machines: Sequence[dict[str, Any]]

    @property
    def is_over(self) -> bool:
        """True where all there is has ended."""
        return bool(self.campaigns) and all(found["state"] in _OVER for found in self.campaigns)


def watch_status(context: CommandContext, campaign: str | None) -> None:
    """Show the status until a signal, or until all campaigns have ended; a ledger that is away is awaited.

    No connection is held between two looks.
    """
    stop = threading.Event()
    on_screen = context.screen.is_terminal and not context.screen.is_dumb_terminal
    view = _ScreenView(context) if on_screen else _LogView(context)
    with SIGNALS.ending_by(stop.set), view.shown:
        look = StatusLook((), (), ())
        while not stop.is_set():
            began, trouble = time.monotonic(), ""
            try:
                look = _taken(context, campaign)
            except LedgerError as error:
                if not error.passing:
                    raise
                trouble = f"the ledger cannot be read now: {error.message}"
            view.show(look, trouble)
            if look.is_over and not trouble:
                return
            pause = max(view.every, _SHARE * timedelta(seconds=time.monotonic() - began))
            context.clock.wait(stop, context.clock.now() + pause)


def _taken(context: CommandContext, campaign: str | None) -> StatusLook:
    found = context.handle.status(campaign).as_dict()
    return StatusLook(found["campaigns"], found["accounts"], found["machines"])


class _LogView:
    """A line for each campaign that has not ended, and the last one when it has."""

    every = _IN_A_LOG

    def __init__(self, context: CommandContext) -> None:
        self.shown, self._context = nullcontext(), context
        self._ended: set[str] = set()

    def show(self, look: StatusLook, trouble: str) -> None:
        """Print the lines of one look."""
        at = rfc3339(self._context.clock.now())
        if trouble:
            self._context.result(f"{at} {trouble}")
            return
        for found in look.campaigns:
            if found["campaign"] not in self._ended:
                self._context.result(f"{at} {campaign_line(found)}")
            if found["state"] in _OVER:
                self._ended.add(found["campaign"])


class _ScreenView:
    """The whole status, drawn in the same place."""

    every = _ON_A_SCREEN

    def __init__(self, context: CommandContext) -> None:
        self._context, self._drawing = context, Drawing.of_stdout()
        self.shown = Live(
            console=context.screen, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def show(self, look: StatusLook, trouble: str) -> None:
        """Draw one look in the place of the one before."""
        at = f"{self._context.clock.now().astimezone():%H:%M:%S}"
        note = f"{trouble}; this is older than {at}" if trouble else f"as of {at}; Ctrl-C ends it"
        lines = [*status_lines(look.campaigns, look.accounts, self._drawing, look.machines), "", note]
        self.shown.update(Group(*map(self._context.drawn, lines)), refresh=True)
