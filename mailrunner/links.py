"""Opaque signed tokens, and the Message-IDs and unsubscribe links that are made of them.

A token names one delivery to us and tells nobody else anything: not its number, not how many there
are, not which two belong together.  It is lower-case base32, so it is valid in a URL, a plus-address
and a Message-ID, and mail systems that fold case do not break it.

    token = base32( tag | number XOR mask )      tag  = HMAC-SHA256(purpose | number), 96 bits
                                                 mask = HMAC-SHA256(purpose | tag),    64 bits

The tag is both the proof and the nonce of the mask (the idea of RFC 5297, SIV), so the same number
always gives the same token and nothing has to be stored to read it back.

Pure: the secrets are an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

_TAG = 12
_NUMBER = 8
_LARGEST = 2**63 - 1
_LABEL = 63


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """Makes and reads tokens.  The first secret signs; all of them verify, for ever."""

    secrets: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.secrets or not all(self.secrets):
            raise ValueError("a signer needs at least one secret, and none of them may be empty")

    def token(self, purpose: str, number: int) -> str:
        """Return 32 letters and digits for `number` (0 to 2**63 - 1); ValueError beyond that."""
        if not 0 <= number <= _LARGEST:
            raise ValueError(f"{number} does not fit into a token")
        secret = self.secrets[0]
        plain = number.to_bytes(_NUMBER, "big")
        tag = _tag(secret, purpose, plain)
        sealed = tag + _xor(plain, _mask(secret, purpose, tag))
        return base64.b32encode(sealed).decode("ascii").lower()

    def number(self, purpose: str, token: str) -> int | None:
        """Return the number that was signed for `purpose`, or None; upper case is tolerated."""
        sealed = _sealed(token)
        if sealed is None:
            return None
        found = None
        for secret in self.secrets:  # all of them, whichever fits: the time taken tells nothing
            number = _open(secret, purpose, sealed)
            found = number if found is None else found
        return found


def _open(secret: bytes, purpose: str, sealed: bytes) -> int | None:
    tag = sealed[:_TAG]
    plain = _xor(sealed[_TAG:], _mask(secret, purpose, tag))
    number = int.from_bytes(plain, "big")
    genuine = hmac.compare_digest(tag, _tag(secret, purpose, plain))
    return number if genuine and number <= _LARGEST else None


def _sealed(token: str) -> bytes | None:
    if len(token) != 32 or not token.isascii():
        return None
    try:
        return base64.b32decode(token.upper())
    except ValueError:
        return None


def _tag(secret: bytes, purpose: str, plain: bytes) -> bytes:
    return _keyed(secret, b"tag", purpose, plain)[:_TAG]


def _mask(secret: bytes, purpose: str, tag: bytes) -> bytes:
    return _keyed(secret, b"mask", purpose, tag)[:_NUMBER]


def _keyed(secret: bytes, use: bytes, purpose: str, data: bytes) -> bytes:
    named = purpose.encode("utf-8")
    return hmac.digest(secret, b"%b %d %b %b" % (use, len(named), named, data), hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def a_label(domain: str) -> str:
    """Return the domain as the wire wants it (IDNA 2008 with UTS 46 mapping); ValueError if it cannot be."""
    if domain.isascii():
        return domain
    import idna  # comes with email-validator; its tables are only needed for such a domain

    return idna.encode(domain, uts46=True).decode("ascii")


def message_id(signer: Signer, number: int, domain: str) -> str:
    """Return "<token@domain>" (RFC 5322 §3.6.4), the same for every attempt at delivery `number`.

    The oldest secret makes it, so that a new secret for the links changes no Message-ID.
    """
    return f"<{Signer(signer.secrets[-1:]).token('message', number)}@{a_label(domain)}>"


def unsubscribe_url(base_url: str, token: str) -> str:
    """Return the page that takes a person off the list: "BASE/u/TOKEN"."""
    return f"{base_url.rstrip('/')}/u/{token}"


def unsubscribe_mailto(address: str, token: str) -> str:
    """Return the mailto URI (RFC 6068) whose subject names the token."""
    local, _, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe='!$*+')}@{a_label(domain)}?subject=unsubscribe%20{token}"


def list_id(name: str, settings_list_id: str | None, domain: str) -> str:
    """Return 'Name <key.domain>' (RFC 2919); a `list_id` from the settings stands as it is written.

    The name is not encoded here: it may hold any character, and the message encodes it.
    """
    identifier = settings_list_id or f"{_label(name)}.{a_label(domain)}"
    return identifier if "<" in identifier else f"{name} <{identifier}>"


def _label(name: str) -> str:
    """A stable DNS-like label; what cannot be spelled in ASCII is told apart by a digest."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    spelled = "".join(c for c in folded if not unicodedata.combining(c))
    label = re.sub(r"[^a-z0-9]+", "-", spelled).strip("-")[: _LABEL - 9].strip("-")
    if name.isascii() and label:
        return label
    digest = hashlib.sha256(unicodedata.normalize("NFC", name.casefold()).encode("utf-8")).hexdigest()[:8]
    return f"{label}-{digest}" if label else f"list-{digest}"
