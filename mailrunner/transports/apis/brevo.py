"""Brevo: one transactional message as fields.

https://developers.brevo.com/reference/sendtransacemail.  It has no inline images, and takes an
attachment's type from its name.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

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


class BrevoApi(BaseApi):
    """The key ("xkeysib-…") is another one than that of SMTP."""

    provider = "brevo-api"
    max_bytes = 20 * MIB

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
