"""Resend: one message as fields, under an idempotency key that holds for 24 hours.

https://resend.com/docs/api-reference/emails/send-email.  A request that was taken may be repeated with the
same key and the same body: it is answered alike and sends nothing.  So the body has neither Date nor any
other value of the attempt.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailrunner.transports.apis import ApiAnswer, ApiMessage, AttachedFile
from mailrunner.transports.apis.common import (
    MIB,
    BaseApi,
    cut_yes,
    dig,
    display,
    given,
    headers_without,
    raw_text,
    words,
)
from mailrunner.transports.http_request import HttpAnswer, HttpRequest


class ResendApi(BaseApi):
    """The key of a delivery is its token, which is the same at each attempt."""

    provider = "resend-api"
    repeats = True
    max_bytes = 28 * MIB  # 40 MB in base64

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        tags = [{"name": "delivery", "value": message.delivery_token}] if message.delivery_token else []
        value = given(
            to=[display(message.to)],
            reply_to=display(message.reply_to) if message.reply_to else "",
            subject=message.subject,
            html=message.html,
            text=message.text,
            headers=headers_without(message),
            attachments=list(map(_attachment, message.files)),
            tags=tags,
        )
        value["from"] = display(message.from_)
        key = [("Idempotency-Key", message.delivery_token)] if message.delivery_token else []
        return self._post("/emails", value, self._authorized(), *key)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/emails", value, self._authorized())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if answer.status < 300 and (identity := words(dig(said, "id"))):
            return ApiAnswer(True, id=identity)
        text = words(dig(said, "message")) or raw_text(answer)
        return ApiAnswer(cut_yes(answer), words(dig(said, "name")), text)


def _attachment(file: AttachedFile) -> dict[str, Any]:
    return given(
        filename=file.name, content=file.content, content_type=file.media_type, content_id=file.content_id
    )
