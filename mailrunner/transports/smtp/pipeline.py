"""The transactions of an SMTP connection as a state machine: replies in, bytes out; no socket, no clock.

Messages are `offer`ed; `unsent` is what may be written and `wrote` how much of it was; `heard` takes
the replies one by one; `settled` returns the outcomes of the messages.  A message is sent in one of
three ways, by what the server announced and what it was observed to support:

* plain: command by command;
* pipelined (RFC 2920): MAIL, RCPT and DATA in one write, and behind the end of one message's data
  those of the next, so that a message takes one round trip;
* chunked (RFC 3030): the content needs no 354.  With one content `in_flight` it still waits for the
  replies to its own MAIL and RCPT, which arrive with the reply to the content before: that costs no
  round trip, keeps the replies in step, and a connection lost before them costs no recipient.  With
  more, everything of a message goes at once.

Replies are matched to commands strictly in order.  Places in the stream of bytes tell what the
server can have seen, so that every message gets its own true outcome when the connection is lost.

A message may have a time within which its content must begin.  After that it is `held`: nothing of
its content, and nothing behind it, is written until it is `permit`ted anew or `withdraw`n.
"""

from __future__ import annotations

from collections import deque
from math import inf

from mailrunner.model.outcome import Outcome, Scope
from mailrunner.transports import Envelope
from mailrunner.transports.smtp.server_capabilities import Capabilities, ObservedCapabilities, is_out_of_step
from mailrunner.transports.smtp.session_outcome import SessionOutcomes
from mailrunner.transports.smtp.transaction import (
    CONTENT_ALONE,
    END_OF_DATA,
    POSITIVE,
    STAGES,
    UNKNOWN_COMMAND,
    CommandGroups,
    Groups,
    PipelineLimits,
    Question,
    Transaction,
    Verb,
    command,
    unfit_for,
)

_CLOSING = 421


class Pipeline:
    """One connection's transactions, from the login until `is_closed`.

    `capabilities` is what the server announced, `observed` what the connections to it share.  `now` is
    an instant in seconds of any steady clock.  `unsent` are the pieces of bytes to write.
    """

    def __init__(
        self,
        *,
        capabilities: Capabilities,
        judge: SessionOutcomes,
        observed: ObservedCapabilities,
        limits: PipelineLimits,
    ) -> None:
        self._capabilities, self._judge, self._observed = capabilities, judge, observed
        self._limits, self._left = limits, limits.messages
        self._pipelining = capabilities.pipelining and observed.pipelining
        self._chunking = self._pipelining and capabilities.chunking and observed.chunking
        self._pending: deque[Transaction] = deque()  # without an outcome that was returned
        self._waiting: deque[Transaction] = deque()  # those of which nothing is written yet
        self._current: Transaction | None = None  # the one that was begun last
        self._in_flight = 0  # those that were begun and have no outcome
        self._is_unused = True  # no message was answered yet
        self._asked: deque[Question] = deque()
        self.unsent: list[bytes | memoryview] = []
        self._said = self._written = 0  # bytes
        self._since = 0.0  # when the wait for the first question's reply began
        self._held: Transaction | None = None
        self._knows_groups = self._knows_behind = False  # what was answered on this connection
        self.is_closed = False

    # -- For the driver

    @property
    def capacity(self) -> int:
        """The number of messages that may be in flight; 1 until one was answered in the faster way."""
        if not (self._pipelining and self._observed.proven and self._observed.behind):
            return 1
        return self._limits.in_flight if self._chunking and self._limits.in_flight > 1 else 2

    @property
    def is_open(self) -> bool:
        """True while messages may be offered: neither lost nor full."""
        return not self.is_closed and self._left != 0

    @property
    def room(self) -> int:
        """The number of messages that may be offered now."""
        if self.is_closed:
            return 0
        free = self.capacity - len(self._pending)
        return max(0, free if self._left is None else min(free, self._left))

    @property
    def pending(self) -> int:
        """The number of messages without an outcome that was returned."""
        return len(self._pending)

    @property
    def is_at_rest(self) -> bool:
        """True if nothing is left to write and no reply is awaited."""
        return not self._asked and not self.unsent

    def offer(self, message: Envelope, now: float, *, within: float = inf) -> None:
        """Take a message; as much of it as may be written at once is then `unsent`.

        Its content must begin `within` so many seconds, or it is `held`.
        """
        new = Transaction(message, now + within)
        self._pending.append(new)
        if self._left is not None:
            self._left -= 1
        if unfit := unfit_for(message, self._capabilities, self._judge):
            new.outcome = unfit
        elif self.is_closed:
            new.outcome = self._judge.lost("the connection is closed")
        else:
            if not self._asked:
                self._since = now
            self._waiting.append(new)
            self.go_on()

    def settled(self) -> list[Outcome]:
        """Return, once, the outcomes of messages that have one, in the order they were offered."""
        outcomes = []
        while self._pending and (outcome := self._pending[0].outcome):
            self._pending.popleft()
            outcomes.append(outcome)
        return outcomes

    def next_bytes(self, now: float, *, begun: int = 0) -> bytes | memoryview:
        """Return in one piece the `unsent` bytes that may be written now: those before a content held.

        The first `begun` of them cannot be called back any more.
        """
        octets = self._joined()
        late = self._first_late(now, self._written + begun) if octets else None
        if late is None or late.held_at is None:
            return octets
        before = late.held_at - self._written
        self._held = None if before else late
        return octets[:before]

    def _joined(self) -> bytes | memoryview:
        if len(self.unsent) > 1:
            self.unsent = [b"".join(self.unsent)]
        return self.unsent[0] if self.unsent else b""

    def _first_late(self, now: float, written: int) -> Transaction | None:
        """The first message whose content is to be written, has not begun, and may not begin any more."""
        for each in self._pending:
            if each.begin_by < now and each.held_at is not None and each.held_at >= written:
                return each
        return None

    def wrote(self, number: int, now: float) -> None:
        """Note how many of the `next_bytes` were written."""
        rest = memoryview(self._joined())[number:]
        self.unsent = [rest] if rest else []
        if number and self._asked and self._written < self._asked[0].end:
            self._since = now
        self._written += number

    # -- A message held back

    @property
    def held(self) -> int | None:
        """The place among those `pending` of the message that is held back; None without one."""
        return self._pending.index(self._held) if self._held else None

    def permit(self, now: float, *, within: float) -> None:
        """Let the content of the message that is held begin after all, `within` so many seconds."""
        if self._held:
            self._held.begin_by, self._held = now + within, None

    def withdraw(self) -> None:
        """Take the message back that is held: it has no outcome, and its content is never written.

        Only a chunk can be left out.  Once it has accepted DATA, a server waits for a content.
        """
        one, place = self._held, self.held
        if one is None or place is None:
            return
        behind = [each for each in self._pending if each not in self._waiting][place + 1 :]
        self._cut_unsent(one)
        del self._pending[place]
        if not self._chunking:
            self._close("a message was withdrawn after the server had accepted DATA")
            return
        for each in reversed(behind):
            if not each.outcome:
                each.start_over()
                self._waiting.appendleft(each)
                self._in_flight -= 1
        self._in_flight -= 1
        self._current = None
        self._say(Verb.RSET, None, b"RSET\r\n")
        self.go_on()

    def _cut_unsent(self, one: Transaction) -> None:
        """Forget what was not written, and whose the replies are that `one` will still get."""
        self._held = None
        self.unsent.clear()
        self._said = self._written
        self._asked = deque(each for each in self._asked if each.end <= self._written)
        for question in self._asked:
            if question.of is one:
                question.of = None

    @property
    def deadline(self) -> float | None:
        """The instant until which the next reply is waited for; None if none is awaited."""
        return self._since + self._reply_timeout if self._asked else None

    def check_overdue(self, now: float) -> None:
        """Lose the connection once the awaited reply has not come in time."""
        if self._asked and now >= self._since + self._reply_timeout:
            self._note_silence()
            self.lost(f"there was no answer within {self._reply_timeout:g} s")

    @property
    def _reply_timeout(self) -> float:
        """Seconds for the next reply; more for the one to a message that is all written."""
        first = self._asked[0]
        final = first.verb in (Verb.END, Verb.BDAT) and self._written >= first.end
        return self._limits.final_timeout if final else self._limits.timeout

    # -- Replies, and the loss of the connection

    def heard(self, code: int, text: bytes, now: float) -> None:
        """Take a reply."""
        if not self._asked or self._written < self._asked[0].end:
            self._heard_early(code, text)
            return
        question = self._asked.popleft()
        verb, one = question.verb, question.of
        self._since = now
        if one:
            one.unanswered -= 1
            self._knows_behind = self._knows_behind or one.is_behind
        if code == _CLOSING:
            self._closing(question, code, text)
        elif one is None:
            if verb is Verb.RSET and code != 250:
                self.lost(f"it answered RSET with {code}")
        elif code // 100 == POSITIVE.get(verb) and not one.refusal:
            one.accepted = True
        else:
            self._answered(verb, one, code, text)

    def lost(self, reason: str) -> None:
        """The connection is of no use any more: settle each message by what the server can have of it."""
        cause, one = self._first(), self._in_envelope()  # those behind the first only rode along
        if one and self._pipelining and not self._observed.proven:
            self._observed.fall_back()
            cause = None
        elif one and one.is_behind and not self._knows_behind:
            self._observed.behind = False
        self._close(reason, cause)

    def _close(self, reason: str, cause: Transaction | None = None) -> None:
        """Settle all; the loss is charged to `cause` alone, to none where it was our doing."""
        self.is_closed = True
        self._held = None
        for each in self._pending:
            if not each.outcome:
                each.outcome = self._when_lost(each, reason, in_turn=each is cause)
        self._waiting.clear()
        self._asked.clear()
        self.unsent.clear()

    def _in_envelope(self) -> Transaction | None:
        """The message whose envelope is to be answered next, None if that is something else."""
        first = next((each for each in self._asked if each.verb is not Verb.RSET), None)
        return first.of if first and first.verb in POSITIVE else None

    def _note_silence(self) -> None:
        """No answer to a group of commands: they got lost on the way, whatever was answered before."""
        one = self._in_envelope() if self._pipelining else None
        if one and one.is_behind:
            self._observed.behind = False
        elif one and not self._knows_groups:
            self._observed.fall_back()

    def _when_lost(self, one: Transaction, reason: str, *, in_turn: bool) -> Outcome:
        if one.refusal:
            return self._refused(one, *one.refusal)
        if one.may_be_taken(self._written):
            return self._judge.in_doubt(f"did not say whether it took the message: {reason}")
        offered = one.is_offered(self._written)
        # A connection that had carried messages may have been closed before this one's turn came.
        begun = offered or (self._is_unused and self._written > 0)
        return self._judge.lost(reason, offered=offered, implicated=in_turn and begun)

    def _heard_early(self, code: int, text: bytes) -> None:
        """A reply before its command was all written: trusted only where it is a refusal."""
        question = self._asked[0] if self._asked else None
        if code == _CLOSING:
            self._closing(question, code, text)
        elif question and question.of and question.verb in (Verb.END, Verb.BDAT) and code >= 400:
            question.of.refuse(question.verb, code, text)
            self.lost("the server read no more of a message")
        elif code >= 400 and (one := self._current) and one.groups == CONTENT_ALONE and not one.unanswered:
            one.refuse(Verb.END, code, text)
            self.lost("the server took back its go-ahead for a message")
        else:
            self._out_of_step(f"the server spoke out of turn: {self._judge.words(code, text)}")

    def _closing(self, question: Question | None, code: int, text: bytes) -> None:
        """The server closes with a 421 (RFC 5321 §3.8), meant for the message whose turn it was."""
        if question and question.of:
            question.of.refuse(question.verb, code, text)
        elif (one := self._first()) and not one.may_be_taken(self._written):
            one.refuse(Verb.MAIL, code, text)
        self.lost(f"the server is closing the connection: {self._judge.words(code, text)}")

    def _first(self) -> Transaction | None:
        return next((each for each in self._pending if not each.outcome), None)

    def _out_of_step(self, reason: str) -> None:
        if self._pipelining:
            self._observed.fall_back()
        self.lost(reason)

    def _answered(self, verb: Verb, one: Transaction, code: int, text: bytes) -> None:
        if verb in (Verb.END, Verb.BDAT):
            self._answered_content(verb, one, code, text)
        elif code >= 400:
            one.refuse(verb, code, text)
        elif code // 100 != POSITIVE[verb]:
            self._out_of_step(f"it answered {verb} with {code}, out of step")
        elif verb is Verb.DATA and one.refusal:
            self._end_refused(refused=one.refusal[0])
        else:
            one.accepted = True
        if one.refusal and not one.unanswered and not self.is_closed:
            self._finish(one, *one.refusal)

    def _answered_content(self, verb: Verb, one: Transaction, code: int, text: bytes) -> None:
        if code < 300 and not one.refusal:
            self._settle(one, self._judge.accepted(code, text))
        elif code < 400:
            said = "an acceptance after a refusal" if code < 300 else "which says nothing"
            self._settle(one, self._judge.in_doubt(f"answered the whole message with {code}, {said}"))
            self._out_of_step("the server contradicts itself")
            return
        elif verb is Verb.BDAT and code in UNKNOWN_COMMAND:
            # It does not know the command, so it reads the message as commands: away from here.
            self._observed.chunking = False
            if not one.refusal:
                self._settle(one, self._judge.lost(f"it answered BDAT with {code}", offered=True))
            self.lost("the server does not know BDAT, which it announced")
            return
        else:
            one.refuse(verb, code, text)
        if self._pipelining:
            self._observed.proven = self._knows_groups = True

    def _end_refused(self, *, refused: Verb) -> None:
        """DATA was taken though the recipient was not: end it with no data (RFC 2920 §3.1)."""
        if refused is Verb.RCPT:
            self._say(Verb.END, None, b".\r\n")
        else:
            self._out_of_step(f"it accepted DATA after it had refused {refused}")

    def _finish(self, one: Transaction, verb: Verb, code: int, text: bytes) -> None:
        """Settle a refused message and bring the connection back to where the next one can begin."""
        if self._pipelining and verb is not Verb.END and is_out_of_step(code, text):
            said = f"it could not follow pipelined commands: {self._judge.words(code, text)}"
            self._settle(one, self._judge.lost(said, offered=one.is_offered(self._written)))
            self._out_of_step(said)
            return
        refused = self._refused(one, verb, code, text)
        self._settle(one, refused)
        if refused.scope is Scope.CONNECTION:
            self._retire()
            return
        # What is said already of a next message stands behind the end of this one's data, or behind a RSET.
        if not any(question.of for question in self._asked):
            self._say(Verb.RSET, None, b"RSET\r\n")

    def _retire(self) -> None:
        """The server wants a fresh connection: what is begun here is finished, nothing more begins."""
        self._left = 0
        for each in self._waiting:
            each.outcome = self._judge.lost("the server asked for a fresh connection")
        self._waiting.clear()

    def _settle(self, one: Transaction, outcome: Outcome) -> None:
        one.outcome = outcome
        self._in_flight -= 1
        self._is_unused = False

    def _refused(self, one: Transaction, verb: Verb, code: int, text: bytes) -> Outcome:
        offered = one.is_offered(self._written)
        return self._judge.refused(STAGES[verb], code, text, offered=offered, first=self._is_unused)

    def go_on(self) -> None:
        """Make `unsent` all that may be written now; to be called when every reply there is was `heard`."""
        while not self.is_closed and (one := self._next()):
            group, *rest = one.groups
            one.groups = tuple(rest)
            for verb in group:
                self._say(verb, one, *command(verb, one.message, self._capabilities))

    def _next(self) -> Transaction | None:
        """Return the transaction whose next group may be written now, a new one where that may begin."""
        one = self._current
        if one and one.unanswered and (one.groups or one.refusal):
            return None
        if one and one.groups:
            return one
        if not self._waiting or self._in_flight >= self.capacity or (self._asked and not self._pipelining):
            return None
        if self._in_flight and self._chunking:  # a chunk that is refused may leave its transaction open
            self._say(Verb.RSET, None, b"RSET\r\n")
        self._current = one = self._waiting.popleft()
        one.is_behind = self._in_flight > 0
        self._in_flight += 1
        one.groups = self._groups
        return one

    @property
    def _groups(self) -> Groups:
        at_once = self._limits.in_flight > 1 and self._observed.proven
        return CommandGroups.of(pipelining=self._pipelining, chunking=self._chunking, at_once=at_once)

    def _say(self, verb: Verb, one: Transaction | None, *octets: bytes) -> None:
        if one and verb in (Verb.END, Verb.BDAT):
            one.held_at = self._said
        self.unsent += octets
        self._said += sum(map(len, octets))
        self._asked.append(Question(verb, one, self._said))
        if one:
            one.unanswered += 1
            if verb is Verb.END:
                one.complete_at = self._said - len(END_OF_DATA)
            elif verb is Verb.BDAT:
                one.content_at, one.complete_at = self._said - len(octets[-1]), self._said - 1
