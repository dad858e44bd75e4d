"""`inbox --watch`: each mailbox in a thread of its own, until somebody ends it."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext, complain, show_problems
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.inbox import TIMEOUT, WatchedMailbox, problems_of, refused, show
from mailrunner.errors import LedgerError, UserError

if TYPE_CHECKING:
    from mailrunner.inbound.poll import MailboxPoll, PollTally

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 600.0  # seconds before a connection is tried again
_SLICE = 0.5


def watch(session: CommandContext, rounds: Sequence[tuple[WatchedMailbox, MailboxPoll]]) -> Exit:
    """Read the mailboxes until SIGTERM or Ctrl-C; end earlier where none can be read any more."""
    stop = threading.Event()
    watches = [_Watch(session, post, collection, stop) for post, collection in rounds]
    threads = [threading.Thread(target=one.keep, daemon=True) for one in watches]
    with _ending(stop):
        session.say(f"Watching {', '.join(one.post.imap.user for one in watches)}; Ctrl-C ends it.")
        for thread in threads:
            thread.start()
        # Short waits, so that signals are heard while nothing arrives.
        while any(thread.is_alive() for thread in threads):
            threads[0].join(_SLICE) if threads[0].is_alive() else stop.wait(_SLICE)
    if failure := next((one.failure for one in watches if one.failure), None):
        raise failure
    session.say("Ended; everything that was read is recorded.")
    return first_of([one.code for one in watches])


@dataclass
class _Watch:
    """One mailbox: read, wait, and connect again, later and later, where the server was away."""

    session: CommandContext
    post: WatchedMailbox
    collection: MailboxPoll
    stop: threading.Event
    code: Exit = Exit.DONE
    failure: Exception | None = None
    _pause: float = field(default=_FIRST_PAUSE, init=False)

    def keep(self) -> None:
        """Watch until the end; what a person must mend ends this mailbox alone, a broken ledger all."""
        from mailrunner.inbound.imap import ImapLoginRefusedError, ImapUnavailableError

        while not self.stop.is_set():
            try:
                self._connected()
            except ImapUnavailableError as error:
                self._wait(f"the mailbox of {self.post.names} cannot be read now: {error}")
            except ImapLoginRefusedError as error:
                self.code = Exit.CREDENTIALS  # not tried again: each try counts towards a lock-out
                show_problems(self.session, (refused(self.post, error),))
                return
            except UserError as error:
                self.code = Exit.SETUP
                show_problems(self.session, error.problems)
                return
            except LedgerError as error:
                if not error.passing:
                    self.failure = error
                    self.stop.set()
                    return
                self._wait(error.message)
            except Exception as error:  # a thread that died in silence would look like a good end
                self.failure = error
                self.stop.set()
                return

    def _connected(self) -> None:
        from mailrunner.inbound.imap import ImapMailbox

        imap, owner = self.post.imap, self.post.owner
        with ImapMailbox.open(imap, ca_file=owner.ca_file, timeout=min(owner.timeout, TIMEOUT)) as box:
            self.collection.watch(box, self.stop, self._tell)

    def _tell(self, tally: PollTally) -> None:
        self._pause = _FIRST_PAUSE
        show_problems(self.session, tuple(problems_of(tally)))
        if tally.understood:
            show(self.session, self.post, tally, looking=False)

    def _wait(self, sentence: str) -> None:
        wait = self._pause * random.uniform(0.5, 1)  # noqa: S311 - so that not all come back at once
        complain(sentence, f"tried again in {wait:.0f} seconds")
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self.stop.wait(wait)


@contextmanager
def _ending(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C set `stop`: what is being recorded and filed is finished first."""
    before = {
        number: signal.signal(number, lambda _number, _frame: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
