"""One pass over an IMAP mailbox: inbound events are recorded in the ledger, then their messages are moved.

The events are durable first.  A crash in between costs nothing: the message is met again, its event is
known already, and it is moved then.  Nothing is remembered but in the ledger.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.imap import INBOX, ImapMailbox
from mailrunner.inbound.message import InboundMessage, UnreadableError
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult

if TYPE_CHECKING:
    from mailrunner.store import Ledger

_BATCH = 100  # messages whose events become durable together


@dataclass(slots=True)
class PollTally:
    """Counts of one pass.

    `understood` counts the new events by kind; `repeated` those that the ledger knew already; `tests` those
    about test sends, which change nothing.
    """

    looked_at: int = 0
    understood: Counter[EventKind] = field(default_factory=Counter)
    repeated: int = 0
    tests: int = 0
    cannot_move: bool = False  # the server has no MOVE: messages are marked as seen and stay in INBOX
    problems: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Messages that are about none of ours and were not touched."""
        return self.looked_at - self.understood.total() - self.repeated - self.tests

    def count(self, kind: EventKind, result: IngestResult) -> None:
        """Count one event."""
        if result is IngestResult.RECORDED:
            self.understood[kind] += 1
        elif result is IngestResult.REPEATED:
            self.repeated += 1
        elif result is IngestResult.TEST:
            self.tests += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxPoll:
    """Polls a mailbox for inbound events.

    `since` is how far back, `junk` includes the folders for spam, with `dry_run` nothing is recorded or
    moved.  `progress` is called with how many messages of how many of a folder are done.
    """

    ledger: Ledger
    classifier: MessageClassifier
    since: timedelta
    junk: bool = False
    dry_run: bool = False
    progress: Callable[[int, int], None] = lambda done, total: None

    def once(self, mailbox: ImapMailbox) -> PollTally:
        """Make one pass over the mailbox's folders; raises ImapUnavailableError and LedgerError."""
        return self._pass(mailbox, {})

    def watch(
        self, mailbox: ImapMailbox, stop: threading.Event, on_pass: Callable[[PollTally], None]
    ) -> None:
        """Make a pass, then one for whatever arrives, until `stop` is set; `on_pass` gets each tally."""
        newest: dict[str, int] = {}
        while not stop.is_set():
            on_pass(self._pass(mailbox, newest))
            mailbox.wait(stop)

    def _pass(self, mailbox: ImapMailbox, newest: dict[str, int]) -> PollTally:
        """Read what is newer than `newest` says of each folder; INBOX is the last and stays selected."""
        tally = PollTally()
        for folder in (*(mailbox.folders("\\Junk") if self.junk else ()), INBOX):
            validity = mailbox.select(folder, readonly=self.dry_run)
            uids = mailbox.arrived_since(self._first_day(), after=newest.get(validity, 0))
            self._process(mailbox, uids, tally)
            newest[validity] = max(uids, default=newest.get(validity, 0))
        return tally

    def _first_day(self) -> date:
        # One day more, as servers count days in their own time zone.
        return (self.ledger.now() - self.since).date() - timedelta(days=1)

    def _process(self, mailbox: ImapMailbox, uids: Sequence[int], tally: PollTally) -> None:
        for start in range(0, len(uids), _BATCH):
            events = dict(self._events(mailbox, uids[start : start + _BATCH], tally))
            if self.dry_run:
                tally.understood.update(event.kind for event in events.values())
            else:
                self._record(mailbox, events, tally)
            self.progress(min(start + _BATCH, len(uids)), len(uids))

    def _events(
        self, mailbox: ImapMailbox, uids: Sequence[int], tally: PollTally
    ) -> Iterator[tuple[int, InboundEvent]]:
        """The event of each message that is about one of ours, by UID."""
        for uid, header in mailbox.headers(uids):
            tally.looked_at += 1
            try:
                if not self.classifier.may_concern(header):
                    continue
                event = self.classifier.understand(mailbox.message(uid))
            except UnreadableError as error:
                tally.problems.append(f"{_described(header)} was left alone: {error}")
                continue
            if event is not None and self._is_about_recipient(event):
                yield uid, event

    def _is_about_recipient(self, event: InboundEvent) -> bool:
        """False for requests and reports about addresses that no list of ours has: those are private mail."""
        if event.delivery is not None or event.kind is not EventKind.ASKED:
            return True
        from mailrunner.model.written_address import read_address

        try:
            key = read_address(event.address).address.key
        except ValueError:
            return False
        return bool(self.ledger.suppressions.on_current_lists([key]))

    def _record(self, mailbox: ImapMailbox, events: dict[int, InboundEvent], tally: PollTally) -> None:
        processed = []
        results = self.ledger.inbound_events.ingest(list(events.values()))
        for (uid, event), result in zip(events.items(), results, strict=True):
            tally.count(event.kind, result)
            # What a user decides about stays in the inbox; so does what names no recipient of this ledger.
            if event.kind is not EventKind.ASKED and result is not IngestResult.UNKNOWN:
                processed.append(uid)
        if not mailbox.move(processed):
            tally.cannot_move = True


def _described(header: bytes) -> str:
    """A message by its subject, sender and date, as far as they can be read."""
    try:
        message = InboundMessage.read(header)
        subject, written = message.field("Subject")[:60], message.field("Date")[:31]
        return f'the mail "{subject}" from {message.sender or "no sender"} ({written})'
    except Exception:  # it is reported because it cannot be read
        return "a mail whose header cannot be read"
