"""SparkPost: a transmission with the finished message as `email_rfc822`.

https://developers.sparkpost.com/api/transmissions/
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from mailrunner.model.told_quota import ToldQuota, counts
from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import MIB, BaseApi, dig, raw_text, words
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

_OPTIONS = {"open_tracking": False, "click_tracking": False, "perform_substitutions": False}


class SparkpostApi(BaseApi):
    """The key goes into Authorization as it is."""

    provider = "sparkpost-api"
    max_bytes = 20 * MIB
    quota_right = "Account: Read"
    place = "SparkPost's events"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        value = {
            "options": _OPTIONS,
            "recipients": [{"address": {"email": message.recipient}}],
            "content": {"email_rfc822": message.data.decode("utf-8", "replace")},
        }
        if message.delivery_token:
            value["metadata"] = {"delivery": message.delivery_token}
        return self._submission(value)

    def refuses(self, message: ApiMessage) -> str:
        """As the others; and double braces, which SparkPost replaces in a finished message too."""
        seen = (message.subject, message.html or "", message.text, *(value for _, value in message.headers))
        if any("{{" in text for text in seen):
            return 'the message has "{{", which SparkPost would take for its own placeholder'
        return super().refuses(message)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/api/v1/transmissions", value, self._key())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        accepted = dig(said, "results", "total_accepted_recipients")
        identity = words(dig(said, "results", "id"))
        if answer.status < 300 and isinstance(accepted, int) and accepted > 0:
            return ApiAnswer(True, id=identity)
        error = dig(said, "errors", 0) or dig(said, "results", "rcpt_to_errors", 0)
        name, text = words(dig(error, "code")), words(dig(error, "message"))
        if description := words(dig(error, "description")):
            text = f"{text}: {description}"
        if answer.status < 300 and isinstance(accepted, int):
            return ApiAnswer(False, name or "2000", text)
        return ApiAnswer(None if answer.status < 300 else False, name, text or raw_text(answer))

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """The events of this recipient, by our delivery's token in their metadata."""
        query = {"recipients": sought.recipient, "per_page": "1000"}
        if sought.attempted_at:
            query["from"] = (sought.attempted_at - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = call(HttpRequest("GET", f"/api/v1/events/message?{urlencode(query)}", (self._key(),)))
        found = dig(answer.json(), "results")
        if answer.status != 200 or not isinstance(found, list):
            raise ApiUnavailableError(f"SparkPost answered {answer.status}: the key may not read events")
        return any(dig(e, "rcpt_meta", "delivery") == sought.token for e in found)

    def quota_request(self, now: datetime) -> HttpRequest:
        """The account with its use (developers.sparkpost.com/api/account)."""
        return HttpRequest("GET", "/api/v1/account?include=usage", (self._key(),))

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """What the day and the month have left, where they have a limit."""
        usage = dig(answer.json(), "results", "usage") if answer.status == 200 else None
        if not isinstance(usage, dict):
            return None
        day, month = ((dig(usage, each, "used"), dig(usage, each, "limit")) for each in ("day", "month"))
        return ToldQuota(remaining=counts("day", *day) + counts("month", *month))

    def _key(self) -> tuple[str, str]:
        return "Authorization", self._settings.bearer()
