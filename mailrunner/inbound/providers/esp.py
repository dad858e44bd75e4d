"""Events of Mailgun, Postmark, SendGrid and Brevo, read by django-anymail.

anymail knows how each provider spells an event.  Where it says less than the provider (it makes no
difference between a mailbox that is full and one that does not exist), the provider's own word decides.
Nothing of Django is used but what anymail is written with: no settings file, no apps, no requests.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from mailrunner.inbound.providers import ProviderReport
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
# The provider's own word, casefolded, by the field in which it stands.
_OWN_WORDS = {
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
            "spamnotification": EventKind.SOFT_BOUNCED,  # a filter's verdict, nobody's complaint
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


def read(provider: str, posted: Any) -> list[ProviderReport]:
    """What the posted JSON says; an event of another kind (an opened letter) says nothing.

    Raises ValueError for what the provider would not post.
    """
    events = posted if provider == "sendgrid" else [posted]
    try:
        said = [_said(provider, event) for event in events]
    except Exception as error:
        # anymail's readers trust their provider: what they raise depends on where another shape meets them.
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return [one for one in said if one is not None]


def _said(provider: str, posted: Mapping[str, Any]) -> ProviderReport | None:
    event = _view(provider).esp_to_anymail_event(posted)
    told = posted["event-data"] if provider == "mailgun" else posted
    kind = _own_word(provider, told) or _KINDS.get(event.event_type)
    if kind is None or not event.recipient:
        return None
    names = [event.message_id, *event.metadata.values()]
    return ProviderReport(
        kind=kind,
        address=str(event.recipient),
        event_id=event.event_id
        or f"{told.get('event') or told.get('RecordType')} {event.message_id} "
        f"{event.recipient} {event.timestamp}",
        names=tuple(name for name in names if isinstance(name, str)),
        provider_id=str(told.get(_ID_FIELDS.get(provider, ""), "")).strip("<>"),
        happened_at=event.timestamp,
        words=_words(event.mta_response, told),
        status=_status(told),
    )


def _own_word(provider: str, told: Mapping[str, Any]) -> EventKind | None:
    for field, words in _OWN_WORDS[provider].items():
        if (kind := words.get(str(told.get(field, "")).casefold())) is not None:
            return kind
    return None


def _words(response: str | None, told: Mapping[str, Any]) -> str:
    """The remote server's answer; Mailgun tells its code apart."""
    status = told.get("delivery-status")
    code = str(status.get("code", "")) if isinstance(status, dict) else ""
    words = response or ""
    return f"{code} {words}" if len(code) == 3 and not words.startswith(code) else words


def _status(told: Mapping[str, Any]) -> str:
    status = told.get("delivery-status")
    stated = status.get("enhanced-code") if isinstance(status, dict) else told.get("status")
    return stated if isinstance(stated, str) else ""


@cache
def _view(provider: str) -> Any:
    """anymail's reader of one provider; what it checks of a request is checked elsewhere (`proofs`)."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(ANYMAIL={})
    module = import_module(f"anymail.webhooks.{provider}")
    with warnings.catch_warnings(action="ignore"):  # anymail has no SendGrid account to test with any more
        given = {"webhook_signing_key": "unused"} if provider == "mailgun" else {}
        return getattr(module, _VIEWS[provider])(webhook_secret="unused:unused", **given)  # noqa: S106
