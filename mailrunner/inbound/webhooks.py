"""Webhook requests of providers (`POST /events/PROVIDER`), read as inbound events.

    parser = WebhookParser(project.event_settings(), signer=…, notify=print)
    events = parser.parse("mailgun", headers, body, now=…)  # raises WebhookError, with the HTTP status

A provider tries again until it is answered 2xx, so an event must be durable before that, and the same event
posted twice has the same fingerprint.  The delivery is found by a token of ours (the Message-ID, or
X-Mailrunner-Delivery where the provider returns the header), else by the provider's own name for
the message and the address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mailrunner.config.events import EventSettings
from mailrunner.errors import Problem, UserError
from mailrunner.inbound.bounce_reason import reason_of
from mailrunner.inbound.providers import ProviderEvent, esp, ses
from mailrunner.inbound.webhook_auth import (
    FetchCertificate,
    MailgunVerifier,
    MalformedEventError,
    SnsVerifier,
    UnknownProviderError,
    check_login,
    check_sendgrid,
    check_sendgrid_headers,
    cut,
    fetch_certificate,
)
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.outcome import Action
from mailrunner.model.tokens import MESSAGE, TokenSigner

_TOKEN = re.compile(r"(?<![a-z0-9])[a-z2-7]{32}(?![a-z0-9])", re.IGNORECASE)
_LONGEST = 1_000  # characters of a server's text that are kept
_PROVED = 4_194_304  # octets of a request whose header has a proof: a batch of SendGrid's
_UNPROVED = 1_048_576  # octets of any other: SNS posts at most 256 KiB, which JSON may double


class WebhookParser:
    """Reads events of the providers that `settings` names.

    `notify` is given what the operator has to do by hand; `fetch` gets a certificate of Amazon's by its URL.
    """

    def __init__(
        self,
        settings: Mapping[str, EventSettings],
        *,
        signer: TokenSigner,
        notify: Callable[[str], None],
        fetch: FetchCertificate = fetch_certificate,
    ) -> None:
        self._settings, self._signer, self._notify = settings, signer, notify
        self._sns, self._mailgun = SnsVerifier(fetch), MailgunVerifier()

    def most_octets(self, provider: str, headers: Mapping[str, str]) -> int:
        """The octets that a request with this header may have, which is all that has been read of it.

        Raises WebhookError where the header alone shows that the request is not the provider's.
        """
        settings, fields = self._known(provider), _folded(headers)
        check_login(settings, fields)
        if provider == "sendgrid":
            check_sendgrid_headers(settings, fields)
        return _PROVED if settings.login or settings.public_key else _UNPROVED

    def parse(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> list[InboundEvent]:
        """The events of one request, none where they are of kinds that are not recorded (an opened message).

        Raises WebhookError where it does not come from that provider, or cannot be read.  It may fetch a
        certificate over the network.
        """
        settings, fields = self._known(provider), _folded(headers)
        check_login(settings, fields)
        if provider == "sendgrid":
            check_sendgrid(settings, fields, body, now)
        try:
            posted = json.loads(body)
            if provider == "mailgun":
                self._mailgun.check(settings, posted, now)
            if provider == "ses":
                reported = self._from_sns(settings, posted, now)
            else:
                reported = esp.read(provider, posted)
            return [self._event(provider, event) for event in reported]
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = f"this is not what {provider} posts ({type(error).__name__})"
            raise MalformedEventError(problem) from error

    def _known(self, provider: str) -> EventSettings:
        settings = self._settings.get(provider)
        if settings is None:
            raise UnknownProviderError(f"mailrunner.toml names no [events.{provider}]")
        return settings

    def _from_sns(
        self, settings: EventSettings, message: Mapping[str, Any], now: datetime
    ) -> list[ProviderEvent]:
        self._sns.check(settings, message, now)
        if message["Type"] == "Notification":
            return ses.read(message)
        if message["Type"] == "SubscriptionConfirmation":
            # Nothing is opened by itself: a URL that came in a request is for the operator to judge.
            self._notify(
                f"SNS asks to post events of {cut(message['TopicArn'])} here; "
                f"if that is right, open {cut(message['SubscribeURL'], _LONGEST)}"
            )
        else:
            self._notify(f"SNS no longer posts events of {cut(message['TopicArn'])} here")
        return []

    def _event(self, provider: str, reported: ProviderEvent) -> InboundEvent:
        kind, code, enhanced, detail = _classified(reported)
        return InboundEvent(
            kind=kind,
            source=provider,
            delivery=self._delivery(reported.identifiers),
            address=_storable(reported.address),
            happened_at=_in_utc(reported.happened_at),
            fingerprint=hashlib.sha256(
                f"{provider} {reported.event_id}".encode("utf-8", "replace")
            ).hexdigest(),
            code=code,
            enhanced_code=enhanced,
            detail=_storable(detail),
            provider_id=_storable(reported.provider_id),
        )

    def _delivery(self, identifiers: Iterable[str]) -> int | None:
        tokens = (token for text in identifiers for token in _TOKEN.findall(text))
        numbers = (self._signer.number(MESSAGE, token) for token in tokens)
        return next((number for number in numbers if number is not None), None)


def _folded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): value for name, value in headers.items()}


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time of a provider; one without a zone is in UTC, as all that they document."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _storable(text: str) -> str:
    """Text that every database accepts: JSON can spell halves of characters (surrogates), and NUL."""
    return str(text)[:_LONGEST].encode("utf-8", "replace").decode().replace("\0", "")


def _classified(reported: ProviderEvent) -> tuple[EventKind, int | None, str, str]:
    """The kind, reply code, enhanced code (RFC 3463) and detail of a reported event.

    A provider calls hard whatever it will not try again, also where the remote server refused the
    content, the sender or a full mailbox: that suppresses no address.  Neither do words that may be about
    us; of a refusal without a reason the provider knows more than its words say.
    """
    if reported.kind not in (EventKind.BOUNCED, EventKind.SOFT_BOUNCED):
        return reported.kind, None, "", reported.text
    reason = reason_of(reported.text, status=reported.status, addresses=(reported.address,))
    kind: EventKind = reported.kind
    if reported.kind is EventKind.BOUNCED:
        refused = reason.certain and reason.action in (Action.SUPPRESS, Action.FAIL)
        kind = EventKind.BOUNCED if refused and reason.kind is EventKind.SOFT_BOUNCED else reason.kind
    return kind, reason.code, reason.enhanced_code[:16], reason.words


def check_installed() -> None:
    """Raise UserError where the packages that read and verify events are not installed."""
    try:
        import anymail  # type: ignore[import-untyped]
        import cryptography
    except ModuleNotFoundError as error:
        problem = f"[events] needs {error.name}, which is not installed"
        hint = 'pip install "mailrunner[esp]"'
        raise UserError(Problem(problem, "mailrunner.toml", "events", hint)) from error
    assert anymail and cryptography  # noqa: S101
