"""Filters of templates: dates, numbers and money as a reader's language writes them, and links from the list.

    {{ amount | money("EUR") }}    1.234,50 €        {{ since | date }}            1. Dez. 2026
    {{ points | number }}          1.234             {{ since | date("d. MMMM") }}  1. Dezember
    {{ page | link }}              the address, if it is one of the web, a mailbox or a telephone

The locale is that of the filter (`locale="fr"`), of the recipient's column (`locale_column`) or of the
campaign (`locale`); it is never guessed.  A value that cannot be read is an error that names its cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from mailrunner.rendering.date_pattern import pattern_mistake

if TYPE_CHECKING:
    from babel import Locale

_PLAIN_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_LINKED = frozenset({"http", "https", "mailto", "tel", "sms"})
_MOST_DECIMALS = 20
_STYLES = frozenset({"short", "medium", "long", "full"})


class LocaleFilters:
    """The filters of one campaign; `locale` and `column` are its keys, None where it has none."""

    def __init__(self, locale: str | None, column: str | None) -> None:
        self._locale, self._column = locale, column

    def by_name(self) -> dict[str, Callable[..., object]]:
        """The filters, by the name that templates use."""
        return {"date": self.date, "money": self.money, "number": self.number, "link": link}

    @pass_context
    def money(
        self, context: Context, value: object, currency: str = "", locale: str | None = None, **options: Any
    ) -> str:
        """An amount in a currency of ISO 4217, such as "EUR"; an empty cell is nothing."""
        from babel.numbers import format_currency

        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            what = f'"{currency}" is not a currency' if currency else "money needs a currency"
            raise ValueError(f'{what}; write e.g. money("EUR")')
        if _is_empty(value):
            return ""
        chosen = self._chosen(context, locale)
        return str(format_currency(_number(context, value, chosen), currency, locale=chosen, **options))

    @pass_context
    def number(
        self, context: Context, value: object, decimals: int | None = None, locale: str | None = None
    ) -> str:
        """A number, with so many decimals where it is said; an empty cell is nothing."""
        from babel.numbers import format_decimal

        if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= _MOST_DECIMALS):
            raise ValueError(f"number takes 0 to {_MOST_DECIMALS} decimals, e.g. number(2)")
        if _is_empty(value):
            return ""
        chosen = self._chosen(context, locale)
        number = _number(context, value, chosen)
        if decimals is None:
            return str(format_decimal(number, locale=chosen, decimal_quantization=False))
        pattern = "#,##0" + ("." + "0" * decimals if decimals > 0 else "")
        return str(format_decimal(number, format=pattern, locale=chosen))

    @pass_context
    def date(self, context: Context, value: object, style: str = "medium", locale: str | None = None) -> str:
        """A day, as "short", "medium", "long" or "full", or by a pattern of CLDR such as "d. MMMM"."""
        from babel.dates import format_date, format_datetime

        mistake = "" if style in _STYLES else pattern_mistake(style)
        if mistake:
            raise ValueError(f'date("{style}"): {mistake}; write e.g. date("dd.MM.yyyy")')
        if _is_empty(value):
            return ""
        moment = value if isinstance(value, date) else _date(context, value)
        chosen = self._chosen(context, locale)
        if style not in _STYLES and isinstance(moment, datetime):
            return str(format_datetime(moment, style, tzinfo=moment.tzinfo, locale=chosen))
        try:
            return str(format_date(moment, style, locale=chosen))
        except AttributeError:  # of a `date`, which has no time
            raise ValueError(f'date("{style}") shows a time, and {_cell(context, value)} has none') from None

    def _chosen(self, context: Context, locale: str | None) -> Locale:
        """The locale for one row; raises ValueError, with the cell, where there is none."""
        from babel import Locale, UnknownLocaleError

        row = context.get("row")
        cell = row.get(self._column) if self._column and isinstance(row, Mapping) else None
        name = str(locale or cell or "").strip() or self._locale
        if not name:
            raise ValueError('no locale is set; write e.g. locale = "de_DE" in [message]')
        try:
            return Locale.parse(name.partition(".")[0].replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            place = f"{self._column}: " if cell and not locale else ""
            raise ValueError(f'{place}"{name}" is not a locale; write e.g. de_DE or en_GB') from None


@pass_context
def link(context: Context, value: object) -> object:
    """The value, if a reader may be sent there; raises ValueError for `javascript:` and its like."""
    scheme = _SCHEME.match(str(value))
    if scheme and scheme[1].lower() not in _LINKED:
        raise ValueError(f"{_cell(context, value)} is no link: it begins with {scheme[1]}:")
    return value


def _is_empty(value: object) -> bool:
    """A cell without a value; a name that does not exist is none, and says so."""
    if isinstance(value, Undefined):
        str(value)
    return value is None or (isinstance(value, str) and not value.strip())


def _number(context: Context, value: object, locale: Locale) -> Decimal:
    """The number in a cell: as machines write it, or as the locale does, where these do not differ."""
    from babel.numbers import NumberFormatError, parse_decimal

    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    text = str(value).strip()
    plain = Decimal(text) if _PLAIN_NUMBER.fullmatch(text) else None
    try:
        local = parse_decimal(text, locale=locale, strict=True)
    except (NumberFormatError, InvalidOperation):
        local = None
    found = {number for number in (plain, local) if number is not None}
    if len(found) == 1:
        return found.pop()
    if found:
        first, second = sorted(found)
        raise ValueError(
            f"{_cell(context, value)} may be {first} or {second}; say what it is by types in [recipients]"
        )
    raise ValueError(f"{_cell(context, value)} is no number")


def _date(context: Context, value: object) -> date:
    text = str(value).strip()
    try:
        return datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
    except ValueError:
        sentence = f'{_cell(context, value)} is no date; write 2026-12-31, or set types = {{ … = "date" }}'
        raise ValueError(sentence) from None


def _cell(context: Context, value: object) -> str:
    """The value with the column that it stands in, as far as that can be told."""
    row = context.get("row")
    cells = row.items() if isinstance(row, Mapping) else ()
    same = [str(name) for name, cell in cells if cell is value] or [
        str(name) for name, cell in cells if cell == value
    ]
    shown = f'"{str(value)[:60]}"'
    return f"{same[0]}: {shown}" if len(same) == 1 else shown
