"""The outcome of handing a message over: its kind, and its scope.

An `Outcome` is a value; a transport returns one for anything a server may say or do.  Only
outcomes whose scope is `RECIPIENT` change that recipient's delivery; the others pause the account, stop
the credentials or the campaign, or cost a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class OutcomeKind(StrEnum):
    """The server's treatment of the message."""

    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class Scope(StrEnum):
    """The part that an outcome concerns."""

    RECIPIENT = "recipient"
    ACCOUNT = "account"  # quota, throttle
    CREDENTIALS = "credentials"
    CAMPAIGN = "campaign"  # sender or content refused
    CONNECTION = "connection"


class Stage(StrEnum):
    """The stage at which a reply was read: of an SMTP session (`EOD` answers the final dot), or over HTTP."""

    CONNECT = "connect"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    EOD = "eod"
    API = "api"  # an HTTP API's answer to a message
    TOKEN = "token"  # noqa: S105 - an authorization server's answer


class Action(StrEnum):
    """The action after a reply."""

    RETRY = "retry"  # this recipient later; with an account-wide text the whole run slows down
    SUPPRESS = "suppress"  # this address is dead
    FAIL = "fail"  # this message to this address failed; the address may be fine
    QUOTA = "quota"  # the account's quota is used up: no recipient failed, the account is paused
    AUTH = "auth"  # credentials or permission: stop at once
    STOP = "stop"  # sender, content or configuration refused
    RECONNECT = "reconnect"  # close, wait a little, same recipient again, nothing charged
    IN_DOUBT = "in_doubt"  # over HTTP: the message may have been taken all the same
    SENT_AND_QUOTA = "sent+quota"  # over HTTP: taken, but the account's quota is used up: pause it


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
    """The result of one message, or of the attempt to open a connection.

    `reason` is a sentence that is shown.  `retry_after` is what the server asked for, if it named a time.
    `quota`: the account's quota is used up; a message that is `SENT` all the same was the last for now.
    `suppress` is true only for a recipient-level reply that says the address is dead.
    `at_once` is true for a campaign-level refusal that needs no second opinion (the sender is
    refused), false for verdicts on content that are counted first.  `offered` is false only
    where provably nothing was offered to the server, so that the quota slot comes back.  `implicated`
    is true where a connection ended, or was to end, while it was this message's turn and nothing else
    explains it: met again and again, the message or its recipient is the cause.  `too_big` is true where the
    message is larger than the server announced to take.
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
    implicated: bool = False
    too_big: bool = False
