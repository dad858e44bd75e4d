"""Words of header fields: folding (RFC 5322 §2.2.3), display names (§3.2.5), encoded-words (RFC 2047).

What is not plain ASCII becomes encoded-words of at most 75 columns on lines of at most 76.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

LINE = 76
LONGEST_WORD = LINE - 20  # a longer one would not fit beside the name of a field
ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_WORD = 75 - len("=?utf-8?q??=")
_PLAIN_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")
_Q_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")  # RFC 2047 §5(3)


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


def phrase(name: str, used: int) -> list[str]:
    """A display name as RFC 5322 §3.2.5 wants it: atoms, one quoted string, or encoded-words."""
    if not name:
        return []
    if ATOMS.fullmatch(name) and is_plain(name):
        return name.split(" ")
    if is_plain(name) and len(name) < LINE - used - 2:
        return ['"' + re.sub(r'(["\\])', r"\\\1", name) + '"']
    return encoded_words(name, used)


def is_plain(value: str) -> bool:
    """ASCII that no reader takes for something else and that can be folded at single blanks."""
    return bool(
        _PLAIN_WORDS.fullmatch(value) and "=?" not in value and max(map(len, value.split(" "))) < LONGEST_WORD
    )


def folded(name: str, words: Iterable[str]) -> bytes:
    """The field, broken into lines between words."""
    lines, current = [], f"{name}:"
    for word in words:
        if len(current) + 1 + len(word) > LINE and not current.endswith(":"):
            lines.append(current)
            current = ""
        current += f" {word}"
    return "\r\n".join([*lines, current]).encode("utf-8")
