"""SMTP2GO: `email/mime`, which tells failures inside a 200 unless it is told to accept fast.

https://developers.smtp2go.com/reference/send-mime-email.  The recipient comes from the header.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from mailrunner.model.told_quota import Remaining, ToldQuota, whole
from mailrunner.transports.apis import ApiAnswer, ApiMessage, ApiUnavailableError, AskedMessage, Call
from mailrunner.transports.apis.common import MIB, BaseApi, dig, raw_text, words
from mailrunner.transports.http_request import Base64Of, HttpAnswer, HttpRequest


class Smtp2goApi(BaseApi):
    """The key goes into a header field of its own."""

    provider = "smtp2go-api"
    max_bytes = 35 * MIB
    quota_right = "Statistics"
    place = "SMTP2GO's activity"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        value = {"mime_email": Base64Of(message.addressed()), "fastaccept": False}
        return self._submission(value)

    def _submission(self, value: dict[str, Any]) -> HttpRequest:
        return self._post("/v3/email/mime", value, self._key())

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        data = dig(said, "data") if isinstance(dig(said, "data"), dict) else said
        if answer.status >= 300:
            name = words(dig(data, "error_code"), dig(said, "error_code"))
            return ApiAnswer(False, name, words(dig(data, "error"), dig(said, "error")) or raw_text(answer))
        succeeded, failed = dig(data, "succeeded"), dig(data, "failed")
        if isinstance(succeeded, int) and succeeded > 0:
            return ApiAnswer(True, id=words(dig(data, "email_id")))
        if isinstance(failed, int) and failed > 0:
            failures = dig(data, "failures")
            told = "; ".join(map(_told, failures)) if isinstance(failures, list) else ""
            return ApiAnswer(False, f"failed={failed}", told)
        return ApiAnswer(None, words(dig(data, "error_code")), raw_text(answer))

    def ask(self, call: Call, sought: AskedMessage) -> bool:
        """The activity of this recipient, with the header field that has our delivery's token."""
        value: dict[str, object] = {
            "search_recipient": sought.recipient,
            "custom_headers": ["X-Mailrunner-Delivery"],
        }
        if sought.attempted_at:
            value["start_date"] = (sought.attempted_at - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = call(self._post("/v3/activity/search", value, self._key()))
        events = dig(answer.json(), "data", "events")
        if answer.status != 200 or not isinstance(events, list):
            raise ApiUnavailableError(f"SMTP2GO answered {answer.status} to the search")
        return any(sought.token in json.dumps(event) for event in events)

    def quota_request(self, now: datetime) -> HttpRequest:
        """The billing cycle (developers.smtp2go.com/reference/email-cycle)."""
        return self._post("/v3/stats/email_cycle", {}, self._key())

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """What the cycle has left; a plan may let more through, and charge it."""
        data = dig(answer.json(), "data") if answer.status == 200 else None
        left = whole(dig(data, "cycle_remaining"))
        if left is None:
            return None
        return ToldQuota(remaining=(Remaining("month", left, whole(dig(data, "cycle_max")), True),))

    def _key(self) -> tuple[str, str]:
        return "X-Smtp2go-Api-Key", self._settings.bearer()


def _told(failure: object) -> str:
    return failure if isinstance(failure, str) else words(dig(failure, "error"), dig(failure, "message"))
