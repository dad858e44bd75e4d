"""Addresses as people write them into a cell: with a name, a scheme, a stray comma, invisible characters.

What can only mean one address is read.  A cell that could mean two is never guessed at, and one that says
something else beside its address is left to the user: "ana@example.org (left in May)".
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from itertools import chain, starmap
from typing import NamedTuple
from urllib.parse import unquote

from mailrunner.model.address import BLANKS, Address, normalise
from mailrunner.model.number_and_noun import counted

# Zero-width and soft characters, marks of direction, variation selectors: copied from web pages and chats
# without being seen.
_RANGES = ((0x180B, 0x1810), (0x200B, 0x2010), (0x202A, 0x202F), (0x2060, 0x206A), (0xFE00, 0xFE10))
_INVISIBLE = dict.fromkeys((0xAD, 0x34F, 0xFEFF, *chain.from_iterable(starmap(range, _RANGES))))
_JOINERS = "\u200c\u200d"  # mean something inside words of some scripts (RFC 5892 appendix A.1)
_NEVER = {number: None for number in _INVISIBLE if chr(number) not in _JOINERS}
_TRAILING = " \t\r\n.,;:|"
_LEADING = " \t\r\n,;:|"
_BETWEEN = f"{_LEADING}/<>"
_SCHEME = re.compile(r"(?:mailto|smtp|e-?mail)\s*:\s*", re.IGNORECASE)
_QUERY = re.compile(r"\?\w+=.*\Z", re.DOTALL)  # mailto:ana@example.org?subject=…
_PART = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"|[^\s<>()\[\]",;:|/@][^\s<>()\[\]",;:|@]*)@[^\s<>()\[\]",;:|/@]+"""
)
_NAMED = re.compile(r"(?P<name>[^<>]*?)\s*(?:<\s*(?P<angle>[^<>]*?)\s*>|\[\s*(?P<square>[^\[\]]*?)\s*\])")
_QUOTES = ('"', "'", "“”", "„“", "«»", "‘’")
_EXCHANGE = re.compile(r"/o=.*/cn=", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


class WrittenAddress(NamedTuple):
    """One address out of a cell: as it is written there without the rest, and the name beside it or ""."""

    address: Address
    written: str
    name: str


class SeveralAddressesError(ValueError):
    """A cell holds several addresses; `found` has them in their order, each once."""

    def __init__(self, found: tuple[WrittenAddress, ...]) -> None:
        self.found = found
        names = " and ".join(one.written for one in found[:3]) + (" …" if len(found) > 3 else "")
        addresses = counted(len(found), "address", "addresses")
        super().__init__(f"the cell has {addresses}, {names}")


def read_address(text: str) -> WrittenAddress:
    """Read the one address of a cell.

    Raise SeveralAddressesError where there are more, and ValueError with a sentence where there is none,
    or where more than a name and punctuation stands beside it.
    """
    plain = text.strip(BLANKS)
    sentence = "it holds characters that cannot be seen"
    if plain.isascii() or plain.translate(_NEVER) == plain:  # some of them are valid beyond ASCII (RFC 6531)
        try:
            return WrittenAddress(normalise(plain), plain, "")
        except ValueError as error:
            sentence = str(error)
    cleaned = _cleaned(text)
    if "@" not in cleaned or _CONTROL.search(cleaned):
        raise ValueError(_without_at(cleaned) or sentence)
    found = _all_in(cleaned)
    if len(found) > 1:
        raise SeveralAddressesError(found)
    if found and not _PART.sub("", cleaned).strip(_BETWEEN):  # one address, written twice
        return found[0]
    return _alone(cleaned) or _refuse(cleaned, found, sentence)


def read_addresses(text: str) -> tuple[WrittenAddress, ...]:
    """Every address of a cell, at least one; raise ValueError as `read_address` does, but not for several."""
    try:
        return (read_address(text),)
    except SeveralAddressesError as several:
        return several.found


def _cleaned(text: str) -> str:
    """The text without what is not seen; full-width forms, as Japanese keyboards give, as ASCII."""
    composed = unicodedata.normalize("NFKC", text) if _is_full_width(text) else text
    seen = composed.translate(_INVISIBLE).replace("\u00a0", " ")
    if not seen.isascii() and any(sign in composed for sign in _JOINERS):
        seen = composed.strip("".join(map(chr, _INVISIBLE)) + BLANKS)
    without = _SCHEME.sub("", seen.strip(), count=1) if _SCHEME.match(seen.strip()) else seen
    return _unquoted(unquote(without) if "@" not in without else without)


def _is_full_width(text: str) -> bool:
    return "＠" in text or any("！" <= sign <= "～" for sign in text)


def _unquoted(text: str) -> str:
    """The text without a pair of quotation marks around all of it."""
    trimmed = text.rstrip(_TRAILING).lstrip(_LEADING)
    for pair in _QUOTES:
        if len(trimmed) > 2 and trimmed[0] == pair[0] and trimmed[-1] == pair[-1]:
            return trimmed[1:-1].strip()
    return trimmed


def _all_in(text: str) -> tuple[WrittenAddress, ...]:
    """Every address in the text, each once."""
    found: dict[str, WrittenAddress] = {}
    for match in _PART.finditer(text):
        try:
            one = _normalised(match[0])
        except ValueError:
            continue
        found.setdefault(one.address.key, one)
    return tuple(found.values())


def _normalised(text: str) -> WrittenAddress:
    written = _unquoted(_QUERY.sub("", _SCHEME.sub("", text.strip(), count=1)))
    return WrittenAddress(normalise(written), written, "")


def _alone(text: str) -> WrittenAddress | None:
    """The address where the cell holds it alone, or with a name before it; None where it does not."""
    named = _NAMED.fullmatch(text)
    try:
        if named is None:
            return _normalised(text)
        name = _unquoted(named["name"].strip()).replace('\\"', '"')
        one = _normalised(named["angle"] or named["square"] or "")
    except ValueError:
        return None
    is_address = "@" in name and name.casefold() == one.written.casefold()
    return one._replace(name="" if is_address else " ".join(name.split()))


def _refuse(text: str, found: tuple[WrittenAddress, ...], sentence: str) -> WrittenAddress:
    """Raise ValueError with the best sentence for a cell that is no one address."""
    if found and found[0].written != text:
        beside = " ".join(text.replace(found[0].written, "…").split())
        raise ValueError(
            f'beside {found[0].written} the cell has more, "{beside[:60]}": keep the address alone'
        )
    local, _, domain = text.rpartition("@")
    quoted = f'"{local}"@{domain}'
    if re.fullmatch(r"[\w.+-]+", local):  # dots in odd places: Japanese mobile addresses have them
        with suppress(ValueError):
            sentence += f"; if the address is really so, write {normalise(quoted).wire}"
    raise ValueError(sentence)


def _without_at(text: str) -> str:
    """A sentence for a cell that holds no address at all but something known; "" for any other."""
    if _EXCHANGE.search(text):
        return "it is the name of a mailbox inside Exchange (X.500), no e-mail address"
    return ""
