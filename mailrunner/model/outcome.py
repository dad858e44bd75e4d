"""What came of handing a message over: what now, and whom does it concern.

An `Outcome` is a value; a transport returns one for anything a server may say or do.  Only
outcomes whose scope is `RECIPIENT` touch a person's row; the others pause the account, stop
the credentials or the campaign, or cost a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class OutcomeKind(StrEnum):
    """What now?"""

    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class Scope(StrEnum):
    """Whom does it concern?"""

    RECIPIENT = "recipient"
    ACCOUNT = "account"  # quota, throttle
    CREDENTIALS = "credentials"
    CAMPAIGN = "campaign"  # sender or content refused
    CONNECTION = "connection"


class Stage(StrEnum):
    """Where in the dialogue a reply was read; `EOD` is the answer to the final dot."""

    CONNECT = "connect"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    EOD = "eod"


class Action(StrEnum):
    """The right thing to do with a reply, in the operator's words."""

    RETRY = "retry"  # this recipient later; with an account-wide text the whole run slows down
    SUPPRESS = "suppress"  # this address is dead
    FAIL = "fail"  # this message to this address failed; the address may be fine
    QUOTA = "quota"  # the account is spent: nobody failed, the account sleeps
    AUTH = "auth"  # credentials or permission: stop at once
    STOP = "stop"  # sender, content or configuration refused
    RECONNECT = "reconnect"  # close, wait a little, same recipient again, nothing charged


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: three-digit code, enhanced code ("5.1.1" or ""), the text without both."""

    stage: Stage
    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer to both questions.

    `reason` is a sentence for people.  `retry_after` is the server's own wish, if it named one.
    `suppress` is true only for a recipient-level reply that says the address is dead.
    `at_once` is true for a campaign-level refusal that needs no second opinion (the sender is
    refused), false for verdicts on content that are counted first.  `offered` is false only
    where provably nothing was offered to the server, so that the quota slot comes back.
    """

    kind: OutcomeKind
    scope: Scope
    reason: str
    reply: Reply | None = None
    retry_after: timedelta | None = None
    provider_id: str = ""
    suppress: bool = False
    at_once: bool = False
    quota: bool = False
    offered: bool = True
