"""Handing messages to a mail server by SMTP (RFC 5321), as a client that submits (RFC 6409).

One object is one connection with one login, reused for message after message.  `opening` opens it, the
`pipeline` handles the transactions on it, the `stream` moves the bytes, and the reply at every stage is
judged by `mailrunner.replies`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from mailrunner.clock import Clock, SystemClock
from mailrunner.errors import UserError
from mailrunner.model.outcome import Outcome, Scope
from mailrunner.transports import Envelope, network
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.oauth.errors import (
    GrantRefusedError,
    TokenUnavailableError,
    outcome_without_token,
)
from mailrunner.transports.smtp.opening import SmtpOpening
from mailrunner.transports.smtp.pipeline import Pipeline
from mailrunner.transports.smtp.poller import wait_for
from mailrunner.transports.smtp.server_capabilities import Capabilities, ObservedCapabilities
from mailrunner.transports.smtp.session import SmtpSession
from mailrunner.transports.smtp.session_outcome import SessionOutcomes
from mailrunner.transports.smtp.stream import SmtpStream
from mailrunner.transports.smtp.transaction import PipelineLimits, unsafe_address

_FAREWELL_TIMEOUT = 2.0


@dataclass(kw_only=True, slots=True, repr=False)
class SmtpTransport:
    """An SMTP account's connection; `tls` is "implicit", "starttls" or "none".

    `provider` is the preset's name, for judging replies; no `user` means no login, and with
    `tokens` a token of theirs takes the place of the password.  `timeout` is
    the seconds for a command's reply, `final_timeout` for the one that tells whether the message
    was taken (RFC 5321 §4.5.3.2.6: a short one makes duplicates).  `in_flight` is how many messages
    may be unanswered where the server takes chunks (RFC 3030): so many are in doubt if the
    connection is lost.  `observed` is handed to all connections to the same server.
    `local_hostname` is sent in EHLO instead of this end's address; `clock` turns an instant that
    a reply names into a wait.  Raises UserError for a `ca_file` that is of no use.

    `stream` is what to wait for, None while there is no connection.
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
    tokens: AccessTokens | None = None
    observed: ObservedCapabilities = field(default_factory=ObservedCapabilities)
    clock: Clock = field(default_factory=SystemClock)
    stream: SmtpStream | None = field(init=False, default=None)
    _judge: SessionOutcomes = field(init=False)
    _session: SmtpSession | None = field(init=False, default=None)
    _pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        if self.tls != "none":
            self.observed.tls_context = self.observed.tls_context or network.tls_context(self.ca_file)
        self._judge = SessionOutcomes(
            host=self.host,
            provider=self.provider,
            clock=self.clock,
            user=self.user,
            password=self.password or "",
        )
        self._pipeline = self._new_pipeline(Capabilities())
        self._pipeline.lost("the connection is not open")

    # -- One message at a time

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message and wait for its outcome, opening the connection first if need be."""
        if problem := unsafe_address(message):
            return self._judge.impossible(problem)
        if blocked := self.open():
            return blocked
        try:
            self.offer(message)
            outcomes = self.pump()
            while not outcomes or not (self._pipeline.is_at_rest or self._pipeline.is_closed):
                wait_for([self], self.final_timeout)
                outcomes += self.pump()
        except BaseException:
            self._hang_up("it was interrupted")  # half a message must never begin the next one
            self._pipeline.settled()
            raise
        return outcomes[-1]

    # -- Many at a time

    @property
    def is_open(self) -> bool:
        """True while messages may be offered: neither lost nor at the end of `messages_per_connection`."""
        return self._pipeline.is_open

    @property
    def room(self) -> int:
        """The number of messages that may be offered now."""
        return self._pipeline.room

    @property
    def pending(self) -> int:
        """The number of messages without an outcome that was returned."""
        return self._pipeline.pending

    def offer(self, message: Envelope, *, within: float = inf) -> None:
        """Take a message without waiting; where the connection is lost, its outcome says so."""
        self._pipeline.offer(message, time.monotonic(), within=within)

    @property
    def held(self) -> int | None:
        """The place among those pending of the message whose content may not begin; None without one."""
        return self._pipeline.held

    def permit(self, *, within: float) -> None:
        """Let the content of the message that is held begin, `within` so many seconds."""
        self._pipeline.permit(time.monotonic(), within=within)

    def withdraw(self) -> None:
        """Take the message back that is held; nothing of its content is ever written."""
        self._pipeline.withdraw()
        if self._pipeline.is_closed:
            self._hang_up("it is closed")

    def pump(self) -> list[Outcome]:
        """Read and write what is possible without waiting; return the outcomes that are known now."""
        if self.stream:
            try:
                self.stream.exchange()
            except BaseException:
                self._hang_up("it was interrupted")
                raise
            if self._pipeline.is_closed:
                self._hang_up("it is closed")
        return self._pipeline.settled()

    # -- Opening and closing

    def open(self) -> Outcome | None:
        """Connect and log in unless that is done; return None when ready, otherwise why not."""
        if self._pipeline.is_open or self._pipeline.pending:
            return None
        self.close()
        opened = self._open_by_token(self.tokens) if self.tokens else self._opening().open()
        if isinstance(opened, Outcome):
            return opened
        self._session, capabilities = opened
        self._pipeline = self._new_pipeline(capabilities)
        self.stream = self._session.stream(self._pipeline)
        return None

    def _open_by_token(self, tokens: AccessTokens) -> tuple[SmtpSession, Capabilities] | Outcome:
        """Log in by a token, and by another one where the server refuses one that is not new.

        The token is got before the connection is made: a server waits for no login while that takes.
        """
        try:
            token = tokens.current()
            opened = self._opening(token.value).open()
            if isinstance(opened, Outcome) and opened.scope is Scope.CREDENTIALS and not tokens.is_new(token):
                opened = self._opening(tokens.renewed(token).value).open()
        except (GrantRefusedError, TokenUnavailableError, UserError) as error:
            return outcome_without_token(error)
        return opened

    def close(self) -> None:
        """Send QUIT if that is possible within a few seconds; never raises."""
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
        self._session = self.stream = None

    def _new_pipeline(self, capabilities: Capabilities) -> Pipeline:
        limits = PipelineLimits(
            in_flight=self.in_flight,
            timeout=self.timeout,
            final_timeout=self.final_timeout,
            messages=self.messages_per_connection,
        )
        return Pipeline(capabilities=capabilities, judge=self._judge, observed=self.observed, limits=limits)

    def _opening(self, token: str = "") -> SmtpOpening:
        if token:
            self._judge = replace(self._judge, password=token)
        return SmtpOpening(
            host=self.host,
            port=self.port,
            tls=self.tls,
            context=self.observed.tls_context,
            user=self.user,
            password=self.password,
            token=token,
            timeout=self.timeout,
            local_hostname=self.local_hostname,
            judge=self._judge,
        )
