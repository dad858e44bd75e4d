"""Opaque signed tokens, and the Message-IDs and unsubscribe links that are made of them.

A token names one delivery to us and tells others nothing: not its number, not how many there are, not
which two belong together.  It is lower-case base32, so it is valid in a URL, a plus-address
and a Message-ID, and mail systems that fold case do not break it.

    token = base32( tag | number XOR mask )      tag  = HMAC-SHA256(purpose | number), 96 bits
                                                 mask = HMAC-SHA256(purpose | tag),    64 bits

The tag is both the proof and the nonce of the mask (the idea of RFC 5297, SIV), so the same number
always gives the same token and nothing has to be stored to read it back.

Each message has two or three tokens, so what of an HMAC depends on the secret and the purpose alone is
hashed once, and copied for each number; the tokens are those of the standard library's `hmac`.

Pure: the secrets are an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

MESSAGE, UNSUBSCRIBE, BOUNCE = "message", "unsubscribe", "bounce"
"""What tokens are for: Message-ID and X-Mailrunner-Delivery share theirs, as both are there for everyone to
see; the others are apart, so that each of them allows what it is for and no more."""

_TAG = 12
_NUMBER = 8
_LARGEST = 2**63 - 1
_LABEL = 63
_BLOCK = 64  # of SHA-256, in octets
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 §6, in lower case
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_SHIFTS = range((_TAG + _NUMBER) * 8 - 10, -1, -10)

Keyed = Callable[[bytes], bytes]
"""HMAC-SHA256 under one secret, for one use."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenSigner:
    """Makes and reads tokens.  The first secret signs; all of them verify, for ever."""

    secrets: tuple[bytes, ...]
    _known: dict[tuple[bytes, str], tuple[Keyed, Keyed]] = field(
        default_factory=dict, init=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.secrets or not all(self.secrets):
            raise ValueError("a signer needs at least one secret, and none of them may be empty")

    def token(self, purpose: str, number: int) -> str:
        """Return 32 letters and digits for `number` (0 to 2**63 - 1); ValueError beyond that."""
        return self._token(self.secrets[0], purpose, number)

    def first_token(self, purpose: str, number: int) -> str:
        """The token as the oldest secret makes it, which no newer secret changes."""
        return self._token(self.secrets[-1], purpose, number)

    def number(self, purpose: str, token: str) -> int | None:
        """Return the number that was signed for `purpose`, or None; upper case is tolerated."""
        sealed = _sealed(token)
        if sealed is None:
            return None
        found = None
        for secret in self.secrets:  # all of them, whichever fits: the time taken tells nothing
            number = _open(*self._tag_and_mask(secret, purpose), sealed)
            found = number if found is None else found
        return found

    def _token(self, secret: bytes, purpose: str, number: int) -> str:
        if not 0 <= number <= _LARGEST:
            raise ValueError(f"{number} does not fit into a token")
        tag_of, mask_of = self._known.get((secret, purpose)) or self._tag_and_mask(secret, purpose)
        tag = tag_of(number.to_bytes(_NUMBER, "big"))[:_TAG]
        masked = number ^ int.from_bytes(mask_of(tag)[:_NUMBER], "big")
        sealed = int.from_bytes(tag, "big") << _NUMBER * 8 | masked
        return "".join([_PAIRS[sealed >> shift & 1023] for shift in _SHIFTS])  # base32, two letters at a time

    def _tag_and_mask(self, secret: bytes, purpose: str) -> tuple[Keyed, Keyed]:
        known = self._known.get((secret, purpose))
        if known is None:
            known = _keyed(secret, b"tag", purpose), _keyed(secret, b"mask", purpose)
            self._known[secret, purpose] = known
        return known


def _open(tag_of: Keyed, mask_of: Keyed, sealed: bytes) -> int | None:
    tag = sealed[:_TAG]
    number = int.from_bytes(sealed[_TAG:], "big") ^ int.from_bytes(mask_of(tag)[:_NUMBER], "big")
    genuine = hmac.compare_digest(tag, tag_of(number.to_bytes(_NUMBER, "big"))[:_TAG])
    return number if genuine and number <= _LARGEST else None


def _sealed(token: str) -> bytes | None:
    if len(token) != 32 or not token.isascii():
        return None
    try:
        return base64.b32decode(token.upper())
    except ValueError:
        return None


def _keyed(secret: bytes, use: bytes, purpose: str) -> Keyed:
    """HMAC (RFC 2104) of what the use and the purpose name, with their blocks hashed beforehand."""
    named = purpose.encode("utf-8")
    key = (secret if len(secret) <= _BLOCK else hashlib.sha256(secret).digest()).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in key))
    inner.update(b"%b %d %b " % (use, len(named), named))
    outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in key))

    def digest(data: bytes) -> bytes:
        within, without = inner.copy(), outer.copy()
        within.update(data)
        without.update(within.digest())
        return without.digest()

    return digest


def a_label(domain: str) -> str:
    """Return the domain as the wire wants it (IDNA 2008 with UTS 46 mapping); ValueError if it cannot be."""
    if domain.isascii():
        return domain
    import idna  # comes with email-validator; its tables are only needed for such a domain

    return idna.encode(domain, uts46=True).decode("ascii")


def message_id(signer: TokenSigner, number: int, domain: str) -> str:
    """Return "<token@domain>" (RFC 5322 §3.6.4), the same for every attempt at delivery `number`.

    The oldest secret makes it, so that a new secret for the links changes no Message-ID.
    """
    return f"<{signer.first_token(MESSAGE, number)}@{a_label(domain)}>"


def unsubscribe_url(base_url: str, token: str) -> str:
    """Return the address of the page to unsubscribe: "BASE/u/TOKEN"."""
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
