"""Events as providers post them, signed with keys of our own.

poster = Poster(signer=signer, number=delivery)
headers, body = poster.request("mailgun_bounce")
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from mailrunner.config.events import EventSettings
from mailrunner.inbound.webhook_auth import signed_text
from mailrunner.model.tokens import TokenSigner, message_id

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:feedback"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
LOGIN = "mailrunner:correct-horse-battery"
SIGNING_KEY = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"

Request = tuple[dict[str, str], bytes]


def names() -> list[str]:
    """The events that there are, as PROVIDER_EVENT."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.json"))


def basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


class Poster:
    """Posts events about one of our messages as each provider would; `now` is when."""

    def __init__(self, *, signer: TokenSigner, number: int, now: datetime = NOW) -> None:
        self._now = now
        self.message_id = message_id(signer, number, "example.org")
        self.token = signer.token("delivery", number)

    @cached_property
    def settings(self) -> dict[str, EventSettings]:
        """Those under which our keys are the providers'."""
        der = self._sendgrid_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        login = SecretStr(LOGIN)
        return {
            "ses": EventSettings(topics=(TOPIC,)),
            "mailgun": EventSettings(signing_key=SecretStr(SIGNING_KEY)),
            "postmark": EventSettings(login=login),
            "sendgrid": EventSettings(public_key=base64.b64encode(der).decode()),
            "brevo": EventSettings(login=login),
        }

    def event(self, name: str) -> Any:
        text = (Path(__file__).parent / f"{name}.json").read_text("utf-8")
        text = text.replace("BARE_MESSAGE_ID", self.message_id.strip("<>"))
        return json.loads(text.replace("MESSAGE_ID", self.message_id).replace("TOKEN", self.token))

    def request(self, name: str) -> Request:
        """The headers and body of one event's request."""
        return self.post(name.partition("_")[0], self.event(name))

    def post(self, provider: str, event: Any) -> Request:
        """The same for an event of one's own."""
        if provider == "mailgun":
            return self.mailgun(event)
        if provider == "ses":
            return self.sns(Message=json.dumps(event))
        body = json.dumps(event).encode()
        return (self.sendgrid(body) if provider == "sendgrid" else {"Authorization": basic(LOGIN)}), body

    def mailgun(self, event: Any, *, key: str = SIGNING_KEY, token: str = "") -> Request:
        """Each event with a token of its own, as Mailgun does, unless one is named."""
        stamp = str(int(self._now.timestamp()))
        token = token or f"c27add42{hashlib.sha256(json.dumps(event).encode()).hexdigest()[:42]}"
        proof = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        signature = {"timestamp": stamp, "token": token, "signature": proof}
        return {}, json.dumps({"signature": signature, "event-data": event}).encode()

    def sendgrid(self, body: bytes) -> dict[str, str]:
        stamp = str(int(self._now.timestamp()))
        proof = self._sendgrid_key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(proof).decode(),
        }

    def sns(self, *, kind: str = "Notification", version: str = "2", **fields: str) -> Request:
        message = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Timestamp": f"{self._now:%Y-%m-%dT%H:%M:%S}.000Z",
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE,
            **fields,
        }
        digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - what SNS uses by default
        proof = self._amazon_key.sign(signed_text(message), padding.PKCS1v15(), digest)
        signed = {**message, "Signature": base64.b64encode(proof).decode()}
        return {"x-amz-sns-message-type": kind}, json.dumps(signed).encode()

    def certificate(self, *, valid_for: timedelta = timedelta(days=365)) -> bytes:
        """Our own in the place of Amazon's."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        since = self._now - timedelta(days=400)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._amazon_key.public_key())
            .serial_number(1)
            .not_valid_before(since)
            .not_valid_after(self._now - timedelta(days=1) + valid_for)
        )
        return built.sign(self._amazon_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @cached_property
    def _amazon_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def _sendgrid_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())


def changed(request: Request, **fields: Any) -> Request:
    """The same request with other fields in its JSON object, whatever was signed."""
    headers, body = request
    return headers, json.dumps({**json.loads(body), **fields}).encode()


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """As servers hand headers on."""
    return {name.lower(): value for name, value in headers.items()}
