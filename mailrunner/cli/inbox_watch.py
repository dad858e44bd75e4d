"""`inbox --watch`: each mailbox in a thread of its own, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.inbox_mailboxes import TIMEOUT, WatchedMailbox
from mailrunner.cli.inbox_output import login_problem, print_tally, tally_problems
from mailrunner.cli.output import complain, show_problems
from mailrunner.cli.signals import SIGNALS
from mailrunner.errors import LedgerError, UserError
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted

if TYPE_CHECKING:
    from mailrunner.inbound.poll import MailboxPoll, PollTally

_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 600.0  # seconds
_SLICE = 0.5


def watch_mailboxes(
    context: CommandContext,
    polls: Sequence[tuple[WatchedMailbox, MailboxPoll]],
    complained: Callable[[], None],
) -> Exit:
    """Read the mailboxes until SIGTERM or Ctrl-C; end earlier where none can be read any more.

    `complained` is called where complaints were read, and returns at once.
    """
    stop = threading.Event()
    watches = [_Watch(context, mailbox, poll, stop, complained) for mailbox, poll in polls]
    threads = [threading.Thread(target=watch.keep, daemon=True) for watch in watches]
    with SIGNALS.ending_by(stop.set):
        context.say(f"Watching {', '.join(watch.mailbox.imap.user for watch in watches)}; Ctrl-C ends it.")
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(_SLICE) if threads[0].is_alive() else stop.wait(_SLICE)
    if failure := next((watch.failure for watch in watches if watch.failure), None):
        raise failure
    context.say("Ended; everything that was read is recorded.")
    return first_of([watch.code for watch in watches])


@dataclass
class _Watch:
    """One mailbox: read, wait, and connect again with growing backoff where the server was unreachable."""

    context: CommandContext
    mailbox: WatchedMailbox
    poll: MailboxPoll
    stop: threading.Event
    complained: Callable[[], None]
    code: Exit = Exit.DONE
    failure: Exception | None = None
    _backoff: float = field(default=_FIRST_BACKOFF, init=False)

    def keep(self) -> None:
        """Watch until `stop`; an error in its settings ends this mailbox alone, a broken ledger all."""
        from mailrunner.inbound.imap import ImapLoginRefusedError, ImapUnavailableError

        while not self.stop.is_set():
            try:
                self._connected()
            except ImapUnavailableError as error:
                self._back_off(f"the mailbox of {self.mailbox.names} cannot be read now: {error}")
            except ImapLoginRefusedError as error:
                self.code = Exit.CREDENTIALS  # not tried again: each try counts towards a lock-out
                show_problems([login_problem(self.mailbox, error)])
                return
            except UserError as error:
                self.code = Exit.SETUP
                show_problems(error.problems)
                return
            except LedgerError as error:
                if not error.passing:
                    self.failure = error
                    self.stop.set()
                    return
                self._back_off(error.message)
            except Exception as error:  # a thread that died silently would look like a normal end
                self.failure = error
                self.stop.set()
                return

    def _connected(self) -> None:
        from mailrunner.inbound.imap import ImapMailbox

        imap, owner = self.mailbox.imap, self.mailbox.owner
        with ImapMailbox.open(imap, ca_file=owner.ca_file, timeout=min(owner.timeout, TIMEOUT)) as box:
            self.poll.watch(box, self.stop, self._print)

    def _print(self, tally: PollTally) -> None:
        self._backoff = _FIRST_BACKOFF
        show_problems(tally_problems(tally))
        if tally.understood[EventKind.COMPLAINED]:
            self.complained()
        if tally.understood:
            print_tally(self.context, self.mailbox, tally, looking=False)

    def _back_off(self, sentence: str) -> None:
        wait = self._backoff * random.uniform(0.5, 1)  # noqa: S311 - so that not all connect at once
        complain(sentence, f"tried again in {counted(round(wait), 'second')}")
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)
        self.stop.wait(wait)
