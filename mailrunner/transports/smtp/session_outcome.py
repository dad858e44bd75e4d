"""From what happened in an SMTP session to an `Outcome` without a password; `replies` judges replies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailrunner import replies
from mailrunner.clock import Clock
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope, Stage
from mailrunner.transports.redaction import without_password

_TELLING = 8  # characters of a password that are not told either

_LEAST = 64 * 1024  # RFC 5321 §4.5.3.1.7


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SessionOutcomes:
    """`provider` is the preset's name; `user` and `password` log in, and no outcome may hold the latter."""

    host: str
    provider: str
    clock: Clock
    user: str = ""
    password: str = ""

    def answered(self, stage: Stage, code: int, text: bytes | str) -> Outcome:
        """Judge a reply."""
        outcome = replies.outcome(replies.parse(stage, code, text), self.provider, self.clock.now())
        return self.redacted(outcome)

    def accepted(self, code: int, text: bytes) -> Outcome:
        """Judge the acceptance of a whole message."""
        return self.redacted(replies.outcome(replies.parse(Stage.EOD, code, text)))

    def words(self, code: int, text: bytes) -> str:
        """A reply as it may be shown."""
        return str(replies.parse(Stage.MAIL, code, text))

    def refused(self, stage: Stage, code: int, text: bytes, *, offered: bool, first: bool) -> Outcome:
        """Judge a refusal; one that concerns the connection costs a slot only where a message was begun.

        It implicates the message only where that was the `first` on its connection: else the connection's
        age explains it.
        """
        outcome = self.answered(stage, code, text)
        if outcome.scope is not Scope.CONNECTION:
            return outcome
        return replace(outcome, offered=offered, implicated=first)

    def lost(self, reason: str, *, offered: bool = False, implicated: bool = False) -> Outcome:
        """The connection is of no use any more and the message was not handed over."""
        sentence = f"{self.host}: {reason}; the message was not handed over"
        lost = Outcome(
            OutcomeKind.DEFERRED, Scope.CONNECTION, sentence, offered=offered, implicated=implicated
        )
        return self.redacted(lost)

    def in_doubt(self, reason: str) -> Outcome:
        """The message may have been taken."""
        return self.redacted(Outcome(OutcomeKind.IN_DOUBT, Scope.RECIPIENT, f"{self.host} {reason}"))

    def impossible(self, reason: str) -> Outcome:
        """This message cannot go this way, whatever the server says."""
        return Outcome(OutcomeKind.REFUSED, Scope.RECIPIENT, reason, offered=False)

    def too_big(self, octets: int, limit: int) -> Outcome:
        """The message is larger than the server announced to take (RFC 1870)."""
        reason = f"the message has {octets:,} bytes; {self.host} takes {limit:,} at most"
        if limit >= _LEAST:
            return Outcome(OutcomeKind.REFUSED, Scope.RECIPIENT, reason, offered=False, too_big=True)
        reason += f", and every mail server takes {_LEAST:,} (RFC 5321): is `host` the right one?"
        return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)

    def redacted(self, outcome: Outcome) -> Outcome:
        """The outcome without a password that the server repeats, as some do with an unknown command."""
        if not self.password:
            return outcome
        reason, text = self._hidden(outcome.reason), self._hidden(outcome.reply.text if outcome.reply else "")
        if reason == outcome.reason:  # it holds the whole reply
            return outcome
        reply = replace(outcome.reply, text=text) if outcome.reply else None
        return replace(outcome, reason=reason, reply=reply)

    def _hidden(self, text: str) -> str:
        text = without_password(text, user=self.user, password=self.password, mark="***")
        return _without_beginning(self.password, text)


def _without_beginning(secret: str, text: str) -> str:
    """`text` without the beginning of the secret where what the server said was cut in it."""
    if (at := text.rfind(secret[:_TELLING])) < 0:
        return text
    beginning = text[at:].rstrip('…"')
    return f"{text[:at]}***{text[at + len(beginning) :]}" if secret.startswith(beginning) else text
