"""One cell: a value of Excel, Parquet or SQL to text, and text to the type named for its column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

_INT = re.compile(r"[+-]?[0-9]+(?:\.0+)?")  # "12.0" is how many programs write a whole number
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLS = {
    **dict.fromkeys(("true", "yes", "y", "t", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "0"), False),
}
_EXAMPLES = {
    "float": " (write e.g. 1234.5)",
    "date": " (write e.g. 2026-12-31)",
    "datetime": " (write e.g. 2026-12-31T08:00)",
    "bool": " (write TRUE or FALSE)",
}
_LARGEST_EXACT = 10**15  # a spreadsheet shows 15 digits


def to_text(value: Any) -> str:
    """Write a value of Excel, Parquet or SQL as a spreadsheet shows it, dates in ISO 8601; None is ""."""
    return _WRITERS.get(type(value), _other_text)(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ""  # how data frames write a missing number
    if value.is_integer() and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    return format(value, ".15g")


def _other_text(value: Any) -> str:
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: str,
    type(None): lambda _: "",
    bool: lambda value: "TRUE" if value else "FALSE",
    int: str,
    float: _float_text,
    Decimal: lambda value: format(value, "f"),
}


def from_text(text: str, type_name: str) -> Any:
    """Read the text of a cell as `type_name`: "int", "float", "date", "datetime" or "bool".

    Blanks around it are ignored.  Raise ValueError with a sentence to put after the column's name:
    `"abc" is no int`.
    """
    try:
        return _PARSERS[type_name](text.strip())
    except ValueError:
        hint = _EXAMPLES.get(type_name, "")
        raise ValueError(f'"{text.strip()[:60]}" is no {type_name}{hint}') from None


def _int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise ValueError
    return int(text.partition(".")[0])


def _float(text: str) -> float:
    # Python's own float() also takes "nan", "1_000" and digits of other scripts.
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    if math.isinf(number):
        raise ValueError
    return number


def _date(text: str) -> date:
    moment = datetime.fromisoformat(text)
    if moment.time() != time.min:
        raise ValueError
    return moment.date()


def _bool(text: str) -> bool:
    if text.lower() not in _BOOLS:
        raise ValueError
    return _BOOLS[text.lower()]


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": _int,
    "float": _float,
    "date": _date,
    "datetime": datetime.fromisoformat,
    "bool": _bool,
}
