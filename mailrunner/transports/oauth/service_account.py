"""The signed request of a Google service account, in the name of a mailbox (RFC 7523 §2.1).

Source: developers.google.com/identity/protocols/oauth2/service-account, "domain-wide delegation".
"""

from __future__ import annotations

import base64
import json
from typing import Any

from mailrunner.clock import SystemClock
from mailrunner.errors import Problem, UserError
from mailrunner.transports.oauth.grant import Grant, endpoints, scope

_LIFE = 3600  # seconds; Google's longest


def assertion(grant: Grant) -> str:
    """A JSON Web Token for the mailbox `grant.user`; UserError where the key file is of no use."""
    key = _service_key(grant)
    now = int(SystemClock().now().timestamp())
    header = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    claims = {
        "iss": key["client_email"],
        "sub": grant.user,
        "aud": endpoints(grant).token,
        "scope": scope(grant),
        "iat": now,
        "exp": now + _LIFE,
    }
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return b".".join((signed, _base64(_signature(grant, key["private_key"], signed)))).decode()


def _signature(grant: Grant, pem: str, signed: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        private: Any = serialization.load_pem_private_key(pem.encode(), password=None)
    except Exception:  # the library names several; none of their texts may be shown, nor kept
        raise _useless_key(grant, "its private_key is none") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise _useless_key(grant, "its private_key is none of RSA")
    return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def _base64(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def _service_key(grant: Grant) -> dict[str, str]:
    try:
        text = grant.key_file.read_text("utf-8") if grant.key_file else ""
        key = json.loads(text)
    except OSError as error:
        raise _useless_key(grant, error.strerror or "it cannot be read") from None
    except (ValueError, RecursionError):
        raise _useless_key(grant, "it is no JSON") from None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise _useless_key(grant, "it is no service account's key")
    if not all(isinstance(key.get(name), str) for name in ("private_key", "client_email")):
        raise _useless_key(grant, "it lacks private_key or client_email")
    return {name: value for name, value in key.items() if isinstance(value, str)}


def _useless_key(grant: Grant, reason: str) -> UserError:
    return UserError(
        Problem(
            f"{grant.key_file} is of no use: {reason}",
            file="mailrunner.toml",
            key=f"accounts.{grant.account}.oauth.key_file",
            hint="make a new JSON key of the service account in the Google Cloud console",
        )
    )
