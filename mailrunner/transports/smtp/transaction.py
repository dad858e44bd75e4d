"""One message's SMTP transaction (RFC 5321 §3.3): its commands, their order, and its state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from mailrunner.model.outcome import Outcome, Stage
from mailrunner.transports import Envelope
from mailrunner.transports.smtp.server_capabilities import Capabilities
from mailrunner.transports.smtp.session_outcome import SessionOutcomes

# From its first byte on the server may take the message: everything before is the body.
END_OF_DATA = b"\r\n.\r\n"
# What would end the path, the command or the line, and halves of characters that have no UTF-8.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f<>\ud800-\udfff]")


class Verb(StrEnum):
    """A command that has a reply; `END` is the end of the data, `BDAT` a whole message with its command."""

    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "."
    BDAT = "BDAT"


STAGES = {
    Verb.MAIL: Stage.MAIL,
    Verb.RCPT: Stage.RCPT,
    Verb.DATA: Stage.DATA,
    Verb.END: Stage.EOD,
    Verb.BDAT: Stage.EOD,
}

Groups = tuple[tuple[Verb, ...], ...]
# First digits of the replies after which an envelope goes on (RFC 5321 §4.3.2).
POSITIVE = {Verb.MAIL: 2, Verb.RCPT: 2, Verb.DATA: 3}
UNKNOWN_COMMAND = (500, 502)  # the command is not known, or not implemented
CONTENT_ALONE = ((Verb.END,),)  # all that is left of a message whose DATA was accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLimits:
    """The number of messages in flight, and the time for a reply.

    `in_flight` is how many contents may be unanswered, where the server takes chunks; `messages` how
    many the connection may carry (None: no limit).  `timeout` is the seconds to wait for a reply,
    `final_timeout` those for the reply that tells whether a message was taken.
    """

    in_flight: int
    timeout: float
    final_timeout: float
    messages: int | None = None


class CommandGroups:
    """A message's commands: those of a group are written together, the next group once all are answered."""

    PLAIN: Groups = ((Verb.MAIL,), (Verb.RCPT,), (Verb.DATA,), (Verb.END,))
    PIPELINED: Groups = ((Verb.MAIL, Verb.RCPT, Verb.DATA), (Verb.END,))  # RFC 2920 §3.1
    CHUNKED: Groups = ((Verb.MAIL, Verb.RCPT), (Verb.BDAT,))  # RFC 3030 §2
    AT_ONCE: Groups = ((Verb.MAIL, Verb.RCPT, Verb.BDAT),)

    @classmethod
    def of(cls, *, pipelining: bool, chunking: bool, at_once: bool) -> Groups:
        """The way for a connection that has these extensions; chunks are only sent pipelined."""
        if not pipelining:
            return cls.PLAIN
        if not chunking:
            return cls.PIPELINED
        return cls.AT_ONCE if at_once else cls.CHUNKED


@dataclass(slots=True, eq=False)
class Transaction:
    """A message in flight.

    Its content must begin before the instant `begin_by`.  `groups` are still to be written; `unanswered`
    counts the replies that are awaited; `accepted` is true once the server has taken any of its commands;
    `is_behind` if they were written behind the content of a message that had no answer.  `held_at`,
    `content_at` and `complete_at` are places in the stream of all bytes written on the connection: where
    it can be held, the content's first byte, and the first byte with which the server may take the message.
    """

    message: Envelope
    begin_by: float = inf
    groups: Groups = ()
    unanswered: int = 0
    accepted: bool = False
    is_behind: bool = False
    refusal: tuple[Verb, int, bytes] | None = None
    held_at: int | None = None
    content_at: int | None = None
    complete_at: int | None = None
    outcome: Outcome | None = None

    def refuse(self, verb: Verb, code: int, text: bytes) -> None:
        """Keep a refusal; the first is the cause of all that follow it.  No further command is written."""
        self.groups = ()
        if self.refusal is None:
            self.refusal = verb, code, text

    def start_over(self) -> None:
        """Forget all that was to be written; nothing of it was."""
        self.groups, self.unanswered = (), 0
        self.held_at = self.content_at = self.complete_at = None

    def is_offered(self, written: int) -> bool:
        """Tell whether the server has begun to take it, once `written` bytes are written."""
        return self.accepted or (self.content_at is not None and written > self.content_at)

    def may_be_taken(self, written: int) -> bool:
        """Tell whether the server may have it all, once `written` bytes are written."""
        return self.complete_at is not None and written > self.complete_at


@dataclass(slots=True, eq=False)
class Question:
    """A command whose reply is awaited; `end` is its last byte's place in the stream, plus one."""

    verb: Verb
    of: Transaction | None
    end: int


def unsafe_address(message: Envelope) -> str | None:
    """A sentence about an address that would be more than an address in a command; None if both are safe."""
    if not message.recipient:
        return "there is no address to send to"
    for address in (message.sender, message.recipient):
        if _UNSAFE.search(address):
            return f"{address!r} holds a character that no address may hold"
    return None


def unfit_for(message: Envelope, capabilities: Capabilities, judge: SessionOutcomes) -> Outcome | None:
    """The outcome of a message that is not offered, as its server announced not to take it; None: it is."""
    size = len(message.data)
    if capabilities.size is not None and size > capabilities.size:
        return judge.too_big(size, capabilities.size)
    problem = unsafe_address(message)
    if not problem and not capabilities.smtputf8 and _needs_smtputf8(message):
        problem = f"the address needs SMTPUTF8 (RFC 6531), which {judge.host} does not offer"
    if not problem and not capabilities.eightbitmime and not message.data.isascii():
        problem = f"the message has 8-bit text, which {judge.host} does not take"
    return judge.impossible(problem) if problem else None


def command(verb: Verb, message: Envelope, capabilities: Capabilities) -> tuple[bytes, ...]:
    """The bytes to write for `verb`, in pieces; MAIL with the parameters of RFC 1870, 6152 and 6531."""
    match verb:
        case Verb.MAIL:
            size = f" SIZE={len(message.data)}" if capabilities.size is not None else ""
            body = " BODY=8BITMIME" if capabilities.eightbitmime and not message.data.isascii() else ""
            utf8 = " SMTPUTF8" if _needs_smtputf8(message) else ""
            return (f"MAIL FROM:<{message.sender}>{size}{body}{utf8}\r\n".encode(),)
        case Verb.RCPT:
            return (f"RCPT TO:<{message.recipient}>\r\n".encode(),)
        case Verb.END:
            return stuffed(message)
        case Verb.BDAT:
            return b"BDAT %d LAST\r\n" % len(message.data), message.data
        case _:
            return (f"{verb}\r\n".encode(),)


def stuffed(message: Envelope) -> tuple[bytes, ...]:
    """A message for DATA: dots at line starts doubled (RFC 5321 §4.5.2), `END_OF_DATA` at its end.

    After a bare LF as well: a lax server could take such a dot for the end of the message.  One that
    says of itself that it `has_leading_dots` not is not searched: that costs as much as to render it.
    """
    content, first = message.data, b""
    if getattr(message, "has_leading_dots", True):
        # Searched backwards as that is three times as fast, and not copied where there is nothing to do.
        if content.rfind(b"\n.") >= 0:
            content = content.replace(b"\n.", b"\n..")
        first = b"." if content.startswith(b".") else b""
    return first, content, END_OF_DATA[2:] if content.endswith(b"\r\n") else END_OF_DATA


def _needs_smtputf8(message: Envelope) -> bool:
    return message.smtputf8 or not (message.sender + message.recipient).isascii()
