"""A collection: one look through a mailbox, everything of ours recorded and then filed.

First the facts are durable in the ledger, then their mails are filed.  A crash in between costs
nothing: the mail is met again, its fact is known already, and it is filed then.  Nothing is remembered
but in the ledger.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mailrunner.inbound.classify import MessageClassifier
from mailrunner.inbound.imap import ImapMailbox
from mailrunner.inbound.message import InboundMessage, UnreadableError
from mailrunner.model.inbound_event import EventKind, InboundEvent, IngestResult

if TYPE_CHECKING:
    from mailrunner.store import Ledger

_AT_ONCE = 100  # mails whose facts become durable together


@dataclass(slots=True)
class PollTally:
    """What one look found.

    `understood` counts what was new, by kind; `repeated` what the ledger knew already; `tests` what was
    about test messages, which changes nothing.
    """

    looked_at: int = 0
    understood: Counter[EventKind] = field(default_factory=Counter)
    repeated: int = 0
    tests: int = 0
    stays: bool = False  # the server cannot move: what was understood is marked as seen and lies in INBOX
    problems: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many were nobody's business and were left alone."""
        return self.looked_at - self.understood.total() - self.repeated - self.tests

    def count(self, kind: EventKind, effect: IngestResult) -> None:
        """Take note of what one mail did."""
        if effect is IngestResult.RECORDED:
            self.understood[kind] += 1
        elif effect is IngestResult.REPEATED:
            self.repeated += 1
        elif effect is IngestResult.TEST:
            self.tests += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxPoll:
    """How a mailbox is looked through; with `looking` nothing is recorded or filed."""

    ledger: Ledger
    sorter: MessageClassifier
    since: timedelta
    junk: bool = False
    looking: bool = False
    progress: Callable[[int, int], None] = lambda done, total: None

    def once(self, box: ImapMailbox) -> PollTally:
        """Look through the mailbox's folders; raises ServerAwayError and LedgerError."""
        return self._round(box, {})

    def watch(self, box: ImapMailbox, stop: threading.Event, tell: Callable[[PollTally], None]) -> None:
        """Look through the mailbox, then at what arrives, until `stop` is set; `tell` hears of each look."""
        seen: dict[str, int] = {}
        while not stop.is_set():
            tell(self._round(box, seen))
            box.wait(stop)

    def _round(self, box: ImapMailbox, seen: dict[str, int]) -> PollTally:
        """Look at what is newer than `seen` says of each folder; INBOX is the last and stays entered."""
        tally = PollTally()
        for folder in box.folders(junk=self.junk):
            era = box.enter(folder, looking=self.looking)
            numbers = box.numbers(self._first_day(), after=seen.get(era, 0))
            self._look(box, numbers, tally)
            seen[era] = max(numbers, default=seen.get(era, 0))
        return tally

    def _first_day(self) -> date:
        # One day more, as servers count days in their own time zone.
        return (self.ledger.now() - self.since).date() - timedelta(days=1)

    def _look(self, box: ImapMailbox, numbers: Sequence[int], tally: PollTally) -> None:
        for start in range(0, len(numbers), _AT_ONCE):
            chunk = numbers[start : start + _AT_ONCE]
            found = dict(self._facts(box, chunk, tally))
            if not self.looking:
                self._record(box, found, tally)
            else:
                tally.understood.update(fact.kind for fact in found.values())
            self.progress(min(start + _AT_ONCE, len(numbers)), len(numbers))

    def _facts(
        self, box: ImapMailbox, numbers: Sequence[int], tally: PollTally
    ) -> Iterator[tuple[int, InboundEvent]]:
        for number, header in box.headers(numbers):
            tally.looked_at += 1
            try:
                if not self.sorter.may_concern(header):
                    continue
                fact = self.sorter.understand(box.message(number))
            except UnreadableError as error:
                tally.problems.append(f"{_described(header)} was left alone: {error}")
                continue
            if fact is not None and self._is_known(fact):
                yield number, fact

    def _is_known(self, fact: InboundEvent) -> bool:
        """Whether we wrote to whom it is about: what strangers ask or report is for people to read."""
        if fact.delivery is not None or fact.kind is not EventKind.ASKED:
            return True
        from mailrunner.model.address import normalise

        try:
            key = normalise(fact.address).key
        except ValueError:
            return False
        return bool(self.ledger.suppressions.on_current_lists([key]))

    def _record(self, box: ImapMailbox, found: dict[int, InboundEvent], tally: PollTally) -> None:
        filed = []
        effects = self.ledger.inbound_events.ingest(list(found.values()))
        for (number, fact), effect in zip(found.items(), effects, strict=True):
            tally.count(fact.kind, effect)
            # What a person decides about stays where that person reads; so does what names nobody we know.
            if fact.kind is not EventKind.ASKED and effect is not IngestResult.UNKNOWN:
                filed.append(number)
        if not box.file(filed):
            tally.stays = True


def _described(header: bytes) -> str:
    """A mail for people: its date and sender, as far as they can be read."""
    try:
        mail = InboundMessage.read(header)
        subject, written = mail.field("Subject")[:60], mail.field("Date")[:31]
        return f'the mail "{subject}" from {mail.sender or "nobody"} ({written})'
    except Exception:  # it is told of because it cannot be read
        return "a mail whose header cannot be read"
