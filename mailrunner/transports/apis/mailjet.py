"""Mailjet: Send API v3.1, one message as fields.

https://dev.mailjet.com/email/reference/send-emails/
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailrunner.transports.apis import ApiAnswer, ApiMessage, AttachedFile
from mailrunner.transports.apis.common import (
    MIB,
    BaseApi,
    as_object,
    basic,
    dig,
    given,
    headers_without,
    raw_text,
    words,
)
from mailrunner.transports.http_request import HttpAnswer, HttpRequest


class MailjetApi(BaseApi):
    """`key` and `secret` are the account's pair."""

    provider = "mailjet-api"
    max_bytes = 15 * MIB

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        value = given(
            From=as_object(message.from_, "Email", "Name"),
            To=[as_object(message.to, "Email", "Name")],
            ReplyTo=as_object(message.reply_to, "Email", "Name") if message.reply_to else None,
            Subject=message.subject,
            TextPart=message.text,
            HTMLPart=message.html,
            Headers=headers_without(message),
            Attachments=[_attachment(file) for file in message.files if not file.content_id],
            InlinedAttachments=[
                {**_attachment(file), "ContentID": file.content_id}
                for file in message.files
                if file.content_id
            ],
            CustomID=message.delivery_token,
            TrackOpens="disabled",
            TrackClicks="disabled",
        )
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        login = basic(self._settings.bearer(), self._settings.secret)
        return self._post("/v3.1/send", {"Messages": [value]}, login)

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        one = dig(said, "Messages", 0)
        if answer.status < 300 and dig(one, "Status") == "success":
            return ApiAnswer(True, id=words(dig(one, "To", 0, "MessageID"), dig(one, "To", 0, "MessageUUID")))
        error = dig(one, "Errors", 0) or said
        place = words(dig(error, "ErrorRelatedTo", 0))
        text = " ".join(filter(None, (words(dig(error, "ErrorMessage")), place))) or raw_text(answer)
        taken = False if answer.status >= 300 or dig(one, "Status") == "error" else None
        return ApiAnswer(taken, words(dig(error, "ErrorCode")), text)


def _attachment(file: AttachedFile) -> dict[str, str]:
    return {"ContentType": file.media_type, "Filename": file.name, "Base64Content": file.content}
