"""From what happened to a request to an `Outcome` without a secret; `replies.http` judges answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mailrunner.clock import Clock
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.replies import http as replies
from mailrunner.replies.http_table import PAGE_NAME
from mailrunner.transports.apis import Api
from mailrunner.transports.http_request import HttpAnswer
from mailrunner.transports.redaction import without_password

_FAULTS_IN_A_ROW = 3


@dataclass(slots=True)
class ApiHealth:
    """The state that the connections of one run share: how many answers in a row were faults."""

    faults: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpOutcomes:
    """`secrets` gives what no outcome may hold, as it is now; `host` is shown."""

    host: str
    api: Api
    clock: Clock
    health: ApiHealth
    secrets: Callable[[], Iterable[str]]

    def answered(self, answer: HttpAnswer, recipient: str) -> Outcome:
        """Judge the answer to a message."""
        read, now = self.api.read(answer), self.clock.now()
        wait, rate_wait = replies.asked_waits(answer.headers, now)
        reply = replies.HttpReply(
            provider=self.api.provider,
            status=answer.status,
            name=read.name or (PAGE_NAME if answer.is_page else ""),
            text=read.text,
            taken=read.taken,
            provider_id=read.id,
            early=answer.early,
            wait=wait,
            rate_wait=rate_wait,
        )
        outcome = self._braked(replies.outcome(reply, now), answer)
        if outcome.scope is Scope.CAMPAIGN and recipient and recipient.casefold() in read.text.casefold():
            sandbox = "; it names this recipient, so the account may be in its provider's sandbox"
            outcome = replace(outcome, reason=outcome.reason + sandbox)
        return self.redacted(outcome)

    def _braked(self, outcome: Outcome, answer: HttpAnswer) -> Outcome:
        """Let the account rest after faults in a row: each of them leaves a recipient in doubt."""
        if outcome.kind is not OutcomeKind.IN_DOUBT or answer.status < 500:
            self.health.faults = 0
            return outcome
        self.health.faults += 1
        if outcome.retry_after is None and self.health.faults < _FAULTS_IN_A_ROW:
            return outcome
        return replace(outcome, scope=Scope.ACCOUNT)

    def lost(self, reason: str, *, offered: bool = False, implicated: bool = False) -> Outcome:
        """The message was not wholly written, so it was not taken."""
        sentence = f"{self.host}: {reason}; the message was not handed over"
        return self.redacted(
            Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, sentence, offered=offered, implicated=implicated)
        )

    def in_doubt(self, reason: str) -> Outcome:
        """The message was wholly written, and there was no answer."""
        sentence = f"{self.host} did not say whether it took the message: {reason}"
        return self.redacted(Outcome(OutcomeKind.IN_DOUBT, Scope.RECIPIENT, sentence))

    def impossible(self, reason: str) -> Outcome:
        """This message cannot go this way."""
        return Outcome(OutcomeKind.REFUSED, Scope.RECIPIENT, reason, offered=False)

    def redacted(self, outcome: Outcome) -> Outcome:
        """The outcome without a secret that the server repeats."""
        for secret in self.secrets():
            if len(secret) < 4:  # it would hide parts of other words
                continue
            reason = without_password(outcome.reason, user="", password=secret, mark="***")
            reply = outcome.reply
            if reply is not None:
                name = without_password(reply.enhanced, user="", password=secret, mark="***")
                text = without_password(reply.text, user="", password=secret, mark="***")
                reply = replace(reply, enhanced=name, text=text)
            outcome = replace(outcome, reason=reason, reply=reply)
        return outcome
