"""Handing messages to a mail server by SMTP (RFC 5321), as a client that submits (RFC 6409).

One object is one connection with one login, reused for message after message.  This module opens it,
the `pipeline` speaks of messages on it, and the reply at every stage is judged by `mailrunner.replies`.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailrunner.clock import Clock, SystemClock
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope, Stage
from mailrunner.transports import Capabilities, Envelope
from mailrunner.transports.smtp import envelope, login, network, tls
from mailrunner.transports.smtp.conversation import Conversation
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.poller import ready
from mailrunner.transports.smtp.reply_outcome import ReplyJudge
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities
from mailrunner.transports.smtp.session import SmtpSession

_CONNECT_TIMEOUT = 30.0
_FAREWELL_TIMEOUT = 2.0


@dataclass(kw_only=True, slots=True, repr=False)
class SmtpTransport:
    """An SMTP account's connection; `tls` is "implicit", "starttls" or "none".

    `provider` is the preset's name, for judging replies; no `user` means no login.  `timeout` is
    the seconds for a command's answer, `final_timeout` for the one that tells whether the message
    was taken (RFC 5321 §4.5.3.2.6: a short one makes duplicates).  `in_flight` is how many messages
    may be unanswered where the server takes chunks (RFC 3030): so many are in doubt if the
    connection is lost.  `manners` is handed to all connections to the same server.
    `local_hostname` is what EHLO says instead of this end's address; `clock` turns an instant that
    a reply names into a wait.  Raises UserError for a `ca_file` that is of no use.
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
    in_flight: int = 1
    ca_file: Path | None = None
    local_hostname: str | None = None
    manners: ObservedCapabilities = field(default_factory=ObservedCapabilities)
    clock: Clock = field(default_factory=SystemClock)
    _context: ssl.SSLContext | None = field(init=False, default=None)
    _judge: ReplyJudge = field(init=False)
    _session: SmtpSession | None = field(init=False, default=None)
    _pipeline: Pipeline = field(init=False)
    _conversation: Conversation | None = field(init=False, default=None)
    _capabilities: Capabilities = field(init=False, default=Capabilities())
    _handed_over: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.tls != "none":
            self._context = self.manners.trust = self.manners.trust or tls.trusting(self.ca_file)
        secrets = login.spoken(self.user, self.password) if self.password else ()
        self._judge = ReplyJudge(host=self.host, provider=self.provider, clock=self.clock, secrets=secrets)
        self._pipeline = self._new_pipeline()
        self._pipeline.lost("the connection is not open")

    # -- One message at a time

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message and wait for its outcome, opening the connection first if need be."""
        if problem := envelope.unsafe(message):
            return self._judge.impossible(problem)
        if blocked := self.open():
            return blocked
        try:
            self.offer(message)
            outcomes = self.pump()
            while not outcomes or not (self._pipeline.is_at_rest or self._pipeline.is_closed):
                ready([self], self.final_timeout)
                outcomes += self.pump()
        except BaseException:
            self._hang_up("it was interrupted")  # half a message must never begin the next one
            self._pipeline.settled()
            raise
        return outcomes[-1]

    # -- Many at a time

    @property
    def is_open(self) -> bool:
        """Say whether messages may be offered: neither lost nor at the end of its share."""
        return not self._pipeline.is_closed and self._handed_over != self.messages_per_connection

    @property
    def room(self) -> int:
        """How many messages may be offered now."""
        if not self.is_open:
            return 0
        free = self._pipeline.capacity - self._pipeline.pending
        share = self.messages_per_connection
        return max(0, free if share is None else min(free, share - self._handed_over))

    @property
    def pending(self) -> int:
        """How many messages have no outcome that was told yet."""
        return self._pipeline.pending

    def offer(self, message: Envelope) -> None:
        """Take a message without waiting; where the connection is lost, `pump` says so."""
        self._handed_over += 1
        self._pipeline.offer(message, time.monotonic())

    def pump(self) -> list[Outcome]:
        """Read and write what is possible without waiting; return the outcomes that are known now."""
        if self._conversation:
            try:
                self._conversation.go_on(self.timeout, self.final_timeout)
            except BaseException:
                self._hang_up("it was interrupted")
                raise
            if self._pipeline.is_closed:
                self._hang_up("it is closed")
        return self._pipeline.settled()

    def fileno(self) -> int:
        """The socket, -1 without one."""
        return self._conversation.fileno() if self._conversation else -1

    @property
    def wants_write(self) -> bool:
        """Say whether bytes are left that could not be written."""
        return self._conversation is not None and self._conversation.wants_write

    @property
    def deadline(self) -> float | None:
        """The instant of `time.monotonic` at which the wait for an answer is over."""
        if self._conversation is None:
            return None
        return self._conversation.deadline(self.timeout, self.final_timeout)

    # -- Opening and closing

    def open(self) -> Outcome | None:
        """Connect and log in unless that is done; return None when ready, otherwise why not."""
        if self.is_open or self._pipeline.pending:
            return None
        self.close()
        try:
            session = self._connect()
        except OSError as error:
            return self._failure(error)
        if blocked := self._obstacle(session):
            session.close()
            return self._judge.discreet(replace(blocked, offered=False))
        self._session, self._handed_over = session, 0
        self._pipeline = self._new_pipeline()
        channel, replies = session.hand_over()
        self._conversation = Conversation(channel=channel, replies=replies, pipeline=self._pipeline)
        return None

    def close(self) -> None:
        """Say QUIT if that is possible within a few seconds; never raises."""
        session = self._session
        if session and self._pipeline.is_at_rest and not self._pipeline.is_closed:
            session.timeout = min(self.timeout, _FAREWELL_TIMEOUT)
            with suppress(OSError):
                session.docmd("QUIT")
        self._hang_up("it was closed at this end")

    def _hang_up(self, reason: str) -> None:
        if not self._pipeline.is_closed:
            self._pipeline.lost(reason)
        if self._session:
            self._session.close()
        self._session = self._conversation = None

    def _new_pipeline(self) -> Pipeline:
        return Pipeline(
            able=self._capabilities, judge=self._judge, manners=self.manners, in_flight=self.in_flight
        )

    def probe(self) -> Capabilities:
        """Return what the server announced at the last `open` that got as far as that."""
        return self._capabilities

    def _connect(self) -> SmtpSession:
        addresses = network.resolve(self.host, self.port)
        sock = network.connect(addresses, min(self.timeout, _CONNECT_TIMEOUT))
        sock.settimeout(self.timeout)
        name = self.local_hostname or network.literal(sock)
        if self.tls == "implicit" and self._context:
            sock = self._context.wrap_socket(sock, server_hostname=self.host)
        return SmtpSession(sock, name=name, timeout=self.timeout)

    def _obstacle(self, session: SmtpSession) -> Outcome | None:
        try:
            return self._prepare(session)
        except OSError as error:  # the family that smtplib's and ssl's errors belong to
            return self._failure(error)

    def _prepare(self, session: SmtpSession) -> Outcome | None:
        """Go from the greeting to the login; return what stands in the way, or raise OSError."""
        code, text = session.getreply()
        if code != 220:
            return self._judge.answered(Stage.CONNECT, code, text)
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

    def _log_in(self, session: SmtpSession) -> Outcome | None:
        offered = self._capabilities.auth
        if not offered:
            return _misconfigured(
                f"{self.host} port {self.port} offers no login on this connection: check `tls` and `port`, "
                "or leave `user` out where the server asks for none"
            )
        mechanism = login.choose(offered)
        if mechanism is None:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, login.why_none(offered, self.host))
        code, text = login.log_in(session, mechanism, self.user, self.password or "")
        return None if code == 235 else self._judge.answered(Stage.AUTH, code, text)

    def _failure(self, error: OSError) -> Outcome:
        """Judge what kept the connection from being opened."""
        if isinstance(error, smtplib.SMTPResponseException):
            return self._judge.answered(Stage.CONNECT, error.smtp_code, error.smtp_error)
        if isinstance(error, smtplib.SMTPException):
            hint = ' (port 465 wants tls = "implicit")' if self.port == 465 and self.tls != "implicit" else ""
            return _lost(f"{self.host} port {self.port}: {error}{hint}")
        if isinstance(error, ssl.SSLError) and (reason := tls.refusal(error, self.host, self.port)):
            return _misconfigured(reason)
        return _lost(network.explain(error, self.host, self.port))


def _announced(session: SmtpSession, *, starttls: bool) -> Capabilities:
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


def _lost(reason: str) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, reason, offered=False)


def _misconfigured(reason: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)
