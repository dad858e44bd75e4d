"""One message's way through SMTP: what is said for it, and in which groups (RFC 5321 §3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailrunner.model.outcome import Outcome, Stage
from mailrunner.transports import Envelope

# From its first byte on the server may take the message: everything before is the body.
END_OF_DATA = b"\r\n.\r\n"


class Verb(StrEnum):
    """What a reply may answer; `END` is the end of the data, `BDAT` a whole message with its command."""

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


class Manner:
    """Ways to say a message: the verbs of a group go out together, the next once all are answered."""

    PLAIN: Groups = ((Verb.MAIL,), (Verb.RCPT,), (Verb.DATA,), (Verb.END,))
    PIPELINED: Groups = ((Verb.MAIL, Verb.RCPT, Verb.DATA), (Verb.END,))  # RFC 2920 §3.1
    CHUNKED: Groups = ((Verb.MAIL, Verb.RCPT), (Verb.BDAT,))  # RFC 3030 §2
    AT_ONCE: Groups = ((Verb.MAIL, Verb.RCPT, Verb.BDAT),)


@dataclass(slots=True, eq=False)
class Transaction:
    """A message under way.

    `groups` are still to be said; `unanswered` counts the replies that are awaited; `accepted` is
    whether the server has taken any of its commands.  `content_at` and `complete_at` are places in
    the stream of all bytes written on the connection: the content's first byte, and the first byte
    with which the server may take the message.
    """

    message: Envelope
    groups: Groups = ()
    unanswered: int = 0
    accepted: bool = False
    refusal: tuple[Verb, int, bytes] | None = None
    content_at: int | None = None
    complete_at: int | None = None
    outcome: Outcome | None = None

    def refuse(self, verb: Verb, code: int, text: bytes) -> None:
        """Keep a refusal; the first is the cause of all that follow it.  Nothing more will be said."""
        self.groups = ()
        if self.refusal is None:
            self.refusal = verb, code, text

    def is_offered(self, written: int) -> bool:
        """Say whether the server has begun to take it, once that many bytes are written."""
        return self.accepted or (self.content_at is not None and written > self.content_at)

    def may_be_taken(self, written: int) -> bool:
        """Say whether the server may have it all, once that many bytes are written."""
        return self.complete_at is not None and written > self.complete_at


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
