"""Twilio SendGrid: v3 Mail Send, one message as fields.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.  It answers 202 without a body.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailrunner.model.told_quota import Remaining, ToldQuota, whole
from mailrunner.transports.apis import ApiAnswer, ApiMessage
from mailrunner.transports.apis.common import (
    BaseApi,
    as_object,
    attachment,
    dig,
    given,
    headers_without,
    raw_text,
    words,
)
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

# Names that the API keeps for itself.
_RESERVED = ("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding")
# Tracking rewrites links, and with them the link to unsubscribe.
_NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


class SendgridApi(BaseApi):
    """A message a request: personalizations share one body."""

    provider = "sendgrid-api"
    max_bytes = 30_000_000
    quota_right = "user.credits.read"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        content = [{"type": "text/plain", "value": message.text}] if message.text else []
        content += [{"type": "text/html", "value": message.html}] if message.html else []
        args = given(delivery=message.delivery_token)
        value = given(
            personalizations=[given(to=[as_object(message.to)], custom_args=args)],
            reply_to=as_object(message.reply_to) if message.reply_to else None,
            subject=message.subject,
            headers=headers_without(message, _RESERVED),
            content=content,
            attachments=list(map(attachment, message.files)),
            tracking_settings=_NO_TRACKING,
        )
        value["from"] = as_object(message.from_)
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/v3/mail/send", value, self._authorized())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        if answer.status < 300:
            taken = None if answer.is_page else True
            return ApiAnswer(taken, id=answer.headers.get("x-message-id", ""))
        error = dig(answer.json(), "errors", 0)
        return ApiAnswer(False, words(dig(error, "field")), words(dig(error, "message")) or raw_text(answer))

    def quota_request(self, now: datetime) -> HttpRequest:
        """The balance of credits (users-api/retrieve-your-credit-balance)."""
        return HttpRequest("GET", "/v3/user/credits", (self._authorized(),))

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """The credits that are left: a free plan's are the day's, beyond a bought one's mails are charged."""
        said = answer.json() if answer.status == 200 else None
        left, is_daily = whole(dig(said, "remain")), dig(said, "reset_frequency") == "daily"
        if left is None:
            return None
        window = "day" if is_daily else "month"
        return ToldQuota(remaining=(Remaining(window, left, whole(dig(said, "total")), not is_daily),))
