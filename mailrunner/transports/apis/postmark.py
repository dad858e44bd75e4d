"""Postmark: one message as fields.  Its ErrorCodes stand in the body, beside the status.

https://postmarkapp.com/developer/api/email-api
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from mailrunner.transports.apis import (
    ApiAnswer,
    ApiMessage,
    ApiUnavailableError,
    AskedMessage,
    AttachedFile,
    Call,
)
from mailrunner.transports.apis.common import MIB, BaseApi, cut_yes, dig, display, given, raw_text, words
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

_BULK_STREAM = "broadcast"


class PostmarkApi(BaseApi):
    """`stream` is the message stream, by default the one for bulk mail."""

    provider = "postmark-api"
    max_bytes = 10 * MIB
    place = "Postmark's activity"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        own = [("Message-ID", message.message_id), ("X-PM-KeepID", "true")]
        value = given(
            From=display(message.from_),
            To=display(message.to),
            ReplyTo=display(message.reply_to) if message.reply_to else "",
            Subject=message.subject,
            HtmlBody=message.html,
            TextBody=message.text,
            Headers=[{"Name": name, "Value": text} for name, text in (*own, *message.headers)],
            Attachments=list(map(_attachment, message.files)),
            Metadata=given(delivery=message.delivery_token),
            MessageStream=self._settings.stream or _BULK_STREAM,
        )
        value |= {"TrackOpens": False, "TrackLinks": "None"}
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/email", value, self._key())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        code, text = dig(said, "ErrorCode"), words(dig(said, "Message"))
        if answer.status < 300 and code == 0:
            return ApiAnswer(True, id=words(dig(said, "MessageID")))
        if answer.status < 300 and isinstance(code, int):
            return ApiAnswer(False, str(code), text)
        return ApiAnswer(cut_yes(answer), words(code), text or raw_text(answer))

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """Outbound messages to this recipient, by our delivery's token in their metadata."""
        query = {
            "count": "1",
            "offset": "0",
            "recipient": sought.recipient,
            "metadata_delivery": sought.token,
        }
        accept = ("Accept", "application/json")
        answer = call(HttpRequest("GET", f"/messages/outbound?{urlencode(query)}", (accept, self._key())))
        total = dig(answer.json(), "TotalCount")
        if answer.status != 200 or not isinstance(total, int):
            raise ApiUnavailableError(f"Postmark answered {answer.status} to the search")
        return total > 0

    def _key(self) -> tuple[str, str]:
        return "X-Postmark-Server-Token", self._settings.bearer()


def _attachment(file: AttachedFile) -> dict[str, Any]:
    return given(
        Name=file.name,
        Content=file.content,
        ContentType=file.media_type,
        ContentID=f"cid:{file.content_id}" if file.content_id else "",
    )
