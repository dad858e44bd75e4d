"""The Gmail API: `messages.send` as an upload of the finished message.

https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/send.  The recipient
comes from the header; Google gives the message a Message-ID of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import BaseApi, cut_yes, dig, raw_text, words
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

_MESSAGES = "/gmail/v1/users/me/messages"
_TOKEN_FIELD = "X-Mailrunner-Delivery"  # noqa: S105 - the name of a header field


class GmailApi(BaseApi):
    """`bearer` gives an OAuth token with a scope that may send; one that may list can be asked as well."""

    provider = "gmail-api"
    max_bytes = 36_700_160  # the discovery document's
    place = "Gmail"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        return self._upload(message.addressed())

    def key_request(self, now: datetime) -> HttpRequest:
        """An upload of nothing, by which the login and its scope are tried."""
        return self._upload(b"")

    def _upload(self, octets: bytes) -> HttpRequest:
        headers = (("Content-Type", "message/rfc822"), self._authorized())
        return HttpRequest("POST", f"/upload{_MESSAGES}/send?uploadType=media", headers, (octets,))

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if answer.status < 300 and (identity := words(dig(said, "id"))):
            return ApiAnswer(True, id=identity)
        error = dig(said, "error")
        reason = words(dig(error, "errors", 0, "reason"), dig(error, "status"))
        text = words(dig(error, "message"), dig(error, "errors", 0, "message"), error) or raw_text(answer)
        return ApiAnswer(cut_yes(answer), reason, text)

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """Messages to this recipient since the attempt, until one has our delivery's token."""
        since = sought.attempted_at - timedelta(minutes=10) if sought.attempted_at else None
        query = f"in:anywhere to:{sought.recipient}" + (f" after:{int(since.timestamp())}" if since else "")
        found = dig(self._get(call, f"{_MESSAGES}?{urlencode({'q': query, 'maxResults': 20})}"), "messages")
        shown = urlencode({"format": "metadata", "metadataHeaders": _TOKEN_FIELD})
        for each in found if isinstance(found, list) else ():
            fields = dig(
                self._get(call, f"{_MESSAGES}/{words(dig(each, 'id'))}?{shown}"), "payload", "headers"
            )
            if any(dig(field, "value") == sought.token for field in fields or ()):
                return True
        return False

    def _get(self, call: Call, target: str) -> object:
        answer = call(HttpRequest("GET", target, (self._authorized(),)))
        said = answer.json()
        if answer.status != 200 or not isinstance(said, dict):
            need = "the login needs a scope that may read (gmail.readonly)"
            raise ApiUnavailableError(f"Gmail answered {answer.status}: {need}")
        return said
