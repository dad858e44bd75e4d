"""Mailchimp Transactional (Mandrill): `send-raw`, which answers 200 with what became of the recipient.

https://mailchimp.com/developer/transactional/api/messages/send-mime-document/; X-MC fields in the message
work as they do over SMTP.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from mailrunner.model.quota import Limit
from mailrunner.model.told_quota import ToldQuota, whole
from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import MIB, BaseApi, dig, raw_text, words
from mailrunner.transports.http_request import HttpAnswer, HttpRequest

_TAKEN = ("sent", "queued", "scheduled")


class MandrillApi(BaseApi):
    """`stream` is a subaccount; the key stands in the body of each request."""

    provider = "mandrill-api"
    max_bytes = 25 * MIB
    place = "Mandrill's log"
    quota_right = "users/info"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        head = ["X-MC-Track: none"]  # tracking would rewrite our links
        if message.delivery_token:
            head.append(f"X-MC-Metadata: {json.dumps({'delivery': message.delivery_token})}")
        if self._settings.stream:
            head.append(f"X-MC-Subaccount: {self._settings.stream}")
        raw = "\r\n".join((*head, message.data.decode("utf-8", "replace")))
        value = {"raw_message": raw, "to": [message.recipient], "async": False}
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        keyed = {"key": self._settings.bearer(), **value}
        return self._post("/api/1.0/messages/send-raw.json", keyed)

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if answer.status >= 300:
            text = words(dig(said, "message")) or raw_text(answer)
            return ApiAnswer(False, words(dig(said, "name")), text)
        one = dig(said, 0)
        status = words(dig(one, "status"))
        reason = words(dig(one, "reject_reason"), dig(one, "queued_reason"))
        if not status:
            return ApiAnswer(None, text=raw_text(answer))
        return ApiAnswer(status in _TAKEN, status, reason, words(dig(one, "_id")))

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """The messages of the last seven days to this recipient, by our delivery's token."""
        value = {"key": self._settings.bearer(), "query": f"email:{sought.recipient}", "limit": 100}
        if sought.attempted_at:
            value["date_from"] = (sought.attempted_at - timedelta(days=1)).date().isoformat()
        answer = call(self._post("/api/1.0/messages/search.json", value))
        found = answer.json()
        if answer.status != 200 or not isinstance(found, list):
            raise ApiUnavailableError(f"Mandrill answered {answer.status} to the search")
        return any(dig(e, "metadata", "delivery") == sought.token for e in found)

    def quota_request(self, now: datetime) -> HttpRequest:
        """The user (users/info), with the quota of an hour."""
        return self._post("/api/1.0/users/info.json", {"key": self._settings.bearer()})

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """The recipients an hour; what is over stays queued at Mandrill."""
        hour = whole(dig(answer.json(), "hourly_quota")) if answer.status == 200 else None
        return None if hour is None else ToldQuota((Limit.parse(f"{max(1, hour)}/1h"),))
