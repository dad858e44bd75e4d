"""What the connections to one server share: how it bears being spoken to, beyond what it announces."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

_IMPROPER = re.compile(rb"pipelin|synchroni[sz]", re.IGNORECASE)


@dataclass(slots=True)
class ObservedCapabilities:
    """Shared by the connections to one server, for as long as they are used.

    `pipelining` and `chunking` turn False, and stay so, when a server that announced them cannot do
    them after all; `proven` turns True when a message has gone through with them.  `trust` is made by
    the first connection that needs it: to read the system's authorities takes longer than to connect.
    """

    pipelining: bool = True
    chunking: bool = True
    proven: bool = False
    trust: ssl.SSLContext | None = None

    def fall_back(self) -> None:
        """Speak command by command from the next connection on (RFC 2920 was announced in vain)."""
        self.pipelining = self.chunking = False


def is_improper(code: int, text: bytes) -> bool:
    """Say whether a refusal means that commands came before the server was ready for them.

    503 is "bad sequence of commands" (RFC 5321 §4.2.2), which in ours can only be the server's own
    reading of it; Postfix and Exim say it in words as well.
    """
    return code == 503 or (code >= 500 and bool(_IMPROPER.search(text)))
