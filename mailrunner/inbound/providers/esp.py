"""Events of Mailgun, Postmark, SendGrid and Brevo, read by django-anymail.

anymail knows how each provider spells an event.  Where it says less than the provider (it makes no
difference between a mailbox that is full and one that does not exist), the provider's own field decides.
Nothing of Django is used but what anymail is written with: no settings file, no apps, no requests.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from mailrunner.inbound.providers import ProviderEvent
from mailrunner.model.inbound_event import EventKind

_VIEWS = {
    "mailgun": "MailgunTrackingWebhookView",
    "postmark": "PostmarkTrackingWebhookView",
    "sendgrid": "SendGridTrackingWebhookView",
    "brevo": "BrevoTrackingWebhookView",
}
_KINDS = {
    "bounced": EventKind.BOUNCED,
    "rejected": EventKind.SOFT_BOUNCED,
    "failed": EventKind.SOFT_BOUNCED,
    "deferred": EventKind.DELAYED,
    "delivered": EventKind.DELIVERED,
    "autoresponded": EventKind.AUTO_REPLIED,
    "complained": EventKind.COMPLAINED,
    "unsubscribed": EventKind.UNSUBSCRIBED,
}
# The provider's own value, casefolded, by the field in which it stands.
_OWN_KINDS = {
    "mailgun": {
        "reason": {
            "suppress-bounce": EventKind.BOUNCED,
            "suppress-complaint": EventKind.COMPLAINED,
            "suppress-unsubscribe": EventKind.UNSUBSCRIBED,
        }
    },
    "postmark": {
        "Type": {
            "bademailaddress": EventKind.BOUNCED,
            "softbounce": EventKind.SOFT_BOUNCED,
            "spamnotification": EventKind.SOFT_BOUNCED,  # a filter's verdict, not a complaint
            "virusnotification": EventKind.SOFT_BOUNCED,
        }
    },
    "sendgrid": {
        "type": {"blocked": EventKind.SOFT_BOUNCED, "expired": EventKind.SOFT_BOUNCED},
        "reason": {
            "bounced address": EventKind.BOUNCED,
            "invalid": EventKind.BOUNCED,
            "spam reporting address": EventKind.COMPLAINED,
            "unsubscribed address": EventKind.UNSUBSCRIBED,
        },
    },
    "brevo": {"event": {"soft_bounce": EventKind.SOFT_BOUNCED, "unsubscribed": EventKind.UNSUBSCRIBED}},
}
_ID_FIELDS = {"postmark": "MessageID", "sendgrid": "sg_message_id", "brevo": "message-id"}


def read(provider: str, posted: Any) -> list[ProviderEvent]:
    """The events in the posted JSON; those of other kinds (an opened message) are left out.

    Raises ValueError for what the provider would not post.
    """
    events = posted if provider == "sendgrid" else [posted]
    try:
        reported = [_event(provider, event) for event in events]
    except Exception as error:
        # anymail trusts its providers: what it raises depends on where it meets another shape.
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return [event for event in reported if event is not None]


def _event(provider: str, posted: Mapping[str, Any]) -> ProviderEvent | None:
    event = _view(provider).esp_to_anymail_event(posted)
    fields = posted["event-data"] if provider == "mailgun" else posted
    kind = _own_kind(provider, fields) or _KINDS.get(event.event_type)
    if kind is None or not event.recipient:
        return None
    identifiers = [event.message_id, *event.metadata.values()]
    return ProviderEvent(
        kind=kind,
        address=str(event.recipient),
        event_id=event.event_id
        or f"{fields.get('event') or fields.get('RecordType')} {event.message_id} "
        f"{event.recipient} {event.timestamp}",
        identifiers=tuple(text for text in identifiers if isinstance(text, str)),
        provider_id=str(fields.get(_ID_FIELDS.get(provider, ""), "")).strip("<>"),
        happened_at=event.timestamp,
        text=_reply(event.mta_response, fields),
        status=_status(fields),
    )


def _own_kind(provider: str, fields: Mapping[str, Any]) -> EventKind | None:
    for field, kinds in _OWN_KINDS[provider].items():
        if (kind := kinds.get(str(fields.get(field, "")).casefold())) is not None:
            return kind
    return None


def _reply(response: str | None, fields: Mapping[str, Any]) -> str:
    """The remote server's reply; Mailgun gives its code apart."""
    status = fields.get("delivery-status")
    code = str(status.get("code", "")) if isinstance(status, dict) else ""
    text = response or ""
    return f"{code} {text}" if len(code) == 3 and not text.startswith(code) else text


def _status(fields: Mapping[str, Any]) -> str:
    status = fields.get("delivery-status")
    stated = status.get("enhanced-code") if isinstance(status, dict) else fields.get("status")
    return stated if isinstance(stated, str) else ""


@cache
def _view(provider: str) -> Any:
    """anymail's reader of one provider; what it would check of a request is checked by `webhook_auth`."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(ANYMAIL={})
    module = import_module(f"anymail.webhooks.{provider}")
    with warnings.catch_warnings(action="ignore"):  # anymail has no SendGrid account to test with any more
        given = {"webhook_signing_key": "unused"} if provider == "mailgun" else {}
        return getattr(module, _VIEWS[provider])(webhook_secret="unused:unused", **given)  # noqa: S106
