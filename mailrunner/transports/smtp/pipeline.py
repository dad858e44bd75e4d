"""The transaction phase of SMTP as a machine: replies go in, bytes to write come out; no socket, no clock.

Messages are `offer`ed; `unsent` is what may be written and `wrote` how much of it was; `heard` takes
the replies one by one; `settled` tells what came of the messages.  Three ways of speaking, as the
server announced and as it has borne so far (`Manners`):

* plain: command by command;
* pipelined (RFC 2920): MAIL, RCPT and DATA in one write, and behind the end of one message's data
  those of the next, so that a message takes one round trip;
* chunked (RFC 3030): the content needs no 354.  With one content `in_flight` it still waits for the
  replies to its own MAIL and RCPT, which arrive with the reply to the content before: that costs no
  round trip, keeps the replies in step, and a connection lost before them costs nobody.  With more,
  everything of a message goes at once.

Replies are matched to commands strictly in order.  Places in the stream of bytes tell what the
server can have seen, so that every message gets its own true outcome when the connection is lost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from mailrunner.model.outcome import Outcome, Stage
from mailrunner.transports import Capabilities, Envelope
from mailrunner.transports.smtp import envelope
from mailrunner.transports.smtp.reply_outcome import ReplyJudge
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities, is_improper
from mailrunner.transports.smtp.transaction import (
    END_OF_DATA,
    STAGES,
    Groups,
    Manner,
    Transaction,
    Verb,
    stuffed,
)

_CLOSING = 421
_UNKNOWN = (500, 502)  # the command is not known, or not implemented


@dataclass(slots=True, eq=False)
class _Question:
    """A command whose reply is awaited; `end` is its last byte's place in the stream, plus one."""

    verb: Verb
    of: Transaction | None
    end: int


class Pipeline:
    """One connection's transactions, from the login to `is_closed`.

    `able` is what the server announced; `in_flight` how many contents may be unanswered, where the
    server takes chunks.  `now` is an instant in seconds of any steady clock.
    """

    def __init__(
        self, *, able: Capabilities, judge: ReplyJudge, manners: ObservedCapabilities, in_flight: int
    ) -> None:
        self._able, self._judge, self._manners, self._in_flight = able, judge, manners, in_flight
        self._pipelining = able.pipelining and manners.pipelining
        self._chunking = self._pipelining and able.chunking and manners.chunking
        self._pending: deque[Transaction] = deque()  # without an outcome that was told
        self._waiting: deque[Transaction] = deque()  # those of which nothing is said yet
        self._current: Transaction | None = None  # the one that was begun last
        self._under_way = 0  # those that were begun and have no outcome
        self._asked: deque[_Question] = deque()
        self._outbox: list[bytes | memoryview] = []
        self._said = self._written = 0  # bytes
        self._since = 0.0  # when the wait for the first question's reply began
        self.is_closed = False

    # -- For whoever drives it

    @property
    def capacity(self) -> int:
        """How many messages may be under way; one until the server has shown that it can do it."""
        if not (self._pipelining and self._manners.proven):
            return 1
        return self._in_flight if self._chunking and self._in_flight > 1 else 2

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def is_at_rest(self) -> bool:
        """Say whether nothing is left to write and no reply is awaited."""
        return not self._asked and not self._outbox

    def offer(self, message: Envelope, now: float) -> None:
        """Take a message; what can be said of it at once is then `unsent`."""
        new = Transaction(message)
        self._pending.append(new)
        if problem := envelope.unsafe(message) or envelope.too_much(message, self._able, self._judge.host):
            new.outcome = self._judge.impossible(problem)
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

    def unsent(self) -> bytes | memoryview:
        """Return the bytes to write now."""
        if len(self._outbox) > 1:
            self._outbox = [b"".join(self._outbox)]
        return self._outbox[0] if self._outbox else b""

    def wrote(self, number: int, now: float) -> None:
        """Note how many of the `unsent` bytes were handed to the connection."""
        rest = memoryview(self.unsent())[number:]
        self._outbox = [rest] if rest else []
        if number and self._asked and self._written < self._asked[0].end:
            self._since = now
        self._written += number

    @property
    def waits_since(self) -> float | None:
        """When the wait for a reply began that is still awaited."""
        return self._since if self._asked else None

    @property
    def awaits_verdict(self) -> bool:
        """Say whether that reply tells if a message was taken, all of which is written."""
        return bool(
            self._asked
            and self._asked[0].verb in (Verb.END, Verb.BDAT)
            and self._written >= self._asked[0].end
        )

    # -- What the other end does

    def heard(self, code: int, text: bytes, now: float) -> None:
        """Take a reply."""
        if not self._asked or self._written < self._asked[0].end:
            self._heard_early(code, text)
            return
        question = self._asked.popleft()
        self._since = now
        if question.of:
            question.of.unanswered -= 1
        if code == _CLOSING:
            self._closing(question, code, text)
        elif question.of:
            self._answered(question.verb, question.of, code, text)
        elif question.verb is Verb.RSET and code != 250:
            self.lost(f"it answered RSET with {code}")

    def lost(self, reason: str) -> None:
        """The connection is of no use any more: settle every message by what the server can have of it."""
        if self._pipelining and not self._manners.proven and self._is_in_envelope():
            self._manners.fall_back()
        self.is_closed = True
        for each in self._pending:
            if not each.outcome:
                each.outcome = self._when_lost(each, reason)
        self._waiting.clear()
        self._asked.clear()
        self._outbox.clear()

    def _is_in_envelope(self) -> bool:
        return bool(self._asked) and self._asked[0].verb in (Verb.MAIL, Verb.RCPT, Verb.DATA)

    def _when_lost(self, one: Transaction, reason: str) -> Outcome:
        if one.refusal:
            return self._refused(one, *one.refusal)
        if one.may_be_taken(self._written):
            return self._judge.in_doubt(f"did not say whether it took the message: {reason}")
        return self._judge.lost(reason, offered=one.is_offered(self._written))

    def _heard_early(self, code: int, text: bytes) -> None:
        """A reply before its question was all said: to be believed only where it says no."""
        question = self._asked[0] if self._asked else None
        if code == _CLOSING:
            self._closing(question, code, text)
        elif question and question.of and question.verb in (Verb.END, Verb.BDAT) and code >= 400:
            question.of.refuse(question.verb, code, text)
            self.lost("the server read no more of a message")
        else:
            self._out_of_step(f"the server spoke out of turn: {self._judge.words(code, text)}")

    def _closing(self, question: _Question | None, code: int, text: bytes) -> None:
        """The server hangs up with a word (RFC 5321 §3.8), meant for the message that was its turn."""
        if question and question.of:
            question.of.refuse(question.verb, code, text)
        elif (one := self._first()) and not one.may_be_taken(self._written):
            one.refuse(Verb.MAIL, code, text)
        self.lost(f"the server is closing the connection: {self._judge.words(code, text)}")

    def _first(self) -> Transaction | None:
        return next((each for each in self._pending if not each.outcome), None)

    def _out_of_step(self, reason: str) -> None:
        if self._pipelining:
            self._manners.fall_back()
        self.lost(reason)

    # -- Replies

    def _answered(self, verb: Verb, one: Transaction, code: int, text: bytes) -> None:
        if verb in (Verb.END, Verb.BDAT):
            self._answered_content(verb, one, code, text)
        elif code >= 400:
            one.refuse(verb, code, text)
        elif code // 100 != (3 if verb is Verb.DATA else 2):
            self._out_of_step(f"it answered {verb} with {code}, out of step")
        elif verb is Verb.DATA and one.refusal:
            self._end_for_nobody(refused=one.refusal[0])
        else:
            one.accepted = True
        if one.refusal and not one.unanswered and not self.is_closed:
            self._finish(one, *one.refusal)

    def _answered_content(self, verb: Verb, one: Transaction, code: int, text: bytes) -> None:
        if code < 300 and not one.refusal:
            self._settle(one, self._judge.answered(Stage.EOD, code, text))
        elif code < 400:
            said = "an acceptance after a refusal" if code < 300 else "which says nothing"
            self._settle(one, self._judge.in_doubt(f"answered the whole message with {code}, {said}"))
            self._out_of_step("the server contradicts itself")
            return
        elif verb is Verb.BDAT and code in _UNKNOWN:
            # It does not know the command, so it reads the message as commands: away from here.
            self._manners.chunking = False
            if not one.refusal:
                self._settle(one, self._judge.lost(f"it answered BDAT with {code}", offered=True))
            self.lost("the server does not know BDAT, which it announced")
            return
        else:
            one.refuse(verb, code, text)
        if self._pipelining:
            self._manners.proven = True

    def _end_for_nobody(self, *, refused: Verb) -> None:
        """DATA was taken though the recipient was not: end it with no data (RFC 2920 §3.1)."""
        if refused is Verb.RCPT:
            self._say(Verb.END, None, b".\r\n")
        else:
            self._out_of_step(f"it accepted DATA after it had refused {refused}")

    def _finish(self, one: Transaction, verb: Verb, code: int, text: bytes) -> None:
        """Tell a refusal and bring the connection back to where the next message can begin."""
        if self._pipelining and verb is not Verb.END and is_improper(code, text):
            said = f"it could not follow pipelined commands: {self._judge.words(code, text)}"
            self._settle(one, self._judge.lost(said, offered=one.is_offered(self._written)))
            self._out_of_step(said)
            return
        self._settle(one, self._refused(one, verb, code, text))
        # What is said already of a next message stands behind the end of this one's data, or behind a RSET.
        if not any(question.of for question in self._asked):
            self._say(Verb.RSET, None, b"RSET\r\n")

    def _settle(self, one: Transaction, outcome: Outcome) -> None:
        one.outcome = outcome
        self._under_way -= 1

    def _refused(self, one: Transaction, verb: Verb, code: int, text: bytes) -> Outcome:
        return self._judge.refused(STAGES[verb], code, text, offered=one.is_offered(self._written))

    # -- Speaking

    def go_on(self) -> None:
        """Say all that may be said now; to be called when everything there is was heard."""
        while not self.is_closed and (one := self._next()):
            group, *rest = one.groups
            one.groups = tuple(rest)
            for verb in group:
                self._speak(verb, one)

    def _next(self) -> Transaction | None:
        """Return the transaction whose next group may be said now, a new one where that may begin."""
        one = self._current
        if one and one.unanswered and (one.groups or one.refusal):
            return None
        if one and one.groups:
            return one
        if not self._waiting or self._under_way >= self.capacity or (self._asked and not self._pipelining):
            return None
        if self._under_way and self._chunking:  # a chunk that is refused may leave its transaction open
            self._say(Verb.RSET, None, b"RSET\r\n")
        self._current = one = self._waiting.popleft()
        self._under_way += 1
        one.groups = self._manner
        return one

    @property
    def _manner(self) -> Groups:
        if not self._pipelining:
            return Manner.PLAIN
        if not self._chunking:
            return Manner.PIPELINED
        return Manner.AT_ONCE if self._in_flight > 1 and self._manners.proven else Manner.CHUNKED

    def _speak(self, verb: Verb, one: Transaction) -> None:
        match verb:
            case Verb.MAIL:
                self._say(verb, one, envelope.mail(one.message, self._able))
            case Verb.RCPT:
                self._say(verb, one, envelope.rcpt(one.message))
            case Verb.DATA:
                self._say(verb, one, b"DATA\r\n")
            case Verb.END:
                self._say(verb, one, *stuffed(one.message))
                one.complete_at = self._said - len(END_OF_DATA)
            case Verb.BDAT:
                content = one.message.data
                self._say(verb, one, b"BDAT %d LAST\r\n" % len(content), content)
                one.content_at, one.complete_at = self._said - len(content), self._said - 1

    def _say(self, verb: Verb, one: Transaction | None, *octets: bytes) -> None:
        self._outbox += octets
        self._said += sum(map(len, octets))
        self._asked.append(_Question(verb, one, self._said))
        if one:
            one.unanswered += 1
