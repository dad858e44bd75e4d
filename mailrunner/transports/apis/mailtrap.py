"""Mailtrap: one message as fields, by its bulk stream unless the account names another.

https://api-docs.mailtrap.io/docs/mailtrap-api-docs/67f1d70aeb62c-send-email-including-templates
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailrunner.transports.apis import ApiAnswer, ApiMessage
from mailrunner.transports.apis.common import (
    MIB,
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


class MailtrapApi(BaseApi):
    """It may say in the body of a 200 that it failed."""

    provider = "mailtrap-api"
    max_bytes = 10 * MIB

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        value = given(
            to=[as_object(message.to)],
            reply_to=as_object(message.reply_to) if message.reply_to else None,
            subject=message.subject,
            text=message.text,
            html=message.html,
            headers=headers_without(message),
            attachments=list(map(attachment, message.files)),
            custom_variables=given(delivery=message.delivery_token),
        )
        value["from"] = as_object(message.from_)
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/api/send", value, self._authorized())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        success = dig(said, "success")
        if answer.status < 300 and success is True:
            return ApiAnswer(True, id=words(dig(said, "message_ids", 0)))
        text = words(dig(said, "errors", 0), dig(said, "error"), dig(said, "errors")) or raw_text(answer)
        return ApiAnswer(False if answer.status >= 300 or success is False else None, text=text)
