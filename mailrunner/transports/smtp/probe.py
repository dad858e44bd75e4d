"""A look at a mail server without a login: does it greet, does its TLS verify, what does it call itself."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailrunner.clock import SystemClock
from mailrunner.errors import UserError
from mailrunner.model.outcome import Outcome, OutcomeKind
from mailrunner.transports import network
from mailrunner.transports.smtp.opening import SmtpOpening
from mailrunner.transports.smtp.session_outcome import SessionOutcomes


@dataclass(frozen=True, slots=True)
class ServerProbe:
    """`refusal` is why there is no session ("": there was one); `certificate_ends` is None without TLS.

    `is_away`: the server was not reached, or is busy; `takes_utf8`: it offers SMTPUTF8 (RFC 6531).
    """

    refusal: str = ""
    is_away: bool = False
    certificate_ends: datetime | None = None
    greeting_name: str = ""
    takes_utf8: bool = False


def probe(*, host: str, port: int, tls: str, ca_file: Path | None, timeout: float) -> ServerProbe:
    """Connect, turn to TLS, say QUIT; waits at most some times `timeout` seconds."""
    try:
        context = network.tls_context(ca_file) if tls != "none" else None
    except UserError as error:
        return ServerProbe(refusal=str(error))
    opened = SmtpOpening(
        host=host,
        port=port,
        tls=tls,
        context=context,
        user="",
        password=None,
        token="",
        timeout=timeout,
        local_hostname=None,
        judge=SessionOutcomes(host=host, provider="smtp", clock=SystemClock()),
    ).open()
    if isinstance(opened, Outcome):
        return ServerProbe(refusal=opened.reason, is_away=opened.kind is OutcomeKind.DEFERRED)
    session, capabilities = opened
    certificate = session.sock.getpeercert() if isinstance(session.sock, ssl.SSLSocket) else None
    greeting = (session.ehlo_resp or b"").split(b"\n")[0].split(b" ")[0].decode("ascii", "replace")
    with suppress(OSError):
        session.docmd("QUIT")
    session.close()
    return ServerProbe(
        certificate_ends=certificate_end(certificate),
        greeting_name=greeting[:255],
        takes_utf8=capabilities.smtputf8,
    )


def certificate_end(certificate: object) -> datetime | None:
    """The end of what `getpeercert` gave; None where that is nothing."""
    ends = certificate.get("notAfter") if isinstance(certificate, dict) else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
