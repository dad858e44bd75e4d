"""Events of Amazon SES: feedback notifications and event publishing, which differ in one name.

docs.aws.amazon.com/ses, "Contents of event data that Amazon SES publishes to Amazon SNS"
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mailrunner.inbound.providers import ProviderEvent
from mailrunner.model.inbound_event import EventKind

_OWN_HEADERS = ("x-mailrunner-delivery", "message-id")
_NOT_COMPLAINTS = ("not-spam", "auth-failure")
_OTHER_KINDS = {
    "Delivery": EventKind.DELIVERED,
    "DeliveryDelay": EventKind.DELAYED,
    "Reject": EventKind.SOFT_BOUNCED,  # the message was rejected, not the address
}


def read(message: Mapping[str, Any]) -> list[ProviderEvent]:
    """The events of one notification of SNS; raises KeyError, TypeError or ValueError for what is none."""
    try:
        event = json.loads(message["Message"])
    except ValueError:
        if "Amazon SES" in message["Message"]:  # "Successfully validated SNS topic for …"
            return []
        raise
    kind = event.get("eventType") or event.get("notificationType")
    if "mail" not in event or kind not in _READERS:
        return []
    return list(_READERS[kind](event, message["MessageId"]))


def _bounce(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderEvent]:
    bounce = event["bounce"]
    is_permanent = bounce["bounceType"] == "Permanent"
    kind = EventKind.BOUNCED if is_permanent else EventKind.SOFT_BOUNCED
    if bounce.get("bounceSubType") == "UnsubscribedRecipient":
        kind = EventKind.UNSUBSCRIBED
    for recipient in bounce["bouncedRecipients"]:
        text = recipient.get("diagnosticCode") or f"{bounce['bounceType']}: {bounce.get('bounceSubType', '')}"
        status = recipient.get("status", "")
        yield _event(event, event_id, kind, recipient["emailAddress"], bounce, text=text, status=status)


def _complaint(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderEvent]:
    complaint = event["complaint"]
    feedback = complaint.get("complaintFeedbackType") or ""
    if feedback not in _NOT_COMPLAINTS:
        for recipient in complaint["complainedRecipients"]:
            yield _event(
                event, event_id, EventKind.COMPLAINED, recipient["emailAddress"], complaint, text=feedback
            )


def _subscription(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderEvent]:
    change = event["subscription"]
    if change.get("newTopicPreferences", {}).get("unsubscribeAll"):
        for address in event["mail"]["destination"]:
            yield _event(event, event_id, EventKind.UNSUBSCRIBED, address, change)


def _other(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderEvent]:
    name = event.get("eventType") or event["notificationType"]
    details = event.get(name[:1].lower() + name[1:], {})
    recipients = details.get("delayedRecipients") or [
        {"emailAddress": a} for a in event["mail"]["destination"]
    ]
    for recipient in recipients:
        text = recipient.get("diagnosticCode") or details.get("smtpResponse") or details.get("reason") or ""
        status = recipient.get("status", "")
        yield _event(
            event, event_id, _OTHER_KINDS[name], recipient["emailAddress"], details, text=text, status=status
        )


_READERS = {
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Subscription": _subscription,
    **dict.fromkeys(_OTHER_KINDS, _other),
}


def _event(
    event: Mapping[str, Any],
    event_id: str,
    kind: EventKind,
    address: str,
    details: Mapping[str, Any],
    *,
    text: str = "",
    status: str = "",
) -> ProviderEvent:
    mail = event["mail"]
    headers = {header["name"].casefold(): str(header["value"]) for header in mail.get("headers", ())}
    moment = details.get("timestamp")
    return ProviderEvent(
        kind=kind,
        address=address,
        event_id=f"{event_id} {address}",
        identifiers=tuple(headers[name] for name in _OWN_HEADERS if name in headers),
        provider_id=mail["messageId"],
        happened_at=datetime.fromisoformat(moment) if moment else None,
        text=text.removeprefix("smtp; "),
        status=status,
    )
