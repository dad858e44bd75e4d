"""DKIM signatures (RFC 6376, RFC 8463) for messages that leave by an own relay.

Signed with relaxed canonicalisation of header and body.  What a forger could add is oversigned: its name
stands once more in h= than the field occurs, so another one breaks the signature (RFC 6376 §8.15).
List-Unsubscribe and List-Unsubscribe-Post have to be signed for one click (RFC 8058 §4).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.errors import Problem, UserError
from mailrunner.rendering.mime import Message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_OVERSIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
_SIGNED = frozenset(
    {
        *_OVERSIGNED,
        "mime-version",
        "content-transfer-encoding",
        "in-reply-to",
        "references",
        "list-id",
        "feedback-id",
    }
)
_BLANKS = re.compile(rb"[ \t]+")
_LAST_LINES = re.compile(rb"(?:\r\n)+\Z")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_COLUMNS = 72
_SHORTEST_RSA = 1024  # bits (RFC 8301 §3.2)


@dataclass(frozen=True, slots=True, repr=False)
class DkimKey:
    """A private key, and where its public part stands in DNS: `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """The value of a=."""
        return "rsa-sha256" if _is_rsa(self.private) else "ed25519-sha256"

    def signature(self, octets: bytes) -> bytes:
        """Sign what was canonicalised; Ed25519 signs its SHA-256 (RFC 8463 §3)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(hashlib.sha256(octets).digest())

    def record(self) -> str:
        """The text of the TXT record (RFC 6376 §3.6.1, RFC 8463 §4.2)."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self.private.public_key()
        if _is_rsa(self.private):
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={_base64(octets)}"
        return f"v=DKIM1; k=ed25519; p={_base64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}"


def make_key(*, ed25519: bool) -> bytes:
    """A new private key as PEM: RSA of 2,048 bits, or Ed25519; UserError without cryptography."""
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65537, 2048)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _require_library() -> None:
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        hint = 'pip install "mailrunner[dkim]"'
        raise UserError(Problem("DKIM needs cryptography, which is not installed", hint=hint))


def load_key(domain: str, selector: str, file: Path) -> DkimKey:
    """The key in a PEM file; UserError where it is of no use, or cryptography is not installed."""
    _require_library()
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise _useless(file, error.strerror or "it cannot be read") from None
    except Exception:  # the library names several, and none of their texts is to be shown
        raise _useless(file, "it holds no private key in PEM form, or one with a password") from None
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= _SHORTEST_RSA:
        return DkimKey(domain, selector, private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return DkimKey(domain, selector, private)
    raise _useless(file, "its key is neither Ed25519 nor RSA of 1,024 bits or more")


@dataclass(frozen=True, slots=True)
class DkimSigner:
    """Signs with each of its keys."""

    keys: tuple[DkimKey, ...]

    def sign(self, message: Message, now: datetime) -> Message:
        """The message with a DKIM-Signature of each key before its header."""
        head, _, body = message.data.partition(b"\r\n\r\n")
        fields = [(name, value) for name, value in _fields(head) if name in _SIGNED]
        digest = _base64(hashlib.sha256(relaxed_body(body)).digest())
        signatures = (_signature_field(key, fields, digest, now) for key in self.keys)
        return replace(message, data=b"".join((*signatures, message.data)))


def _signature_field(key: DkimKey, fields: list[tuple[str, bytes]], body_digest: str, now: datetime) -> bytes:
    names = [name for name, _ in fields]
    tags = [
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;",
        f"d={key.domain}; s={key.selector}; t={int(now.timestamp())};",
        *_folded_names([*names, *_OVERSIGNED]),
        f"bh={body_digest};",
        "b=",
    ]
    unsigned = "\r\n\t".join(tags).encode()
    # From the last of each name upwards (§5.4.2); one that is oversigned does not occur, and adds nothing.
    signed = b"".join(relaxed_field(name, value) + b"\r\n" for name, value in _bottom_up(fields))
    own = relaxed_field("dkim-signature", unsigned.partition(b":")[2])
    text = _base64(key.signature(signed + own))
    lines = [text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS)]
    return unsigned + "\r\n\t".join(lines).encode() + b"\r\n"


def _bottom_up(fields: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The fields in the order of their names in h=, the last of a name first."""
    left: dict[str, list[bytes]] = {}
    for name, value in fields:
        left.setdefault(name, []).append(value)
    for name, _ in fields:
        yield name, left[name].pop()


def _folded_names(names: list[str]) -> list[str]:
    """The value of h= in lines; each breaks after a colon."""
    lines, line = [], "h="
    for number, name in enumerate(names):
        word = f"{name}{':' if number + 1 < len(names) else ';'}"
        if len(line) + len(word) > _COLUMNS:
            lines.append(line)
            line = ""
        line += word
    return [*lines, line]


def _fields(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Name in lower case, and value with its folding, of each field."""
    for line in re.split(rb"\r\n(?![ \t])", head):
        name, _, value = line.partition(b":")
        yield name.strip().decode("ascii", "replace").lower(), value


def relaxed_field(name: str, value: bytes) -> bytes:
    """A field in relaxed form (RFC 6376 §3.4.2), without a line end."""
    return name.encode() + b":" + _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip(b" \t")


def relaxed_body(body: bytes) -> bytes:
    """A body in relaxed form (RFC 6376 §3.4.4)."""
    lines = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")
    text = _LAST_LINES.sub(b"", lines.removesuffix(b" "))
    return text + b"\r\n" if text else b""


def dns_strings(record: str) -> list[str]:
    """A record in strings of at most 255 octets (RFC 1035 §3.3.14), as zone files have them."""
    return [record[start : start + 255] for start in range(0, len(record), 255)]


def _is_rsa(private: object) -> bool:
    return hasattr(private, "key_size")


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _useless(file: Path, reason: str) -> UserError:
    hint = "make one with: mailrunner dkim new DOMAIN"
    return UserError(Problem(f"the DKIM key {file} is of no use: {reason}", key="key_file", hint=hint))
