"""Events of Amazon SES: feedback notifications and event publishing, which differ in one name.

docs.aws.amazon.com/ses, "Contents of event data that Amazon SES publishes to Amazon SNS"
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mailrunner.inbound.providers import ProviderReport
from mailrunner.model.inbound_event import EventKind

_OWN_HEADERS = ("x-mailrunner-delivery", "message-id")
_NO_COMPLAINTS = ("not-spam", "auth-failure")
_PLAIN = {
    "Delivery": EventKind.DELIVERED,
    "DeliveryDelay": EventKind.DELAYED,
    "Reject": EventKind.SOFT_BOUNCED,  # the message was rejected, not the address
}


def read(message: Mapping[str, Any]) -> list[ProviderReport]:
    """What one notification of SNS says; raises KeyError, TypeError or ValueError for what is none."""
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


def _bounce(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderReport]:
    bounce = event["bounce"]
    is_permanent = bounce["bounceType"] == "Permanent"
    kind = EventKind.BOUNCED if is_permanent else EventKind.SOFT_BOUNCED
    if bounce.get("bounceSubType") == "UnsubscribedRecipient":
        kind = EventKind.UNSUBSCRIBED
    for person in bounce["bouncedRecipients"]:
        words = person.get("diagnosticCode") or f"{bounce['bounceType']}: {bounce.get('bounceSubType', '')}"
        status = person.get("status", "")
        yield _said(event, event_id, kind, person["emailAddress"], bounce, words=words, status=status)


def _complaint(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderReport]:
    complaint = event["complaint"]
    feedback = complaint.get("complaintFeedbackType") or ""
    if feedback not in _NO_COMPLAINTS:
        for person in complaint["complainedRecipients"]:
            yield _said(
                event, event_id, EventKind.COMPLAINED, person["emailAddress"], complaint, words=feedback
            )


def _subscription(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderReport]:
    change = event["subscription"]
    if change.get("newTopicPreferences", {}).get("unsubscribeAll"):
        for address in event["mail"]["destination"]:
            yield _said(event, event_id, EventKind.UNSUBSCRIBED, address, change)


def _plain(event: Mapping[str, Any], event_id: str) -> Iterator[ProviderReport]:
    name = event.get("eventType") or event["notificationType"]
    told = event.get(name[:1].lower() + name[1:], {})
    people = told.get("delayedRecipients") or [{"emailAddress": a} for a in event["mail"]["destination"]]
    for person in people:
        words = person.get("diagnosticCode") or told.get("smtpResponse") or told.get("reason") or ""
        status = person.get("status", "")
        yield _said(event, event_id, _PLAIN[name], person["emailAddress"], told, words=words, status=status)


_READERS = {
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Subscription": _subscription,
    **dict.fromkeys(_PLAIN, _plain),
}


def _said(
    event: Mapping[str, Any],
    event_id: str,
    kind: EventKind,
    address: str,
    told: Mapping[str, Any],
    *,
    words: str = "",
    status: str = "",
) -> ProviderReport:
    mail = event["mail"]
    headers = {header["name"].casefold(): str(header["value"]) for header in mail.get("headers", ())}
    moment = told.get("timestamp")
    return ProviderReport(
        kind=kind,
        address=address,
        event_id=f"{event_id} {address}",
        names=tuple(headers[name] for name in _OWN_HEADERS if name in headers),
        provider_id=mail["messageId"],
        happened_at=datetime.fromisoformat(moment) if moment else None,
        words=words.removeprefix("smtp; "),
        status=status,
    )
