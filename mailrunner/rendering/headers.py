"""Header fields as bytes, such that no value can become another field.

Every field is built from a value that was checked first (`single_line`): CR, LF and NUL are refused,
never removed.  What is not plain ASCII becomes encoded-words (RFC 2047) of at most 75 columns on
lines of at most 76; a structured field such as List-Unsubscribe stays on one physical line, as mail
clients cannot use a URI that was broken or encoded.

Nearly every value is short and plain and takes a short cut, which gives the same field as the long way (a
property test holds the two together).  `str.isprintable` is false for every control character, for line
breaks of any kind and for lone surrogates, so where it is true nothing can be smuggled.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mailrunner.errors import RowError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.model.tokens import a_label

_LINE = 76
_LONGEST = 998  # RFC 5322 §2.1.1
_WORD = 75 - len("=?utf-8?q??=")
_LONGEST_WORD = _LINE - 20  # a longer one would not fit beside the name of a field
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PLAIN_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_DOT_ATOM = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(?:\.[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\]")
_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>]*)>", re.DOTALL)
_Q_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")  # RFC 2047 §5(3)


def single_line(value: str, what: str) -> str:
    """Return `value` if it may stand in a header field; raise RowError, naming `what`, if not."""
    if value.isprintable():
        return value
    for character, name in (("\r", "line break"), ("\n", "line break"), ("\0", "NUL character")):
        if character in value:
            raise RowError(f"{what} contains a {name}: {value!r}")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise RowError(f"{what} contains half a character (a lone surrogate): {value!r}")
    return value


def parsed_mailbox(text: str) -> MailboxAddress:
    """Read what a file gives as From or Reply-To, its address ready for the wire; RowError if it is none."""
    try:
        written = MailboxAddress.parse(single_line(text, "it"))
    except ValueError as error:
        raise RowError(str(error)) from None
    return MailboxAddress(written.name, wire_address(written.address, "the address"))


def wire_address(address: str, what: str) -> str:
    """Return the address with its domain as A-label; raise RowError if it cannot go over the wire."""
    if _PLAIN_ADDRESS.fullmatch(address):
        return address
    local, at, domain = single_line(address, what).rpartition("@")
    try:
        domain = a_label(domain)
    except ValueError:
        raise RowError(f'{what}: "{domain}" is not a domain') from None
    if not (at and _DOT_ATOM.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        raise RowError(f'{what}: "{address}" is not an e-mail address')
    return f"{local}@{domain}"


def text_field(name: str, value: str) -> bytes:
    """An unstructured field, such as Subject; the value comes back exactly, less outer blanks."""
    if _fits(value, _LINE - len(name) - 2):
        return f"{name}: {value}".encode("ascii")
    return long_text_field(name, value)


@lru_cache(maxsize=4096)  # a name that is not plain ASCII stands in the subject of many messages
def long_text_field(name: str, value: str) -> bytes:
    """As `text_field`, without the short cut."""
    value = single_line(value, name).strip()
    if _is_plain(value):
        return _folded(name, value.split(" "))
    return _folded(name, encoded_words(value, len(name) + 2))


def mailbox_field(name: str, mailbox: MailboxAddress) -> bytes:
    """An address field; with an SMTPUTF8 address the field is raw UTF-8 (RFC 6532), else ASCII.

    Blanks around a display name are no part of it.
    """
    if _fits(mailbox.name, _LINE - len(name) - len(mailbox.address) - 5) and _ATOMS.fullmatch(mailbox.name):
        return f"{name}: {mailbox.name} <{mailbox.address}>".encode()
    return long_mailbox_field(name, mailbox)


def long_mailbox_field(name: str, mailbox: MailboxAddress) -> bytes:
    """As `mailbox_field`, without the short cut."""
    shown = single_line(mailbox.name, f"the name in {name}").strip()
    if not shown:
        return f"{name}: {mailbox.address}".encode()
    return _folded(name, [*_phrase(shown, len(name) + 2), f"<{mailbox.address}>"])


def list_id_field(value: str) -> bytes:
    """List-Id: a phrase and an identifier in angle brackets (RFC 2919)."""
    match = _NAMED.fullmatch(single_line(value, "List-Id").strip())
    name, identifier = (match["name"], match["address"]) if match else ("", value.strip())
    if not _is_uri(identifier):
        raise RowError(f'List-Id: "{identifier}" is not a list identifier')
    return _folded("List-Id", [*_phrase(name.strip('" '), len("List-Id: ")), f"<{identifier}>"])


def token_field(name: str, value: str) -> bytes:
    """A field that stands verbatim on one line: Message-ID, Date, a token."""
    plain = value and value.isascii() and value.isprintable()
    if not plain or len(name) + 2 + len(value) > _LONGEST:
        raise RowError(f"{name}: {value!r} cannot stand in a header field")
    return f"{name}: {value}".encode("ascii")


def uri_field(name: str, uris: Iterable[str]) -> bytes:
    """URIs in angle brackets (RFC 2369), on one line: some readers do not unfold, none decodes."""
    listed = tuple(uris)
    if not (all(listed) and _is_uri("".join(listed))):
        uri = next(uri for uri in listed if not _is_uri(uri))
        raise RowError(f"{name}: {uri!r} is not a URI; blanks and other characters must be percent-encoded")
    return token_field(name, f"<{'>, <'.join(listed)}>")


def encoded_words(value: str, used: int) -> list[str]:
    """Spell `value` in encoded-words, in whichever of Q and B is shorter; `used` columns are taken."""
    q_units = [_q(character) for character in value]
    b_units = [character.encode("utf-8") for character in value]
    if sum(map(len, q_units)) <= sum(map(len, b_units)) * 4 // 3:
        return [f"=?utf-8?q?{unit.decode('ascii')}?=" for unit in _packed(q_units, _WORD - used, _WORD)]
    first, later = ((_WORD - used) // 4 * 3, _WORD // 4 * 3)
    packed = _packed(b_units, first, later)
    return [f"=?utf-8?b?{base64.b64encode(unit).decode('ascii')}?=" for unit in packed]


@lru_cache(maxsize=4096)
def _q(character: str) -> bytes:
    if character == " ":
        return b"_"
    octets = character.encode("utf-8")
    return octets if octets[0] in _Q_SAFE else b"".join(b"=%02X" % octet for octet in octets)


def _packed(units: Iterable[bytes], first: int, later: int) -> Iterator[bytes]:
    """Join units up to a length; a character is never torn apart (RFC 2047 §5)."""
    packed, room = b"", first
    for unit in units:
        if packed and len(packed) + len(unit) > room:
            yield packed
            packed, room = b"", later
        packed += unit
    yield packed


def _phrase(name: str, used: int) -> list[str]:
    """A display name as RFC 5322 §3.2.5 wants it: atoms, one quoted string, or encoded-words."""
    if not name:
        return []
    if _ATOMS.fullmatch(name) and _is_plain(name):
        return name.split(" ")
    if _is_plain(name) and len(name) < _LINE - used - 2:
        return ['"' + re.sub(r'(["\\])', r"\\\1", name) + '"']
    return encoded_words(name, used)


def _fits(value: str, room: int) -> bool:
    """True if `value` is plain and short enough to stand on its field's line as it is."""
    return (
        0 < len(value) <= room
        and value.isascii()
        and value.isprintable()
        and value[0] != " " != value[-1]
        and "  " not in value
        and "=?" not in value
        and (len(value) < _LONGEST_WORD or max(map(len, value.split(" "))) < _LONGEST_WORD)
    )


def _is_uri(text: str) -> bool:
    """True if it is all visible ASCII, without what would end a URI in angle brackets."""
    return (
        bool(text)
        and text.isascii()
        and text.isprintable()
        and not (" " in text or "<" in text or ">" in text)
    )


def _is_plain(value: str) -> bool:
    """ASCII that no reader takes for something else and that can be folded at single blanks."""
    return bool(
        _PLAIN_WORDS.fullmatch(value)
        and "=?" not in value
        and max(map(len, value.split(" "))) < _LONGEST_WORD
    )


def _folded(name: str, words: Iterable[str]) -> bytes:
    lines, current = [], f"{name}:"
    for word in words:
        if len(current) + 1 + len(word) > _LINE and not current.endswith(":"):
            lines.append(current)
            current = ""
        current += f" {word}"
    return "\r\n".join([*lines, current]).encode("utf-8")
