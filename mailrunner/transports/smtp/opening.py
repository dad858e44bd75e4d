"""Opening an SMTP connection: connect, greet, turn to TLS, log in; or the outcome that stands in the way.

One mechanism, one try a connection, as every wrong login counts towards a lock-out.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope, Stage
from mailrunner.transports import network
from mailrunner.transports.smtp.reply_outcome import ReplyJudge
from mailrunner.transports.smtp.server_capabilities import Capabilities
from mailrunner.transports.smtp.session import SmtpSession

_CONNECT_TIMEOUT = 30.0
_OAUTH = {"XOAUTH2", "OAUTHBEARER"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SmtpOpening:
    """The way to one server; `context` is for TLS (None without), the rest as in `SmtpTransport`."""

    host: str
    port: int
    tls: str
    context: ssl.SSLContext | None
    user: str
    password: str | None
    timeout: float
    local_hostname: str | None
    judge: ReplyJudge

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
        addresses = network.resolve(self.host, self.port)
        sock = network.connect(addresses, min(self.timeout, _CONNECT_TIMEOUT))
        sock.settimeout(self.timeout)
        name = self.local_hostname or network.literal(sock)
        if self.tls == "implicit" and self.context:
            sock = self.context.wrap_socket(sock, server_hostname=self.host)
        return SmtpSession(sock, name=name, timeout=self.timeout)

    def _prepare(self, session: SmtpSession) -> Capabilities | Outcome:
        """Go from the greeting to the login; return what stands in the way, or raise OSError."""
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
        # PLAIN is RFC 4616's; LOGIN was never more than a draft, and is what some servers have.
        mechanism = next((each for each in ("PLAIN", "LOGIN") if each in offered), None)
        if mechanism is None:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, _no_mechanism(offered, self.host))
        code, text = _authenticate(session, mechanism, self.user, self.password or "")
        return None if code == 235 else self.judge.answered(Stage.AUTH, code, text)

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
    size = session.esmtp_features.get("size", "")
    return Capabilities(
        size=int(size) if size.isascii() and size.isdigit() and int(size) else None,  # 0: no limit (RFC 1870)
        smtputf8=session.has_extn("smtputf8"),
        eightbitmime=session.has_extn("8bitmime"),
        pipelining=session.has_extn("pipelining"),
        chunking=session.has_extn("chunking"),
        auth=tuple(dict.fromkeys(session.esmtp_features.get("auth", "").upper().split())),
    )


def _authenticate(session: smtplib.SMTP, mechanism: str, user: str, password: str) -> tuple[int, bytes]:
    """Run AUTH (RFC 4954) and return the last reply's code and text; 235 is success."""
    if mechanism == "PLAIN":
        return session.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))
    code, text = session.docmd("AUTH", "LOGIN")
    for answer in (user, password):
        if code != 334:
            break
        code, text = session.docmd(_base64(answer))
    return code, text


def _no_mechanism(offered: Sequence[str], host: str) -> str:
    if _OAUTH & set(offered):
        return f"{host} needs OAuth to log in, which mailrunner cannot do yet: use an account with a password"
    return f"{host} offers only {', '.join(offered)} to log in; mailrunner knows PLAIN and LOGIN"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _unreachable(reason: str) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, reason, offered=False)


def _misconfigured(reason: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)
