"""Opening an SMTP connection: connect, greet, turn to TLS, log in; or the outcome that stands in the way.

One mechanism, one try a connection, as every wrong login counts towards a lock-out.
"""

from __future__ import annotations

import base64
import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope, Stage
from mailrunner.transports import network
from mailrunner.transports.oauth import sasl
from mailrunner.transports.smtp.server_capabilities import Capabilities
from mailrunner.transports.smtp.session import SmtpSession
from mailrunner.transports.smtp.session_outcome import SessionOutcomes

_CONNECT_TIMEOUT = 30.0
# An opening as a whole has so many times the seconds of one reply: there are a dozen in it.
_OPENING = 2
_LONGEST_SIZE = 20  # digits (RFC 1870 §4)
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 §3.1
_MOST_NAMED = 8  # mechanisms, in a sentence


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SmtpOpening:
    """The way to one server; `context` is for TLS (None without), the rest as in `SmtpTransport`.

    With a `token` it logs in by that, not by `password`.
    """

    host: str
    port: int
    tls: str
    context: ssl.SSLContext | None
    user: str
    password: str | None
    token: str
    timeout: float
    local_hostname: str | None
    judge: SessionOutcomes

    def open(self) -> tuple[SmtpSession, Capabilities] | Outcome:
        """Return a session that is logged in and what its server announced, or why there is none.

        The outcome concerns no recipient and has `offered=False`.
        """
        try:
            session = self._connect()
        except OSError as error:
            return self._failure(error)
        try:
            ready = self._prepare(session)
        except OSError as error:  # the family that smtplib's and ssl's errors belong to
            ready = self._failure(error)
        if isinstance(ready, Outcome):
            session.close()
            return self.judge.redacted(replace(ready, offered=False))
        return session, ready

    def _connect(self) -> SmtpSession:
        total = _OPENING * self.timeout
        until = time.monotonic() + total
        addresses = network.resolve(self.host, self.port)
        sock = network.connect(addresses, min(self.timeout, _CONNECT_TIMEOUT), until=until)
        name = self.local_hostname or network.literal(sock)
        return SmtpSession(sock, name=name, timeout=self.timeout, total=total, until=until)

    def _prepare(self, session: SmtpSession) -> Capabilities | Outcome:
        """Go from the connection to the login; return what stands in the way, or raise OSError."""
        if self.tls == "implicit" and self.context:
            session.encrypt(self.context, self.host)
        code, text = session.getreply()
        if code != 220:
            return self.judge.answered(Stage.CONNECT, code, text)
        session.hello()
        if self.tls == "starttls" and self.context:
            if not session.has_extn("starttls"):
                return _misconfigured(
                    f"{self.host} port {self.port} offers no STARTTLS, and mail is not sent in the clear: "
                    'check `port` (465 wants tls = "implicit"), or whether something on the way removes it'
                )
            session.start_tls(self.context, self.host)
        capabilities = announced(session)
        return (self._log_in(session, capabilities.auth) if self.user else None) or capabilities

    def _log_in(self, session: SmtpSession, offered: Sequence[str]) -> Outcome | None:
        if not offered:
            return _misconfigured(
                f"{self.host} port {self.port} offers no login on this connection: check `tls` and `port`, "
                "or leave `user` out where the server asks for none"
            )
        if self.token:
            return self._log_in_by_token(session, offered)
        # PLAIN is RFC 4616's; LOGIN was never more than a draft, and is what some servers have.
        mechanism = next((each for each in ("PLAIN", "LOGIN") if each in offered), None)
        if mechanism is None:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, _no_mechanism(offered, self.host))
        code, text = _authenticate(session, mechanism, self.user, self.password or "")
        return None if code == 235 else self.judge.answered(Stage.AUTH, code, text)

    def _log_in_by_token(self, session: SmtpSession, offered: Sequence[str]) -> Outcome | None:
        mechanism = sasl.chosen(offered)
        if mechanism is None:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, _no_token_mechanism(offered, self.host))
        first = sasl.initial_response(
            mechanism, user=self.user, token=self.token, host=self.host, port=self.port
        )
        code, text = session.docmd("AUTH", f"{mechanism} {_base64(first)}")
        if code == 235:
            return None
        words = ""
        if code == 334:  # why it is refused; the refusal itself comes after our answer
            words = sasl.refusal_words(text)
            code, text = session.docmd(_base64(sasl.answer_to_refusal(mechanism)))
        if code == 235:
            return None
        outcome = self.judge.answered(Stage.AUTH, code, text)
        return replace(outcome, reason=f"{outcome.reason} [{words}]") if words else outcome

    def _failure(self, error: OSError) -> Outcome:
        """Judge what kept the connection from being opened."""
        if isinstance(error, smtplib.SMTPResponseException):
            return self.judge.answered(Stage.CONNECT, error.smtp_code, error.smtp_error)
        if isinstance(error, smtplib.SMTPException):
            hint = ' (port 465 wants tls = "implicit")' if self.port == 465 and self.tls != "implicit" else ""
            return _unreachable(f"{self.host} port {self.port}: {error}{hint}")
        if isinstance(error, ssl.SSLError) and (reason := network.tls_refusal(error, self.host, self.port)):
            return _misconfigured(reason)
        return _unreachable(network.explain(error, self.host, self.port))


def announced(session: smtplib.SMTP) -> Capabilities:
    """What the server announced in its last reply to EHLO."""
    return Capabilities(
        size=_size(session.esmtp_features.get("size", "")),
        smtputf8=session.has_extn("smtputf8"),
        eightbitmime=session.has_extn("8bitmime"),
        pipelining=session.has_extn("pipelining"),
        chunking=session.has_extn("chunking"),
        auth=_mechanisms(session.esmtp_features.get("auth", "")),
    )


def _size(announced: str) -> int | None:
    """The limit in bytes; None for 0, which is none (RFC 1870 §4), and for what is no number of that kind."""
    digits = announced.lstrip("0")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_SIZE
    return int(digits) if is_number else None


def _mechanisms(announced: str) -> tuple[str, ...]:
    """Each once; what cannot be the name of one is none."""
    return tuple(dict.fromkeys(filter(_MECHANISM.fullmatch, announced.upper().split())))


def _authenticate(session: smtplib.SMTP, mechanism: str, user: str, password: str) -> tuple[int, bytes]:
    """Run AUTH (RFC 4954) and return the last reply's code and text; 235 is success."""
    if mechanism == "PLAIN":
        return session.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}".encode()))
    code, text = session.docmd("AUTH", "LOGIN")
    for answer in (user, password):
        if code != 334:
            break
        code, text = session.docmd(_base64(answer.encode()))
    return code, text


def _no_mechanism(offered: Sequence[str], host: str) -> str:
    if sasl.chosen(offered):
        return f'{host} takes no password, only OAuth: set login = "oauth", as docs/login.md says'
    return f"{host} offers only {_named(offered)} to log in; mailrunner knows PLAIN and LOGIN"


def _no_token_mechanism(offered: Sequence[str], host: str) -> str:
    known = "XOAUTH2 and OAUTHBEARER"
    return f"{host} offers only {_named(offered)} to log in, and a token needs one of {known}: check `host`"


def _named(offered: Sequence[str]) -> str:
    return ", ".join([*offered[:_MOST_NAMED], *("…" for _ in offered[_MOST_NAMED : _MOST_NAMED + 1])])


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _unreachable(reason: str) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, reason, offered=False)


def _misconfigured(reason: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)
