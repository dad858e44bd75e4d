"""Encodings that a file which is not UTF-8 may have: those under which its words look like words.

A single odd byte fits a dozen encodings.  "J\\xf6rg" is "Jörg" in one, "Jцrg" or "J緌g" in others: scripts do
not change within a word, and the characters of a language are few.  The domains of the addresses tell which
languages are likely.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_MOST = 3  # proposals

# What spreadsheets and old programs really write, with the languages that each serves.
_ENCODINGS = {
    "cp1252": "de fr es it pt nl sv da no fi is",
    "cp1250": "pl cs sk hu ro sl hr",
    "cp1251": "ru bg uk sr",
    "cp1253": "el",
    "cp1254": "tr",
    "cp1257": "lt lv et",
    "iso8859-2": "pl cs sk hu ro sl hr",
    "mac-roman": "de fr es it pt nl sv da no fi is",
    "cp850": "de fr es it pt nl sv da no fi is",
    "cp852": "pl cs sk hu ro sl hr",
    "koi8-r": "ru",
    "koi8-u": "uk",
    "cp866": "ru",
    "mac-cyrillic": "ru bg uk sr",
    "iso8859-5": "ru bg sr",
    "cp1255": "he",
    "cp1256": "ar",
    "cp932": "ja",
    "euc-jp": "ja",
    "gb18030": "zh",
    "big5": "zh-tw",
    "cp949": "ko",
    "cp874": "th",
    "mac-latin2": "pl cs sk hu sl hr",
    "iso8859-16": "ro pl hu",
}
# The characters beyond a to z of each language, as its own names and words have them.
_ALPHABETS = {
    "de": "äöüß",
    "fr": "éèêëàâçîïôùûœ",
    "es": "áéíóúñü",
    "it": "àèéìòù",
    "pt": "ãáâàçéêíóôõú",
    "nl": "éëïöü",
    "sv": "åäöé",
    "da": "æøåé",
    "no": "æøåé",
    "fi": "äöå",
    "is": "áðéíóúýþæö",
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíľĺňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "ro": "ăâîșțşţ",
    "sl": "čšž",
    "hr": "čćđšž",
    "tr": "çğıİöşü",
    "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūž",
    "et": "äõöüšž",
}
# Domains of countries whose language is called otherwise.
_COUNTRIES = {
    **{"at": "de", "ch": "de", "be": "fr", "br": "pt", "mx": "es", "cz": "cs", "se": "sv", "dk": "da"},
    **{"ee": "et", "si": "sl", "jp": "ja", "cn": "zh", "tw": "zh-tw", "kr": "ko", "ua": "uk", "gr": "el"},
    **{"rs": "sr", "il": "he", "md": "ro"},
}
# What lists are mostly saved in today, and what only old programs wrote.
_COMMON = {
    **{"cp1252": 0.15, "cp1250": 0.05, "cp1251": 0.05, "mac-roman": -0.1, "cp850": -0.1, "cp852": -0.15},
    **{"mac-latin2": -0.15, "iso8859-16": -0.1, "mac-cyrillic": -0.15, "iso8859-5": -0.15, "koi8-u": -0.02},
    **{"cp874": -0.2, "cp1256": -0.05},
}
_TYPOGRAPHY = frozenset("’‘“”„«»–—…€£°®™·")
_NEVER_FIRST = frozenset("€£·°®™")  # of a word with other characters
_VOWELS = frozenset("aeiouyæøœı")
_EVERYDAY = {
    "ja": ("euc-jp", 0xB0, 0xCF),
    "zh": ("gb2312", 0xB0, 0xD7),
    "zh-tw": ("big5", 0xA4, 0xC6),
    "ko": ("euc-kr", 0xB0, 0xC8),
}
_DOMAIN = re.compile(rb"@[\w.-]+\.([a-z]{2})\b", re.IGNORECASE)
_WORD = re.compile(r"[^\s\d,;|\t\"()<>@.:/+_-]+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI", "CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})


class EncodingReading(NamedTuple):
    """An encoding, the mean score of its words (1 is best), and what it makes of the lines."""

    encoding: str
    score: float
    words: tuple[str, ...]


def likely_encodings(lines: bytes, addresses: bytes) -> list[EncodingReading]:
    """At most three encodings for `lines` that hold bytes beyond ASCII, the likeliest first.

    `addresses` is more of the file, for the domains in it.  Of encodings that read everything alike one
    stands for all.
    """
    languages = _languages(addresses)
    found = (_reading(lines, name, languages) for name in _ENCODINGS)
    readings = sorted(filter(None, found), key=lambda reading: -reading.score)
    kept: dict[tuple[str, ...], EncodingReading] = {}
    for reading in readings:
        kept.setdefault(reading.words, reading)
    best = max((reading.score for reading in readings), default=0.0)
    return [reading for reading in kept.values() if reading.score >= max(0.2, best - 0.35)][:_MOST]


def _languages(octets: bytes) -> Counter[str]:
    tops = (top.decode().lower() for top in _DOMAIN.findall(octets))
    return Counter(_COUNTRIES.get(top, top) for top in tops)


def _reading(lines: bytes, encoding: str, languages: Counter[str]) -> EncodingReading | None:
    try:
        text = lines.decode(encoding)
    except UnicodeDecodeError:
        return None
    words = tuple(word for word in _WORD.findall(text) if not word.isascii())
    if not words:
        return None
    served = _ENCODINGS[encoding].split()
    score = sum(_word_score(word, served, languages) for word in words) / len(words)
    total = languages.total() or 1
    expected = 0.3 * sum(languages[one] for one in served) / total
    return EncodingReading(encoding, score + expected + _COMMON.get(encoding, 0.0), words)


def _word_score(word: str, served: Sequence[str], languages: Counter[str]) -> float:
    """From -2 for what is no word to 1 for one in a language that the list is likely to have."""
    strange = [sign for sign in word if not sign.isascii() and sign not in _TYPOGRAPHY]
    if word[0] in _NEVER_FIRST and len(word) > 1:
        return -0.2
    if not strange:
        return 0.5
    kinds = {unicodedata.category(sign) for sign in strange}
    if kinds & {"Cc", "Co", "Cn", "Cs"} or not word.isprintable():
        return -2.0
    if any(kind[0] not in "LM" for kind in kinds):
        return -1.0 if _is_within(word) else -0.2
    scripts = {_script(sign) for sign in word if sign.isalpha()}
    if (len(scripts) > 1 and not scripts <= _EAST_ASIAN) or _has_odd_case(word):
        return -1.0
    return _script_score(word, strange, scripts, served, languages)


def _script_score(
    word: str, strange: Sequence[str], scripts: set[str], served: Sequence[str], languages: Counter[str]
) -> float:
    if scripts & _EAST_ASIAN:
        return _east_asian_score(word, scripts, served)
    if scripts == {"LATIN"}:
        return _latin_score(strange, served, languages) - (0 if _has_vowel(word) else 0.3)
    if "HEBREW" in scripts and any(unicodedata.combining(sign) for sign in strange):
        return 0.2  # points, which names are written without
    if len(word) < 3:
        return 0.2
    return 0.6 if word.islower() else 0.7 if word.isupper() else 0.8  # most words are names


def _is_within(word: str) -> bool:
    """True if one that is no alphabetic character stands between others."""
    return any(not sign.isalpha() and not sign.isascii() for sign in word.strip("’‘“”„«»—–…")[1:-1])


def _script(sign: str) -> str:
    name = unicodedata.name(sign, "").removeprefix("HALFWIDTH ")
    return next((script for script in _SCRIPTS if name.startswith(script)), name.split(" ")[0])


def _has_odd_case(word: str) -> bool:
    """True for capitals where none stand: "JÖrg", "ЕДГж".  Other old encodings make them of small ones."""
    if any(before.islower() and sign.isupper() and not sign.isascii() for before, sign in pairwise(word)):
        return True
    return not any(map(str.isascii, word)) and len(word) > 2 and word[:2].isupper() and not word.isupper()


def _has_vowel(word: str) -> bool:
    """True too for initials: a word of one or two signs needs none."""
    return len(word) < 3 or not _VOWELS.isdisjoint(unicodedata.normalize("NFD", word.lower()))


def _latin_score(strange: Sequence[str], served: Sequence[str], languages: Counter[str]) -> float:
    fitting = [one for one in served if _is_written_with(_ALPHABETS.get(one, ""), strange)]
    if any(one in languages for one in fitting):
        return 1.0
    return 0.6 if fitting else 0.0


def _is_written_with(alphabet: str, strange: Sequence[str]) -> bool:
    """True if all are of the alphabet; as they stand too, as the small form of "İ" is two characters."""
    return all(sign in alphabet or sign.lower() in alphabet for sign in strange)


def _east_asian_score(word: str, scripts: set[str], served: Sequence[str]) -> float:
    """Names in Chinese and Japanese have two signs at least, and those of everyday use."""
    if len(word) < 2:
        return -0.5
    if "ja" in served and scripts & {"HIRAGANA", "KATAKANA"}:
        return -0.5 if any("｡" <= sign <= "ﾟ" for sign in word) else 0.9  # half-width: what others' bytes give
    if "ko" in served:
        return 0.9 * _share_of_everyday(word, served) if scripts == {"HANGUL"} else -0.3
    if scripts & {"HIRAGANA", "KATAKANA", "HANGUL"}:
        return -0.3
    return 0.7 * _share_of_everyday(word, served)


def _share_of_everyday(word: str, served: Sequence[str]) -> float:
    """The share of signs in the first level of the language's own set, where the common ones stand."""
    encoding, first, last = _EVERYDAY[served[0]]
    octets = (sign.encode(encoding, "ignore") for sign in word)
    return sum(1 for one in octets if len(one) == 2 and first <= one[0] <= last) / len(word)
