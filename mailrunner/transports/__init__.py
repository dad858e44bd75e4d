"""Transports: the protocol of all ways in which a message leaves this machine.

To add one, write a module here with a class that has what `Transport` names.  What a server says
or does is always a value, an `Outcome`; a transport raises nothing but `UserError`, and that only
where it is built.  One that is used alone waits by itself:

    blocked = transport.open()          # None: ready
    outcome = transport.send(message)   # as often as there are messages
    transport.close()

One thread drives many by asking each what it can take and waiting for all of them at once:

    while transport.room:
        transport.offer(next_message)
    for outcome in transport.pump(): …  # in the order in which the messages were offered
    poller.note(transport)              # waits for its `stream`

A transport is used by one thread at a time.  Two promises carry the whole product.  `SENT` means
that the server's own acceptance of this very message was read.  `DEFERRED` and `REFUSED` mean that
it provably did not take it.  Everything between is `IN_DOUBT`.
"""

from __future__ import annotations

from math import inf
from typing import Protocol

from mailrunner.model.outcome import Outcome


class Envelope(Protocol):
    """A message as it goes over the wire: `data` is complete, with CRLF line ends.

    One whose maker knows that no line begins with a dot says so with `has_leading_dots = False`.
    """

    @property
    def sender(self) -> str: ...

    @property
    def recipient(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def smtputf8(self) -> bool: ...


class Stream(Protocol):
    """The socket and deadline to wait for, in order to go on with a connection."""

    def fileno(self) -> int:
        """The number of the socket."""
        ...

    @property
    def wants_write(self) -> bool:
        """True to wait for room to write as well, not only for something to read."""
        ...

    @property
    def deadline(self) -> float | None:
        """The instant of `time.monotonic` after which `pump` gives up waiting; None: nothing is awaited."""
        ...


class Transport(Protocol):
    """One connection to a provider."""

    def open(self) -> Outcome | None:
        """Connect and log in unless that is done; return None when ready, otherwise why not.

        Waits, so it may be called in a thread of its own.  The outcome never concerns a recipient
        and has `offered=False`.
        """
        ...

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message and wait for its outcome, opening the connection first if need be.

        Not to be mixed with messages that were offered and are still pending.
        """
        ...

    def close(self) -> None:
        """Close within a few seconds; never raises.  `pump` then returns the outcomes of what was pending."""
        ...

    @property
    def is_open(self) -> bool:
        """True while messages may be offered without opening first.

        False once the connection has carried its share of messages or is lost; `pump` on an idle one
        notices that.
        """
        ...

    @property
    def room(self) -> int:
        """The number of messages that may be offered now; 0 when full or not open."""
        ...

    @property
    def pending(self) -> int:
        """The number of messages that were offered and whose outcome `pump` has not returned yet."""
        ...

    def offer(self, message: Envelope, *, within: float = inf) -> None:
        """Hand a message over without waiting; its bytes may go out with the next `pump`.

        Its content must begin `within` so many seconds; where it has not, it is `held`.
        """
        ...

    @property
    def held(self) -> int | None:
        """The place among those pending of the message whose content may not begin any more.

        It waits for `permit` or `withdraw`, and so do all behind it.  None without one.
        """
        ...

    def permit(self, *, within: float) -> None:
        """Let the message that is held go on: its content must begin `within` so many seconds."""
        ...

    def withdraw(self) -> None:
        """Take the message back that is held: it gets no outcome, and its content is never written.

        May close the connection.
        """
        ...

    def pump(self) -> list[Outcome]:
        """Write and read what is possible without waiting.

        Return the outcomes of the messages that are settled now, in the order they were offered.
        Reads before it writes: what the server has sent meanwhile counts first.  May close the
        connection, after which `stream` is None.
        """
        ...

    @property
    def stream(self) -> Stream | None:
        """What to wait for before the next `pump`; None without a connection."""
        ...
