"""A server's SMTP extensions: those that it announced, and those that it was observed to support."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

_IMPROPER = re.compile(rb"pipelin|synchroni[sz]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Announced in the reply to EHLO: `size` in bytes (None: no limit named), `auth` the mechanisms."""

    size: int | None = None
    smtputf8: bool = False
    eightbitmime: bool = False
    pipelining: bool = False
    chunking: bool = False
    auth: tuple[str, ...] = ()


@dataclass(slots=True)
class ObservedCapabilities:
    """Observations that the connections to one server share, for as long as they are used.

    `pipelining` and `chunking` turn False, and stay so, when a server that announced them cannot do
    them after all; `proven` turns True when a message has been answered with them.  `behind` turns
    False when commands behind the end of a message got lost: the next message then waits for the
    answer to this one.  `tls_context` is made by the first connection that needs it: to read the
    system's authorities takes longer than to connect.
    """

    pipelining: bool = True
    chunking: bool = True
    proven: bool = False
    behind: bool = True
    tls_context: ssl.SSLContext | None = None

    def fall_back(self) -> None:
        """Send command by command from the next connection on (RFC 2920 was announced in vain)."""
        self.pipelining = self.chunking = False


def is_out_of_step(code: int, text: bytes) -> bool:
    """Tell a refusal that says that commands came before the server was ready for them.

    503 is "bad sequence of commands" (RFC 5321 §4.2.2), which in ours can only be the server's own
    reading of it; Postfix and Exim say it in words as well.  500 and 502 do not know the command: every
    server knows those of an envelope, so this one has read no more than a part of it.
    """
    return code in (500, 502, 503) or (code >= 500 and bool(_IMPROPER.search(text)))
