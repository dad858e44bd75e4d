"""Brevo: one transactional message as fields.

https://developers.brevo.com/reference/sendtransacemail, get-account.  It has no inline images, and takes an
attachment's type from its name.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mailrunner.model.told_quota import Remaining, ToldQuota, whole
from mailrunner.transports.apis import ApiAnswer, ApiMessage
from mailrunner.transports.apis.common import (
    MIB,
    BaseApi,
    as_object,
    cut_yes,
    dig,
    given,
    headers_without,
    raw_text,
    words,
)
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

_PLANS = ("free", "subscription", "payAsYouGo")  # the others are for text messages and for resellers


class BrevoApi(BaseApi):
    """The key ("xkeysib-…") is another one than that of SMTP."""

    provider = "brevo-api"
    max_bytes = 20 * MIB
    quota_right = "reading the account"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        headers = headers_without(message)
        if message.delivery_token:
            # Its events carry it back, and readers of them take it for JSON.
            headers["X-Mailin-custom"] = json.dumps({"delivery": message.delivery_token})
        value = given(
            sender=as_object(message.from_),
            to=[as_object(message.to)],
            replyTo=as_object(message.reply_to) if message.reply_to else None,
            subject=message.subject,
            htmlContent=message.html,
            textContent=message.text,
            headers=headers,
            attachment=[{"name": file.name, "content": file.content} for file in message.files],
        )
        return self._submission(value)

    def refuses(self, message: ApiMessage) -> str:
        """As the others; and images inside the text, and a message without HTML."""
        if any(file.content_id for file in message.files):
            return "the message has an image inside its text, which Brevo's API does not take"
        if not message.html:
            return "the message has no HTML, which Brevo's API asks for"
        return super().refuses(message)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/v3/smtp/email", value, ("api-key", self._settings.bearer()))

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if answer.status < 300 and (identity := words(dig(said, "messageId"), dig(said, "messageIds", 0))):
            return ApiAnswer(True, id=identity.strip("<>"))
        text = words(dig(said, "message")) or raw_text(answer)
        return ApiAnswer(cut_yes(answer), words(dig(said, "code")), text)

    def quota_request(self, now: datetime) -> HttpRequest:
        """The account, whose plans tell the credits that are left."""
        return HttpRequest("GET", "/v3/account", (("api-key", self._settings.bearer()),))

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """The credits for mail: the day's of the free plan, else those of what was bought, together."""
        plans = dig(answer.json(), "plan") if answer.status == 200 else None
        if not isinstance(plans, list):
            return None
        ours = [plan for plan in plans if dig(plan, "type") in _PLANS]
        bought = [plan for plan in ours if dig(plan, "type") != "free"]
        known = [left for plan in bought or ours if (left := whole(dig(plan, "credits"))) is not None]
        return ToldQuota(remaining=(Remaining("month" if bought else "day", sum(known)),) if known else ())
