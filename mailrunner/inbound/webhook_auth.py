"""Authentication of webhook requests: passwords and signatures, verified before an event is read.

    basic authentication   RFC 7617, in the address that the provider was given
    Mailgun                HMAC-SHA256 of timestamp and token; documentation.mailgun.com, "Securing webhooks"
    SendGrid               ECDSA of timestamp and body; twilio.com/docs/sendgrid, "Event Webhook Security"
    SNS (for SES)          RSA under a certificate of Amazon's; docs.aws.amazon.com/sns, "Verifying
                           the signatures of Amazon SNS messages"

Providers try again for hours, with the timestamps of the first time, so only what is older than two days
is refused as stale; what was recorded already changes nothing anyhow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from mailrunner.clock import utc_minute
from mailrunner.config.events import EventSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509 import Certificate

_STALE = timedelta(days=2)
_AHEAD = timedelta(minutes=15)  # how far the provider's clock may differ from ours
_TIMEOUT = 10  # seconds
_LONGEST = 65_536  # octets of a certificate
_QUOTED = 120  # characters of what a request says that are shown
_TOLD = 300  # characters of a whole refusal
_TOKENS = 200_000  # of Mailgun that are remembered; some 30 MB
_SENDGRID_STAMP = "x-twilio-email-event-webhook-timestamp"
_SENDGRID_SIGNATURE = "x-twilio-email-event-webhook-signature"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_CERTIFICATE = re.compile(
    r"https://(sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)(/SimpleNotificationService-\w+\.pem)"
)

FetchCertificate = Callable[[str], bytes]


def cut(value: object, most: int = _QUOTED) -> str:
    """A value out of a request on one line, at most `most` characters of it."""
    text = str(value)[: most + 1]
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return shown if len(text) <= most else f"{shown[:most]}…"


class WebhookError(Exception):
    """A webhook request is refused; `status` is the answer to the provider (RFC 9110 §15).

    The sentence goes to the operator and into the answer, so it is cut whatever stands in it.
    """

    status = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(cut(sentence, _TOLD))


class MalformedEventError(WebhookError):
    """The request is not what the provider sends."""


class NotAuthenticError(WebhookError):
    """The request does not prove that it comes from the provider."""

    status = 403


class LoginRequiredError(NotAuthenticError):
    """The request has no user and password; some providers send them only once they are asked to."""

    status = 401


class UnknownProviderError(WebhookError):
    """There is no such provider, or mailrunner.toml does not name it."""

    status = 404


class VerificationUnavailableError(WebhookError):
    """The request cannot be verified just now; the provider should try again."""

    status = 503


def check_login(settings: EventSettings, headers: Mapping[str, str]) -> None:
    """Raise NotAuthenticError unless the request has the user and password that were agreed, if any were."""
    if settings.login is None:
        return
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        raise LoginRequiredError("it has no user and password")
    wanted = base64.b64encode(settings.login.get_secret_value().encode())
    if not hmac.compare_digest(given.strip().encode(), wanted):
        raise NotAuthenticError("its user and password are not those of mailrunner.toml")


class MailgunVerifier:
    """Verifies posts of Mailgun, whose signature covers a time and a token but not the event.

    So a token is tied to the first event that came with it: the same post again is Mailgun's own second
    try, another event under that token is a forgery.  Tokens are remembered in memory for as long as
    their time is accepted, the newest of them.
    """

    def __init__(self, tokens: int = _TOKENS) -> None:
        self._most = tokens
        self._events: OrderedDict[str, bytes] = OrderedDict()  # digests, by token
        self._guard = threading.Lock()

    def check(self, settings: EventSettings, posted: Mapping[str, Any], now: datetime) -> None:
        """Raise WebhookError unless Mailgun has signed it lately, and for this event."""
        signature = posted["signature"]
        stamp, token = str(signature["timestamp"]), str(signature["token"])
        assert settings.signing_key is not None  # noqa: S101 - mailrunner.toml must name it
        key = settings.signing_key.get_secret_value().encode()
        wanted = hmac.new(key, f"{stamp}{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(str(signature["signature"]).encode("utf-8", "replace"), wanted.encode()):
            raise NotAuthenticError("its signature is not Mailgun's, or the signing key has changed")
        _check_fresh(stamp, now)
        self._check_first(f"{stamp}{token}", posted["event-data"])

    def _check_first(self, signed: str, event: Any) -> None:
        # Of what is signed: the same text, cut elsewhere, is no other token.
        digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).digest()
        name = hashlib.sha256(signed.encode("utf-8", "replace")).hexdigest()
        with self._guard:
            if self._events.setdefault(name, digest) != digest:
                raise NotAuthenticError("its signature was used before, for another event")
            while len(self._events) > self._most:
                self._events.popitem(last=False)


def check_sendgrid_headers(settings: EventSettings, headers: Mapping[str, str]) -> None:
    """Raise NotAuthenticError where the header lacks the signature that is wanted."""
    if settings.public_key is not None and not headers.get(_SENDGRID_SIGNATURE):
        raise NotAuthenticError("it has no signature of SendGrid's")


def check_sendgrid(settings: EventSettings, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Check the signature of the signed event webhook, where a key is set."""
    if settings.public_key is None:
        return
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = _sendgrid_key(settings.public_key)
    stamp = headers.get(_SENDGRID_STAMP, "")
    signature = _decoded(headers.get(_SENDGRID_SIGNATURE, ""))
    try:
        key.verify(signature, stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise NotAuthenticError(
            "its signature is not SendGrid's, or the verification key has changed"
        ) from None
    _check_fresh(stamp, now)


def _sendgrid_key(public_key: str) -> ec.EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode(public_key))
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise VerificationUnavailableError(
            "events.sendgrid.public_key in mailrunner.toml is not SendGrid's verification key"
        )
    return key


class SnsVerifier:
    """Verifies messages of SNS (for SES); certificates are fetched once."""

    def __init__(self, fetch: FetchCertificate) -> None:
        self._fetch = fetch
        self._certificates: dict[str, Certificate] = {}

    def check(self, settings: EventSettings, message: Mapping[str, Any], now: datetime) -> None:
        """Check that Amazon signed it, and that its topic is one of ours: anyone can have a topic."""
        if message["TopicArn"] not in settings.topics:
            raise NotAuthenticError(
                f"the topic '{cut(message['TopicArn'])}' is not among those of mailrunner.toml"
            )
        url, region = str(message["SigningCertURL"]), str(message["TopicArn"]).split(":")[3]
        found = _CERTIFICATE.fullmatch(url)
        if found is None or not found[1].startswith(f"sns.{region}."):
            raise NotAuthenticError("its certificate is not on Amazon's own host")
        self._verify(message, self._certificate(url), now)
        sent_at = datetime.fromisoformat(message["Timestamp"])
        _check_fresh(str(sent_at.timestamp()), now)

    def _certificate(self, url: str) -> Certificate:
        from cryptography.x509 import load_pem_x509_certificate

        if url not in self._certificates:
            try:
                self._certificates[url] = load_pem_x509_certificate(self._fetch(url))
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise VerificationUnavailableError(
                    f"the certificate {cut(url)} cannot be fetched: {cut(error)}"
                ) from error
        return self._certificates[url]

    @staticmethod
    def _verify(message: Mapping[str, Any], certificate: Certificate, now: datetime) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise NotAuthenticError("its certificate is not valid at this time")
        # Version 1 is the default of a topic and uses SHA-1; version 2 must be asked for.
        digest = hashes.SHA256() if message["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303
        key = cast("rsa.RSAPublicKey", certificate.public_key())
        try:
            key.verify(_decoded(message["Signature"]), signed_text(message), padding.PKCS1v15(), digest)
        except InvalidSignature:
            raise NotAuthenticError("its signature is not Amazon's") from None


def signed_text(message: Mapping[str, Any]) -> bytes:
    """The text that SNS signs: fields by name, each name and value on a line of its own."""
    fields = _SIGNED.get(message["Type"])
    if fields is None:
        raise MalformedEventError(f"SNS has no messages of the type '{cut(message['Type'])}'")
    present = (field for field in fields if message.get(field) is not None)
    return "".join(f"{field}\n{message[field]}\n" for field in present).encode()


def fetch_certificate(url: str) -> bytes:
    """Get one of Amazon's certificates over https, following no redirect; raises OSError."""
    found = _CERTIFICATE.fullmatch(url)
    if found is None:
        raise OSError("it is not on Amazon's own host")
    connection = http.client.HTTPSConnection(found[1], timeout=_TIMEOUT, context=ssl.create_default_context())
    try:
        connection.request("GET", found[2])
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"{answer.status} {answer.reason}")
        return answer.read(_LONGEST)
    finally:
        connection.close()


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except ValueError:
        raise NotAuthenticError("its signature is not base64") from None


def _check_fresh(stamp: str, now: datetime) -> None:
    try:
        signed_at = datetime.fromtimestamp(float(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedEventError("its time of signing cannot be read") from None
    if not now - _STALE <= signed_at <= now + _AHEAD:
        raise NotAuthenticError(
            f"it was signed at {utc_minute(signed_at)}: too old, or ahead of this server's clock"
        )
