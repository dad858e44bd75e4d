"""Number formats of spreadsheets: a value and the code of its cell to the text that the sheet shows.

The grammar is that of ECMA-376 Part 1 §18.8.31.  What it leaves to the machine of the reader, the order of a
short date and the signs in numbers, follows the language of the program that wrote the file, where it tells.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from locale import windows_locale
from typing import Any, NamedTuple

from mailrunner.recipients.sheet.date_format import date_text, system_text

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<blank>.) | \*(?P<fill>.)
    | \[\$(?P<currency>[^\]-]*)(?:-(?P<language>[0-9A-Fa-f]+))?[^\]]*\] | \[(?P<bracket>[^\]]*)\]
    | (?P<general>General) | (?P<exponent>[Ee][+-]0+) | (?P<char>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)")
_ELAPSED = re.compile(r"(h+|m+|s+)", re.IGNORECASE)
_DATE_CHARS = frozenset("ymdhsYMDHS")
_COMPARE = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "=": lambda a, b: a == b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<>": lambda a, b: a != b,
}
_MOST_DIGITS = 15  # a spreadsheet has no more


class Token(NamedTuple):
    """A piece of a format: its kind ("literal", "char", "elapsed") and its text."""

    kind: str
    text: str


class Section(NamedTuple):
    """One of the formats between semicolons; `condition` is an operator and a number, or None."""

    tokens: tuple[Token, ...]
    condition: tuple[str, float] | None
    language: str
    is_date: bool


def shown_text(value: Any, code: str, language: str) -> str | None:
    """The text of a cell with this format, None where that shows the value as it is.

    `value` is a number, a date or a time; `language` such as "de_DE" is that of the program that wrote the
    file, "" where it is not known.
    """
    sections = _sections(code)
    if isinstance(value, bool) or not sections:
        return None
    if isinstance(value, date | time | timedelta):
        section = next((one for one in sections if one.is_date), None)
        if section is None:
            return None
        known = system_text(value, code, language)
        return known or date_text(value, section.tokens, section.language or language)
    if not isinstance(value, int | float):
        return None
    return _number_text(Decimal(repr(value)), sections, language)


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[Section, ...]:
    """The sections of a format; none where it changes nothing (General, text) or is not understood."""
    if code in ("", "General", "@", "GENERAL"):
        return ()
    sections: list[list[re.Match[str]]] = [[]]
    for match in _TOKEN.finditer(code):
        if match["char"] == ";":
            sections.append([])
        else:
            sections[-1].append(match)
    return tuple(map(_section, sections))


def _section(matches: list[re.Match[str]]) -> Section:
    tokens: list[Token] = []
    condition, language = None, ""
    for match in matches:
        kind = match.lastgroup
        if match["language"] is not None or match["currency"] is not None:
            language = windows_locale.get(int(match["language"] or "0", 16) & 0xFFFF, language)
            tokens.append(Token("literal", match["currency"] or ""))
        elif kind == "bracket":
            if found := _CONDITION.fullmatch(match["bracket"]):
                condition = (found[1], float(found[2]))
            elif _ELAPSED.fullmatch(match["bracket"]):
                tokens.append(Token("elapsed", match["bracket"].lower()))
        elif kind in ("quoted", "escaped"):
            tokens.append(Token("literal", match[kind]))
        elif kind == "blank":
            tokens.append(Token("literal", " "))
        elif kind in ("general", "exponent", "char"):
            tokens.append(Token(kind, match[kind]))
    is_date = any(t.kind == "elapsed" or (t.kind == "char" and t.text in _DATE_CHARS) for t in tokens)
    return Section(tuple(tokens), condition, language, is_date)


def _number_text(value: Decimal, sections: tuple[Section, ...], language: str) -> str | None:
    section, own_sign = _chosen(value, sections)
    if section is None or section.is_date:
        return None
    chars = [token.text for token in section.tokens if token.kind == "char"]
    if any(token.kind in ("general", "exponent") for token in section.tokens) or "/" in chars or "@" in chars:
        return None  # General within text, scientific, fractions: shown as the value
    if not any(char in "0#?" for char in chars):
        return "".join(token.text for token in section.tokens).strip() or None
    text = _digits_text(abs(value), section, _signs(language or section.language))
    return f"-{text}" if value < 0 and not own_sign and re.search("[1-9]", text) else text


def _chosen(value: Decimal, sections: tuple[Section, ...]) -> tuple[Section | None, bool]:
    """The section for a number, and True where it shows the sign itself."""
    if any(section.condition for section in sections[:2]):
        for section in sections:
            if section.condition is None or _COMPARE[section.condition[0]](
                float(value), section.condition[1]
            ):
                return section, False
        return None, False
    numeric = sections[:3]
    if value < 0 and len(numeric) > 1:
        return numeric[1], True
    if value == 0 and len(numeric) > 2:
        return numeric[2], True
    return numeric[0], False


@lru_cache(maxsize=64)
def _signs(language: str) -> tuple[str, str]:
    """The signs for decimals and for thousands in a language; those of English where it is not known."""
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_decimal_symbol, get_group_symbol

    try:
        locale = Locale.parse(language or "en")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return get_decimal_symbol(locale), get_group_symbol(locale)


def _digits_text(value: Decimal, section: Section, signs: tuple[str, str]) -> str:
    """The digits of a positive number in the places of the format, with its literals between them."""
    tokens = list(section.tokens)
    value *= 100 ** sum(1 for token in tokens if token == Token("char", "%"))
    point = next((i for i, token in enumerate(tokens) if token == Token("char", ".")), len(tokens))
    whole, after = tokens[:point], tokens[point + 1 :]
    places = [i for i, token in enumerate(whole) if _is_digit(token)]
    commas = [i for i, token in enumerate(whole) if token == Token("char", ",")]
    last = places[-1] if places else -1
    value /= Decimal(1000) ** sum(1 for i in commas if i > last >= 0)
    grouped = any(places and places[0] < i < last for i in commas)
    decimals = sum(map(_is_digit, after))
    digits = str(value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    integer, _, fraction = digits.partition(".")
    text = _whole_text(whole, integer.lstrip("0"), signs[1] if grouped else "")
    if point < len(tokens):
        text += signs[0] + _fraction_text(after, fraction)
    return text.strip()


def _is_digit(token: Token) -> bool:
    return token.kind == "char" and token.text in "0#?"


def _whole_text(tokens: list[Token], integer: str, group: str) -> str:
    """The part before the decimal sign, filled from the right; digits too many stand at the first place."""
    text: list[str] = []
    digits, written = list(integer), 0
    first = next((i for i, token in enumerate(tokens) if _is_digit(token)), None)
    for i in range(len(tokens) - 1, -1, -1):
        token = tokens[i]
        if not _is_digit(token):
            if token != Token("char", ","):
                text.append(token.text)
            continue
        wanted = len(digits) if i == first else min(len(digits), 1)
        for digit in [digits.pop() for _ in range(wanted)] or ([] if token.text == "#" else [token.text]):
            if group and written and written % 3 == 0:
                text.append(group)
            text.append(" " if digit == "?" else digit)
            written += 1
    return "".join(reversed(text))


def _fraction_text(tokens: list[Token], fraction: str) -> str:
    """The part after the decimal sign; zeros at its end stand only where the format has a 0."""
    needed = [token.text for token in tokens if _is_digit(token)]
    kept = max((i + 1 for i, digit in enumerate(fraction) if digit != "0" or needed[i] != "#"), default=0)
    digits = iter(fraction[:kept])
    return "".join(next(digits, "") if _is_digit(token) else token.text for token in tokens)
