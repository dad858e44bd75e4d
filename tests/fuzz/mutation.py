"""Changes at random of octets: bits, cuts, repeats, splices of samples, and words that parsers care for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_LONGEST = 300_000  # octets
WORDS = (
    *(
        b"\0",
        b"\r\n",
        b"\n.\n",
        b"\x1b[2J",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        "\u202e".encode(),
        b"=?utf-7?q?",
        b"%s",
    ),
    *(
        b"9" * 400,
        b"-1",
        b"1e999",
        b"NaN",
        b"[" * 500,
        b"{" * 500,
        b'"',
        b"\\u0000",
        b"\\ud800",
        b"null",
        b"{}",
    ),
    *(b"boundary=", b"Content-Type: message/rfc822\r\n\r\n", b"charset=punycode", b"charset=hex", b"base64"),
    *(b"5.1.1", b"550 ", b"421-", b"in 999999999999 hours", b"0001-01-01T00:00:00", b"9999-12-31T23:59:59"),
    *(b"+99:99", b" 24:61:61", b"again in 1,5 h", b"unsubscribe", b"a" * 32, b"@", b"<>", b"=cmd|'/C'!A0"),
    *(b"a@b", b"@" * 300, b"." * 300, "ß".encode() * 70, "İ".encode(), b"\t", b" " * 5000, b"(" * 3000),
)


def mutated(samples: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the samples with up to eight changes."""
    octets = chance.choice(samples)
    for _ in range(chance.randint(1, 8)):
        octets = chance.choice(_CHANGES)(octets, samples, chance)[:_LONGEST]
    return octets


def _flip(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    if not octets:
        return octets
    place, changed = chance.randrange(len(octets)), bytearray(octets)
    changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _insert(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    place = chance.randint(0, len(octets))
    return octets[:place] + chance.choice(WORDS) + octets[place:]


def _replace(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(octets, chance)
    return octets[:start] + chance.choice(WORDS) + octets[end:]


def _cut(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(octets, chance)
    return octets[:start] + octets[end:]


def _end(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return octets[: chance.randint(0, len(octets))]


def _repeat(octets: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(octets, chance)
    return octets[:end] + octets[start:end] * chance.choice((1, 2, 50, 2000)) + octets[end:]


def _splice(octets: bytes, samples: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(samples)
    start, end = _span(other, chance)
    place = chance.randint(0, len(octets))
    return octets[:place] + other[start:end] + octets[place:]


def _span(octets: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(octets))
    return start, min(start + chance.choice((1, 4, 30, 400)), len(octets))


_Change = Callable[[bytes, Sequence[bytes], random.Random], bytes]
_CHANGES: tuple[_Change, ...] = (_flip, _insert, _replace, _cut, _end, _repeat, _splice)
