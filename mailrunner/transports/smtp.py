"""Handing messages to a mail server by SMTP (RFC 5321), as a client that submits (RFC 6409).

One object is one connection with one login, reused for message after message.  The reply at every
stage is kept and judged by `mailrunner.replies`; this module knows what only the wire can tell:
whether the server can have taken the message when an answer is missing.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailrunner import replies
from mailrunner.clock import Clock, SystemClock
from mailrunner.outcome import Kind, Outcome, Scope, Stage
from mailrunner.transports import Capabilities, Envelope, login, network, tls
from mailrunner.transports.session import END_OF_DATA, Session

_CONNECT_TIMEOUT = 30.0
_FAREWELL_TIMEOUT = 2.0
# What would end the path, the command or the line, and halves of characters that have no UTF-8.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f<>\ud800-\udfff]")


@dataclass(kw_only=True, slots=True, repr=False)
class SmtpTransport:
    """An SMTP account's connection; `tls` is "implicit", "starttls" or "none".

    `provider` is the preset's name, for judging replies; no `user` means no login.  `timeout` is
    the seconds for a command's answer, `final_timeout` for the one that tells whether the message
    was taken (RFC 5321 §4.5.3.2.6: a short one makes duplicates).  `local_hostname` is what EHLO
    says instead of this end's address; `clock` turns an instant that a reply names into a wait.
    Raises UserError for a `ca_file` that is of no use.
    """

    host: str
    port: int
    tls: str
    user: str
    password: str | None
    provider: str
    timeout: float
    final_timeout: float = 600.0
    messages_per_connection: int | None = None
    ca_file: Path | None = None
    local_hostname: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    _context: ssl.SSLContext | None = field(init=False, default=None)
    _session: Session | None = field(init=False, default=None)
    _capabilities: Capabilities = field(init=False, default=Capabilities())
    _handed_over: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.tls != "none":
            self._context = tls.trusting(self.ca_file)

    def open(self) -> Outcome | None:
        """Connect and log in unless that is done; return None when ready, otherwise why not."""
        ready = self._ready()
        return self._discreet(ready) if isinstance(ready, Outcome) else None

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message, opening the connection first where it is closed."""
        return self._discreet(self._send(message))

    def _send(self, message: Envelope) -> Outcome:
        if problem := _unsafe(message):
            return _impossible(problem)
        session = self._ready()
        if isinstance(session, Outcome):
            return session
        if problem := self._cannot_carry(message):
            return _impossible(problem)
        self._handed_over += 1
        try:
            return self._transact(session, message)
        except BaseException:
            session.close()  # half a message must never become the beginning of the next one
            raise

    def close(self) -> None:
        """Say QUIT if that is possible within a few seconds; never raises."""
        session, self._session = self._session, None
        if session is None:
            return
        session.timeout = min(self.timeout, _FAREWELL_TIMEOUT)
        with suppress(OSError):
            session.docmd("QUIT")
        session.close()

    def probe(self) -> Capabilities:
        """Return what the server announced at the last `open` that got as far as that."""
        return self._capabilities

    # -- Opening

    def _ready(self) -> Session | Outcome:
        """Return the session to use, a new one where there is none or it has carried its share."""
        if self._session and self._handed_over == self.messages_per_connection:
            self.close()
        if self._session and self._session.is_open:
            return self._session
        try:
            session = self._connect()
        except OSError as error:
            return self._failure(error)
        blocked = self._obstacle(session)
        if blocked:
            session.close()
            return replace(blocked, offered=False)
        self._session, self._handed_over = session, 0
        return session

    def _connect(self) -> Session:
        addresses = network.resolve(self.host, self.port)
        sock = network.connect(addresses, min(self.timeout, _CONNECT_TIMEOUT))
        sock.settimeout(self.timeout)
        name = self.local_hostname or network.literal(sock)
        if self.tls == "implicit" and self._context:
            sock = self._context.wrap_socket(sock, server_hostname=self.host)
        return Session(sock, name=name, timeout=self.timeout)

    def _obstacle(self, session: Session) -> Outcome | None:
        try:
            return self._prepare(session)
        except OSError as error:  # the family that smtplib's and ssl's errors belong to
            return self._failure(error)

    def _prepare(self, session: Session) -> Outcome | None:
        """Go from the greeting to the login; return what stands in the way, or raise OSError."""
        code, text = session.getreply()
        if code != 220:
            return self._judged(Stage.CONNECT, code, text)
        session.hello()
        offers_tls = session.has_extn("starttls")
        if self.tls == "starttls" and self._context:
            if not offers_tls:
                return _misconfigured(
                    f"{self.host} port {self.port} offers no STARTTLS, and mail is not sent in the clear: "
                    'check `port` (465 wants tls = "implicit"), or whether something on the way removes it'
                )
            session.start_tls(self._context, self.host)
        self._capabilities = _announced(session, starttls=offers_tls)
        return self._log_in(session) if self.user else None

    def _log_in(self, session: Session) -> Outcome | None:
        offered = self._capabilities.auth
        if not offered:
            return _misconfigured(
                f"{self.host} port {self.port} offers no login on this connection: check `tls` and `port`, "
                "or leave `user` out where the server asks for none"
            )
        mechanism = login.choose(offered)
        if mechanism is None:
            return Outcome(Kind.REFUSED, Scope.CREDENTIALS, login.why_none(offered, self.host))
        code, text = login.log_in(session, mechanism, self.user, self.password or "")
        return None if code == 235 else self._judged(Stage.AUTH, code, text)

    def _failure(self, error: OSError) -> Outcome:
        """Judge what kept the connection from being opened."""
        if isinstance(error, smtplib.SMTPResponseException):
            return self._judged(Stage.CONNECT, error.smtp_code, error.smtp_error)
        if isinstance(error, smtplib.SMTPException):
            hint = ' (port 465 wants tls = "implicit")' if self.port == 465 and self.tls != "implicit" else ""
            return _lost(f"{self.host} port {self.port}: {error}{hint}")
        if isinstance(error, ssl.SSLError) and (reason := tls.refusal(error, self.host, self.port)):
            return _misconfigured(reason)
        return _lost(network.explain(error, self.host, self.port))

    # -- One message

    def _cannot_carry(self, message: Envelope) -> str | None:
        """Say what about `message` this server has announced not to take."""
        limit = self._capabilities.size
        if limit is not None and len(message.data) > limit:
            return f"the message has {len(message.data):,} bytes; {self.host} takes {limit:,} at most"
        if _needs_smtputf8(message) and not self._capabilities.smtputf8:
            return f"the address needs SMTPUTF8 (RFC 6531), which {self.host} does not offer"
        if not message.data.isascii() and not self._capabilities.eightbitmime:
            return f"the message has 8-bit text, which {self.host} does not take"
        return None

    def _transact(self, session: Session, message: Envelope) -> Outcome:
        """Take `message` from MAIL to the last byte before the end of its data, then end it."""
        offered = False
        stage = Stage.MAIL
        try:
            for stage, command, argument in self._envelope(message):
                code, text = session.docmd(command, argument)
                if code // 100 != (3 if stage is Stage.DATA else 2):
                    return self._refused(session, stage, code, text, offered=offered)
                offered = True
            stage = Stage.EOD
            session.send_body(message.data)
            written = session.begin_end()
        except smtplib.SMTPResponseException as refusal:
            session.close()
            return self._concerning(stage, refusal.smtp_code, refusal.smtp_error, offered=offered)
        except smtplib.SMTPServerDisconnected as lost:
            session.close()
            return _lost(f"{self.host}: {lost}; the message was not handed over", offered=offered)
        return self._end(session, written)

    def _envelope(self, message: Envelope) -> list[tuple[Stage, str, str]]:
        able = self._capabilities
        utf8 = _needs_smtputf8(message)
        eightbit = able.eightbitmime and not message.data.isascii()
        parameters = "".join(
            (
                f" SIZE={len(message.data)}" if able.size is not None else "",
                " BODY=8BITMIME" if eightbit else "",
                " SMTPUTF8" if utf8 else "",
            )
        )
        return [
            (Stage.MAIL, "MAIL", f"FROM:<{message.sender}>{parameters}"),
            (Stage.RCPT, "RCPT", f"TO:<{message.recipient}>"),
            (Stage.DATA, "DATA", ""),
        ]

    def _end(self, session: Session, written: int) -> Outcome:
        """Write the rest of the end and read what came of it: from here on no answer means in doubt."""
        try:
            session.send(END_OF_DATA[written:])
            code, text = session.getreply(self.final_timeout)
        except smtplib.SMTPException as lost:
            session.close()
            return _in_doubt(f"{self.host} did not say whether it took the message: {lost}")
        if code // 100 == 3:
            session.close()
            return _in_doubt(f"{self.host} answered the whole message with {code}, which says nothing")
        if code // 100 == 2:
            return self._judged(Stage.EOD, code, text)
        return self._refused(session, Stage.EOD, code, text, offered=True)

    def _refused(
        self, session: Session, stage: Stage, code: int, text: bytes | str, *, offered: bool
    ) -> Outcome:
        """Judge a refusal and bring the connection back to where the next message can begin."""
        if code < 400:
            session.close()
            return _lost(f"{self.host} answered {stage.upper()} with {code}, out of step", offered=offered)
        try:
            if code == 421 or session.docmd("RSET")[0] != 250:
                session.close()
        except smtplib.SMTPException:
            session.close()
        return self._concerning(stage, code, text, offered=offered)

    def _concerning(self, stage: Stage, code: int, text: bytes | str, *, offered: bool) -> Outcome:
        """Judge a reply; one about the connection costs a slot only where a message was begun."""
        outcome = self._judged(stage, code, text)
        return replace(outcome, offered=offered) if outcome.scope is Scope.CONNECTION else outcome

    def _judged(self, stage: Stage, code: int, text: bytes | str) -> Outcome:
        return replies.outcome(replies.parse(stage, code, text), self.provider, self.clock.now())

    def _discreet(self, outcome: Outcome) -> Outcome:
        """Take out a password that the server repeats, as some do with a command they do not know."""
        reason, text = outcome.reason, outcome.reply.text if outcome.reply else ""
        for secret in login.spoken(self.user, self.password) if self.password else ():
            reason, text = reason.replace(secret, "***"), text.replace(secret, "***")
        if reason == outcome.reason:  # it holds the whole reply
            return outcome
        reply = replace(outcome.reply, text=text) if outcome.reply else None
        return replace(outcome, reason=reason, reply=reply)


def _announced(session: Session, *, starttls: bool) -> Capabilities:
    size = session.esmtp_features.get("size", "")
    return Capabilities(
        size=int(size) if size.isascii() and size.isdigit() and int(size) else None,  # 0: no limit (RFC 1870)
        smtputf8=session.has_extn("smtputf8"),
        eightbitmime=session.has_extn("8bitmime"),
        starttls=starttls,
        pipelining=session.has_extn("pipelining"),
        chunking=session.has_extn("chunking"),
        auth=tuple(dict.fromkeys(session.esmtp_features.get("auth", "").upper().split())),
        tls_version=session.tls_version,
    )


def _needs_smtputf8(message: Envelope) -> bool:
    return message.smtputf8 or not (message.sender + message.recipient).isascii()


def _unsafe(message: Envelope) -> str | None:
    """Name an address that would say more to the server than an address."""
    if not message.recipient:
        return "there is no address to send to"
    for address in (message.sender, message.recipient):
        if _UNSAFE.search(address):
            return f"{address!r} holds a character that no address may hold"
    return None


def _lost(reason: str, *, offered: bool = False) -> Outcome:
    return Outcome(Kind.DEFERRED, Scope.CONNECTION, reason, offered=offered)


def _misconfigured(reason: str) -> Outcome:
    return Outcome(Kind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)


def _impossible(reason: str) -> Outcome:
    return Outcome(Kind.REFUSED, Scope.RECIPIENT, reason, offered=False)


def _in_doubt(reason: str) -> Outcome:
    return Outcome(Kind.IN_DOUBT, Scope.RECIPIENT, reason)
