"""Microsoft Graph: sendMail with the finished message in base64.

https://learn.microsoft.com/graph/api/user-sendmail.  The recipient comes from the header, and header fields
that Exchange does not know may be dropped, List-Unsubscribe among them.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import MIB, BaseApi, dig, raw_text, words
from mailrunner.transports.http_request import Base64Of, HttpAnswer, HttpRequest


class GraphApi(BaseApi):
    """`bearer` gives an OAuth token with Mail.Send; with Mail.Read the sent items can be asked."""

    provider = "graph"
    max_bytes = 3 * MIB  # of a request of about four
    place = "Sent Items"
    is_complete = False  # what was deleted by hand is elsewhere

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        return self._message(message.addressed())

    def key_request(self, now: datetime) -> HttpRequest:
        """A message of nothing, by which the login and its permission are tried."""
        return self._message(b"")

    def _message(self, octets: bytes) -> HttpRequest:
        headers = (("Content-Type", "text/plain"), self._authorized())
        return HttpRequest("POST", f"{self._mailbox}/sendMail", headers, (Base64Of(octets),))

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        if answer.status < 300:
            return ApiAnswer(None if answer.is_page else True)
        error = dig(answer.json(), "error")
        return ApiAnswer(False, words(dig(error, "code")), words(dig(error, "message")) or raw_text(answer))

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """The sent items by Message-ID."""
        wanted = quote(f"internetMessageId eq '{sought.message_id}'")
        target = f"{self._mailbox}/mailFolders/sentitems/messages?$select=id&$filter={wanted}"
        answer = call(HttpRequest("GET", target, (self._authorized(),)))
        found = dig(answer.json(), "value")
        if answer.status != 200 or not isinstance(found, list):
            raise ApiUnavailableError(f"Microsoft answered {answer.status}: the login needs Mail.Read")
        return bool(found)

    @property
    def _mailbox(self) -> str:
        mailbox = self._settings.mailbox
        return f"/v1.0/users/{quote(mailbox, safe='@')}" if mailbox else "/v1.0/me"
