"""Amazon SES, API v2: SendEmail with a raw message, signed with Signature Version 4.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html; SES overwrites Message-ID and
Date.  With Raw, Destination replaces the recipients of the header.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mailrunner.model.quota import Limit
from mailrunner.model.told_quota import ToldQuota, whole
from mailrunner.transports.apis import ApiAnswer, ApiMessage
from mailrunner.transports.apis.common import MIB, BaseApi, cut_yes, dig, words
from mailrunner.transports.http_request import Base64Of, HttpAnswer, HttpRequest

_SIGNED = "content-type;host;x-amz-date"


class SesApi(BaseApi):
    """`bearer` gives the access key's id; `stream` is the configuration set."""

    provider = "ses-api"
    max_bytes = 40 * MIB
    quota_right = "ses:GetAccount"

    def request(self, message: ApiMessage, now: datetime) -> HttpRequest:
        value: dict[str, Any] = {
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": Base64Of(message.data)}},
        }
        if self._settings.stream:
            value["ConfigurationSetName"] = self._settings.stream
        if message.delivery_token:
            tag = {"Name": "mailrunner-delivery", "Value": message.delivery_token}
            value["EmailTags"] = [tag]
        return self._signed(self._post("/v2/email/outbound-emails", value), now)

    def key_request(self, now: datetime) -> HttpRequest:
        return self._signed(self._post("/v2/email/outbound-emails", {}), now)

    def read(self, answer: HttpAnswer) -> ApiAnswer:
        said = answer.json()
        if identity := words(dig(said, "MessageId")):
            return ApiAnswer(True, id=identity)
        name = answer.headers.get("x-amzn-errortype", "") or words(dig(said, "__type"), dig(said, "code"))
        name = name.partition(":")[0].rpartition("#")[2]
        return ApiAnswer(cut_yes(answer), name, words(dig(said, "message"), dig(said, "Message")))

    def quota_request(self, now: datetime) -> HttpRequest:
        """GetAccount, which tells the account's limits."""
        return self._signed(
            HttpRequest("GET", "/v2/email/account", (("Content-Type", "application/json"),)), now
        )

    def read_quota(self, answer: HttpAnswer) -> ToldQuota | None:
        """What GetAccount tells; -1 means that there is no limit."""
        said = dig(answer.json(), "SendQuota") if answer.status == 200 else None
        if not isinstance(said, dict):
            return None
        day, rate = whole(said.get("Max24HourSend")), whole(said.get("MaxSendRate"))
        limits = [f"{max(1, day)}/24h"] if day is not None else []
        limits += [f"{max(1, rate)}/second"] if said.get("MaxSendRate", 0) and rate is not None else []
        return ToldQuota(tuple(map(Limit.parse, limits)), sent=whole(said.get("SentLast24Hours")) or 0)

    def _signed(self, request: HttpRequest, now: datetime) -> HttpRequest:
        """Add the header fields of AWS Signature Version 4, service `ses`."""
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        host = urlsplit(self._settings.url).netloc
        digest = hashlib.sha256()
        for piece in request.pieces():
            digest.update(piece)
        fields = f"content-type:application/json\nhost:{host}\nx-amz-date:{stamp}\n"
        signed, extra = _SIGNED, [("X-Amz-Date", stamp)]
        if self._settings.session:
            fields += f"x-amz-security-token:{self._settings.session}\n"
            signed += ";x-amz-security-token"
            extra.append(("X-Amz-Security-Token", self._settings.session))
        canonical = f"{request.method}\n{request.target}\n\n{fields}\n{signed}\n{digest.hexdigest()}"
        scope = f"{stamp[:8]}/{self._settings.region}/ses/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self._settings.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={self._settings.bearer()}/{scope}"
        value = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={signature}"
        headers = (*request.headers, *extra, ("Authorization", value))
        return HttpRequest(request.method, request.target, headers, request.body)
