"""Mailgun: `messages.mime`, a form with the finished message as a file.

https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Messages/
"""

from __future__ import annotations

from datetime import datetime
from secrets import token_hex
from urllib.parse import quote, urlencode

from mailrunner.model.told_quota import ToldQuota, counts
from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import MIB, BaseApi, basic, cut_yes, dig, raw_text, words
from mailrunner.transports.http_request import HttpAnswer, HttpRequest


class MailgunApi(BaseApi):
    """`domain` is the sending domain; a key of that domain alone is enough to send."""

    provider = "mailgun-api"
    max_bytes = 25 * MIB
    place = "Mailgun's events"
    quota_right = "a key of the account: one of a domain may only send"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        fields = {"to": message.recipient, "o:tracking": "no"}  # tracking would rewrite our links
        if message.delivery_token:
            fields["v:mailrunner-delivery"] = message.delivery_token
        return self._form(fields, message.data)

    def key_request(self, now: datetime) -> HttpRequest:
        """A form without a recipient and a message, by which the key is tried."""
        return self._form({"o:tracking": "no"}, None)

    def _form(self, fields: dict[str, str], octets: bytes | None) -> HttpRequest:
        boundary = f"mailrunner-{token_hex(16)}"
        before = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        body = ["".join(before).encode()]
        if octets is not None:
            head = 'Content-Disposition: form-data; name="message"; filename="message.eml"'
            body += (
                f"--{boundary}\r\n{head}\r\nContent-Type: message/rfc822\r\n\r\n".encode(),
                octets,
                b"\r\n",
            )
        body.append(f"--{boundary}--\r\n".encode())
        kind = ("Content-Type", f"multipart/form-data; boundary={boundary}")
        return HttpRequest("POST", f"{self._domain}/messages.mime", (kind, self._login()), body)

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if answer.status < 300 and (identity := words(dig(said, "id"))):
            return ApiAnswer(True, id=identity.strip("<>"))
        text = words(dig(said, "message"), dig(said, "error")) or raw_text(answer)
        return ApiAnswer(cut_yes(answer), text=text)

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """The events of our Message-ID to this recipient; they are kept for days, by plan."""
        query = urlencode({"message-id": sought.message_id.strip("<>"), "recipient": sought.recipient})
        answer = call(HttpRequest("GET", f"{self._domain}/events?{query}", (self._login(),)))
        items = dig(answer.json(), "items")
        if answer.status != 200 or not isinstance(items, list):
            raise ApiUnavailableError(f"Mailgun answered {answer.status}: a sending key may not read events")
        return bool(items)

    def quota_request(self, now: datetime) -> HttpRequest:
        """The custom limit, by which an account is cut off for the rest of a calendar month."""
        return HttpRequest("GET", "/v5/accounts/limit/custom/monthly", (self._login(),))

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """What it has left; an account that set none answers 404."""
        said = answer.json()
        if answer.status == 200 and isinstance(said, dict):
            return ToldQuota(remaining=counts("month", said.get("current"), said.get("limit")))
        return ToldQuota() if answer.status == 404 else None

    @property
    def _domain(self) -> str:
        return f"/v3/{quote(self._settings.domain, safe='')}"

    def _login(self) -> tuple[str, str]:
        return basic("api", self._settings.bearer())
