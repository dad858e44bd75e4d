"""What a provider posts to `/events/PROVIDER`, as facts.

    events = Events(project.event_settings(), signer=…, tell=print)
    facts = events.parse("mailgun", headers, body, now=…)       # raises EventError, with the HTTP status

A provider tries again until it is answered 2xx, so a fact must be durable before that, and the same event
posted twice has the same fingerprint.  Whom an event is about is told by a token of ours (the Message-ID,
or X-Mailrunner-Delivery where the provider gives the header back), else by the provider's own name for
the message and the address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from mailrunner.config.events import EventSettings
from mailrunner.errors import Problem, UserError
from mailrunner.inbound.bounce_reason import reason_of
from mailrunner.inbound.providers import ProviderReport, esp, ses
from mailrunner.inbound.webhook_auth import (
    Fetch,
    LoginRequiredError,
    MalformedError,
    NotNowError,
    Sns,
    UnknownProviderError,
    UnsignedError,
    WebhookError,
    check_login,
    check_mailgun,
    check_sendgrid,
    fetch_certificate,
)
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.outcome import Action
from mailrunner.model.tokens import MESSAGE, TokenSigner

__all__ = [
    "LoginRequiredError",
    "MalformedError",
    "NotNowError",
    "UnknownProviderError",
    "UnsignedError",
    "WebhookError",
    "WebhookParser",
    "check_installed",
]

_TOKEN = re.compile(r"(?<![a-z0-9])[a-z2-7]{32}(?![a-z0-9])", re.IGNORECASE)
_LONGEST = 1_000  # characters of a server's words that are kept


class WebhookParser:
    """Reads events of the providers that `settings` name.

    `tell` is where an operator reads what has to be done by hand; `fetch` gets a certificate of Amazon's
    by its address.
    """

    def __init__(
        self,
        settings: Mapping[str, EventSettings],
        *,
        signer: TokenSigner,
        tell: Callable[[str], None],
        fetch: Fetch = fetch_certificate,
    ) -> None:
        self._settings, self._signer, self._tell = settings, signer, tell
        self._sns = Sns(fetch)

    def parse(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> list[InboundEvent]:
        """The facts in one request, none where it is about nothing that matters here.

        Raises EventError where it does not come from that provider, or cannot be read.  It may fetch a
        certificate over the network.
        """
        settings = self._settings.get(provider)
        if settings is None:
            raise UnknownProviderError(f"mailrunner.toml names no [events.{provider}]")
        fields = {name.casefold(): value for name, value in headers.items()}
        check_login(settings, fields)
        if provider == "sendgrid":
            check_sendgrid(settings, fields, body, now)
        try:
            posted = json.loads(body)
            if provider == "mailgun":
                check_mailgun(settings, posted["signature"], now)
            said = self._from_sns(settings, posted, now) if provider == "ses" else esp.read(provider, posted)
            return [self._fact(provider, one) for one in said]
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = f"this is not what {provider} posts ({type(error).__name__})"
            raise MalformedError(problem) from error

    def _from_sns(
        self, settings: EventSettings, message: Mapping[str, Any], now: datetime
    ) -> list[ProviderReport]:
        self._sns.check(settings, message, now)
        if message["Type"] == "Notification":
            return ses.read(message)
        if message["Type"] == "SubscriptionConfirmation":
            # Nothing is opened by itself: an address that came in a request is for a person to judge.
            self._tell(
                f"SNS asks whether it shall post events of {message['TopicArn']} here; "
                f"if that is right, open {message['SubscribeURL']}"
            )
        else:
            self._tell(f"SNS no longer posts events of {message['TopicArn']} here")
        return []

    def _fact(self, provider: str, said: ProviderReport) -> InboundEvent:
        kind, code, enhanced, words = _judged(said)
        return InboundEvent(
            kind=kind,
            source=provider,
            delivery=self._delivery(said.names),
            address=_plain(said.address),
            happened_at=said.happened_at,
            fingerprint=hashlib.sha256(f"{provider} {said.event_id}".encode("utf-8", "replace")).hexdigest(),
            code=code,
            enhanced_code=enhanced,
            detail=_plain(words),
            provider_id=_plain(said.provider_id),
        )

    def _delivery(self, names: Iterable[str]) -> int | None:
        tokens = (token for name in names for token in _TOKEN.findall(name))
        numbers = (self._signer.number(MESSAGE, token) for token in tokens)
        return next((number for number in numbers if number is not None), None)


def _plain(text: str) -> str:
    """Text that every database takes: JSON can spell halves of characters, and NUL."""
    return str(text)[:_LONGEST].encode("utf-8", "replace").decode().replace("\0", "")


def _judged(said: ProviderReport) -> tuple[EventKind, int | None, str, str]:
    """The kind, code, enhanced code and words.

    A provider calls hard whatever it will not try again, also where the remote server refused the
    content, the sender or a full mailbox: that strikes nobody off.  Neither do words that may be about
    us; of a refusal without a reason the provider knows more than its words say.
    """
    if said.kind not in (EventKind.BOUNCED, EventKind.SOFT_BOUNCED):
        return said.kind, None, "", said.words
    reason = reason_of(said.words, status=said.status, addresses=(said.address,))
    kind: EventKind = said.kind
    if said.kind is EventKind.BOUNCED:
        refused = reason.certain and reason.action in (Action.SUPPRESS, Action.FAIL)
        kind = EventKind.BOUNCED if refused and reason.kind is EventKind.SOFT_BOUNCED else reason.kind
    return kind, reason.code, reason.enhanced_code[:16], reason.words


def check_installed() -> None:
    """Raise UserError where what reads and checks events is not installed."""
    try:
        import anymail  # type: ignore[import-untyped]
        import cryptography
    except ModuleNotFoundError as error:
        problem = f"[events] needs {error.name}, which is not installed"
        hint = 'pip install "mailrunner[esp]"'
        raise UserError(Problem(problem, "mailrunner.toml", "events", hint)) from error
    assert anymail and cryptography  # noqa: S101
