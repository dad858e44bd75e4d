"""Handing messages to a provider's HTTP API: one connection, one request at a time.

What is not wholly written was not taken; what is, and gets no answer, is in doubt (docs/states.md).
Nothing is repeated behind the ledger's back, with one exception: an API with idempotency keys is asked
again at once, with the same octets, and answers alike whether it had taken the message or not.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import inf

from mailrunner.clock import Clock, SystemClock
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.transports import Envelope, Stream
from mailrunner.transports.apis import Api, ApiMessage
from mailrunner.transports.apis.bearer import Bearer
from mailrunner.transports.http.exchange import HttpExchange, LostExchange
from mailrunner.transports.http.outcomes import ApiHealth, HttpOutcomes
from mailrunner.transports.http.reopening import Reopening
from mailrunner.transports.http.server_route import HttpReach
from mailrunner.transports.http_request import HttpAnswer, HttpRequest
from mailrunner.transports.smtp.poller import wait_for

# Servers close an idle connection after five seconds and more; what is written just then is a doubt.
LONGEST_IDLE = 4.0
_MOST_REPEATS = 4  # of a request that is known to be safe
_FIRST_REPEAT = 1.0  # seconds; each further one waits twice as long


@dataclass(slots=True)
class _Handover:
    """The message that was offered.  `begin_by` is an instant of `time.monotonic`."""

    message: ApiMessage
    request: HttpRequest
    begin_by: float
    is_held: bool = False
    repeats: int = 0
    repeat_at: float | None = None  # the request is to be written again then
    doubt: Outcome | None = None  # what is said where no repeat brings an answer


@dataclass(kw_only=True, slots=True, repr=False)
class HttpTransport:
    """One connection to an API; `view` gives a message's pieces.

    `secrets` gives what no outcome may show; `timeout` is the seconds for an answer; `health` is handed to
    all connections of a run.  `stream` is what to wait for, None without a connection.
    """

    api: Api
    bearer: Bearer
    reach: HttpReach
    timeout: float
    secrets: Callable[[], Iterable[str]]
    view: Callable[[Envelope], ApiMessage]
    messages_per_connection: int | None = None
    health: ApiHealth = field(default_factory=ApiHealth)
    clock: Clock = field(default_factory=SystemClock)
    _exchange: HttpExchange | None = field(init=False, default=None)
    _reopening: Reopening | None = field(init=False, default=None)
    _handover: _Handover | None = field(init=False, default=None)
    _settled: list[Outcome] = field(init=False, default_factory=list)
    _carried: int = field(init=False, default=0)
    _idle_since: float = field(init=False, default=0.0)
    _outcomes: HttpOutcomes = field(init=False)

    def __post_init__(self) -> None:
        self._outcomes = HttpOutcomes(
            host=self.reach.host,
            api=self.api,
            clock=self.clock,
            health=self.health,
            secrets=self.secrets,
        )

    # -- One message at a time

    def send(self, message: Envelope) -> Outcome:
        """Hand over one message and wait for its outcome, opening the connection first if need be."""
        if blocked := self.open():
            return blocked
        try:
            self.offer(message)
            while not (outcomes := self.pump()):
                wait_for([self], min(self.timeout, LONGEST_IDLE))
        except BaseException:
            self.close()  # half a message must never begin the next one
            self._settled.clear()
            raise
        return outcomes[-1]

    # -- Many at a time

    @property
    def is_open(self) -> bool:
        """True while a message may be offered, or one is pending."""
        return self._handover is not None or self._is_ready

    @property
    def _is_ready(self) -> bool:
        exchange = self._exchange
        if exchange is None or not exchange.is_reusable or self._is_worn:
            return False
        return time.monotonic() - self._idle_since < LONGEST_IDLE

    @property
    def _is_worn(self) -> bool:
        most = self.messages_per_connection
        return most is not None and self._carried >= most

    @property
    def room(self) -> int:
        """1 where a message may be offered now, else 0."""
        return int(self._handover is None and not self._settled and self._is_ready)

    @property
    def pending(self) -> int:
        """The number of messages without an outcome that was returned."""
        return len(self._settled) + (self._handover is not None)

    def offer(self, message: Envelope, *, within: float = inf) -> None:
        """Take a message without waiting; where the connection is gone, its outcome says so."""
        envelope = self.view(message)
        if problem := self.api.refuses(envelope):
            self._settled.append(self._outcomes.impossible(problem))
            return
        exchange = self._exchange
        if exchange is None or not exchange.is_reusable or not exchange.is_silent():
            self._hang_up()
            self._settled.append(self._outcomes.lost("the server had closed the connection"))
            return
        request = self.api.request(envelope, self.clock.now())
        self._handover = _Handover(envelope, request, time.monotonic() + within)
        exchange.begin(request)

    @property
    def held(self) -> int | None:
        """0 where the message pending may not begin any more, else None."""
        return 0 if self._handover and self._handover.is_held else None

    def permit(self, *, within: float) -> None:
        """Let the message that is held begin, `within` so many seconds."""
        if self._handover:
            self._handover.begin_by, self._handover.is_held = time.monotonic() + within, False

    def withdraw(self) -> None:
        """Take the message back that is held: not one octet of it was written."""
        if self._handover and self._handover.is_held:
            self._handover = None
            self._hang_up()

    def pump(self) -> list[Outcome]:
        """Read and write what is possible without waiting; return the outcomes that are known now."""
        handover, exchange = self._handover, self._exchange
        if handover is not None:
            try:
                self._go_on(handover, exchange)
            except BaseException:
                self._end(self._outcomes.in_doubt("it was interrupted"))
                self._hang_up()
                raise
        elif exchange is not None and not exchange.is_silent():
            self._hang_up()
        settled, self._settled = self._settled, []
        return settled

    def _go_on(self, handover: _Handover, exchange: HttpExchange | None) -> None:
        now = time.monotonic()
        if handover.repeat_at is not None:
            self._repeat(handover, handover.repeat_at)
            return
        if exchange is None:
            self._lost(handover, LostExchange("the connection is closed", begun=False, whole=False))
            return
        if not exchange.has_begun and not handover.repeats and now > handover.begin_by:
            handover.is_held = True
            return
        found = exchange.pump()
        if isinstance(found, HttpAnswer):
            self._answered(handover, found)
        elif found is not None:
            self._lost(handover, found)

    def _answered(self, handover: _Handover, answer: HttpAnswer) -> None:
        outcome = self._outcomes.answered(answer, handover.message.recipient)
        if outcome.scope is Scope.CREDENTIALS and self.bearer.refused():
            outcome = self._outcomes.lost("it did not accept the token, and another is asked for")
        if self._exchange is None or not self._exchange.is_reusable or outcome.scope is Scope.CONNECTION:
            self._hang_up()
        was_maybe_taken = not answer.early and outcome.scope is Scope.CONNECTION
        if self.api.repeats and (outcome.kind is OutcomeKind.IN_DOUBT or was_maybe_taken):
            self._doubt(handover, outcome)
        else:
            self._end(self._after_doubt(handover, outcome))

    def _lost(self, handover: _Handover, loss: LostExchange) -> None:
        self._hang_up()
        if loss.whole or handover.repeats:
            self._doubt(handover, self._outcomes.in_doubt(loss.reason))
        else:
            first = loss.begun and not self._carried
            self._end(self._outcomes.lost(loss.reason, offered=loss.begun, implicated=first))

    # -- Repeats that are safe

    def _doubt(self, handover: _Handover, outcome: Outcome) -> None:
        """Settle a message that may have been taken, or ask again where that is safe."""
        handover.doubt = handover.doubt or outcome
        is_same_key = not (outcome.reply and outcome.reply.enhanced == "invalid_idempotent_request")
        if not self.api.repeats or not is_same_key or handover.repeats >= _MOST_REPEATS:
            self._end(self._after_doubt(handover, outcome))
            return
        delay = _FIRST_REPEAT * 2**handover.repeats if handover.repeats or outcome.reply else 0.0
        handover.repeats += 1
        handover.repeat_at = time.monotonic() + delay
        if self._exchange is None:
            self._reopen(delay)

    def _repeat(self, handover: _Handover, due: float) -> None:
        """Write the same octets under the same key, once that is due and there is a connection."""
        if self._reopening is not None:
            found = self._reopening.take()
            if found is None:
                return
            self._reopening = None
            if isinstance(found, Outcome):
                blocked = self._outcomes.redacted(found)
                (self._doubt if blocked.scope is Scope.CONNECTION else self._blocked)(handover, blocked)
                return
            self._use(found)
        exchange = self._exchange
        if exchange is None or not exchange.is_reusable or not exchange.is_silent():
            self._reopen(due - time.monotonic())
        elif time.monotonic() >= due:
            handover.repeat_at = None
            exchange.begin(handover.request)

    def _reopen(self, after: float) -> None:
        """Connect in a thread: the other connections of the run go on meanwhile."""
        self._hang_up()
        self._reopening = Reopening(self._reached, after=max(0.0, after))

    def _blocked(self, handover: _Handover, outcome: Outcome) -> None:
        self._end(self._after_doubt(handover, outcome))

    def _after_doubt(self, handover: _Handover, outcome: Outcome) -> Outcome:
        """What is known at last: a repeat that was put off says nothing of the first try."""
        if handover.doubt is None or outcome.kind in (OutcomeKind.SENT, OutcomeKind.IN_DOUBT):
            return outcome
        if outcome.kind is OutcomeKind.REFUSED and outcome.scope is Scope.RECIPIENT:
            return outcome
        pause = outcome if outcome.scope is Scope.ACCOUNT else None
        reason = f"{handover.doubt.reason}; asked again: {outcome.reason}"
        return replace(
            handover.doubt,
            kind=OutcomeKind.IN_DOUBT,
            scope=Scope.ACCOUNT if pause else Scope.RECIPIENT,
            reason=reason,
            retry_after=pause.retry_after if pause else None,
            quota=bool(pause and pause.quota),
        )

    def _end(self, outcome: Outcome) -> None:
        self._settled.append(outcome)
        self._handover = None
        self._carried += 1
        self._idle_since = time.monotonic()

    # -- Opening and closing

    def open(self) -> Outcome | None:
        """Connect unless that is done; return None when ready, otherwise why not."""
        if self._handover is not None or self._is_ready:
            return None
        return self._connect()

    def _connect(self) -> Outcome | None:
        self._hang_up()
        found = self._reached()
        if isinstance(found, Outcome):
            return self._outcomes.redacted(found)
        self._use(found)
        return None

    def _reached(self) -> socket.socket | Outcome:
        return self.bearer.prepare() or self.reach.open()

    def _use(self, sock: socket.socket) -> None:
        self._exchange = HttpExchange(sock, authority=self.reach.authority, timeout=self.timeout)
        self._carried, self._idle_since = 0, time.monotonic()

    def close(self) -> None:
        """Close the connection; never raises.  A message pending gets the outcome that is provable."""
        if (handover := self._handover) is not None:
            exchange = self._exchange
            whole = bool(handover.doubt) or (exchange is not None and exchange.is_written)
            begun = exchange is not None and exchange.has_begun
            reason = "it was closed at this end"
            self._end(
                self._outcomes.in_doubt(reason) if whole else self._outcomes.lost(reason, offered=begun)
            )
        self._hang_up()

    def _hang_up(self) -> None:
        for each in (self._exchange, self._reopening):
            if each is not None:
                each.close()
        self._exchange = self._reopening = None

    @property
    def stream(self) -> Stream | None:
        """What to wait for; None without a connection."""
        return self._reopening or self._exchange
