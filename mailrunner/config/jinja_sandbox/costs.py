"""Costs of the operations that can make much out of little, or take long over little.

Each is predicted from its arguments, in units (see `work`).  Whatever is not named here costs about what
it is given and what it gives.  A prediction that its arguments do not allow is none: the operation then
says itself what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mailrunner.config.jinja_sandbox.work_meter import ITEM, require_bits, require_small, size, steps

_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?[hlL]*[a-zA-Z]")
_NUMBER = re.compile(r"\d+")
_QUICK_CODECS = frozenset({"utf8", "ascii", "latin1", "iso88591", "utf16", "utf32", "cp1252"})
_COPIES = 200  # characters are copied as quickly as one is handled otherwise
_MISMATCHES = 50  # and so many compared


def binary(operator: str, left: Any, right: Any) -> int:
    """The cost of `left operator right`; raises TooMuchWorkError for numbers of thousands of digits."""
    if type(left) is float or type(right) is float:
        return 1
    if operator == "%" and isinstance(left, str | bytes):
        return _percent(left, right)
    require_small(left)
    require_small(right)
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        require_bits(left.bit_length() * right)
    if operator == "*":
        return _product(left, right)
    return size(left) + size(right)


def called(name: str, owner: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """The cost of a method of a string, number or date, beside the size of what it is given."""
    return _predicted(_METHODS.get(name), (owner, *args), kwargs)


def filtered(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """The cost of a filter, beside the size of what it is given; `args` begin with the filtered value."""
    return _predicted(_FILTERS.get(name), args, kwargs)


def formatted(value: Any, spec: str) -> int:
    """The cost of one field of `str.format`."""
    return size(value) + len(spec) + sum(map(int, _NUMBER.findall(spec)))


def _predicted(cost: Callable[..., int] | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    if cost is not None:
        with suppress(TypeError, ValueError, AttributeError, LookupError):
            return max(cost(*args, **kwargs), 0)
    return 0


def _product(left: Any, right: Any) -> int:
    if isinstance(left, int) and isinstance(right, int):
        require_bits(left.bit_length() + right.bit_length())
        return 1
    many, repeated = (left, right) if isinstance(left, int) else (right, left)
    return size(repeated) * max(many, 1) if isinstance(many, int) else 1


def _percent(text: str | bytes, given: Any) -> int:
    found = _PERCENT.findall(text if isinstance(text, str) else text.decode("latin-1"))
    written = [int(number) for field in found for number in field if number.isdigit()]
    values = given if isinstance(given, tuple) else (given,)
    asked = [abs(value) for value in values if isinstance(value, int)] if "*" in str(found) else []
    return len(text) + sum(written) + sum(asked) + size(given) * max(len(found), 1)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _width(_: Any, width: Any = 80, *__: Any) -> int:
    return int(width)


def _expandtabs(value: Any, tabsize: Any = 8) -> int:
    return _text(value).count("\t") * int(tabsize)


def _replace(value: Any, old: Any, new: Any, count: Any = None, **_: Any) -> int:
    text = _text(value)
    return (text.count(_text(old)) + 1) * len(_text(new))


def _translate(value: Any, table: Any, *_: Any) -> int:
    texts = table.values() if isinstance(table, dict) else ()
    return len(value) * max(map(size, texts), default=1)


def _backwards(value: Any, sought: Any = " ", *_: Any) -> int:
    """Searches from behind and strips compare each place with all that is sought, at worst."""
    return len(_text(value)) * len(_text(sought)) // _MISMATCHES


def _coded(value: Any, encoding: str = "utf-8", *_: Any, **__: Any) -> int:
    """Rare codecs are written in Python, and punycode takes the square of the length."""
    is_quick = re.sub(r"[-_ ]", "", encoding.lower()) in _QUICK_CODECS
    return len(value) if is_quick else len(value) ** 2


def _method_join(separator: Any, items: Any) -> int:
    return len(items) * len(separator)


def _to_bytes(_: int, length: int = 1, *__: Any, **___: Any) -> int:
    return length


def _strftime(_: Any, form: str) -> int:
    return 256 * len(form)  # the C library may be told widths; Python ends there


def _join(items: Any, d: Any = "", attribute: Any = None) -> int:
    return len(items) * len(_text(d))


def _indent(value: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    lines = _text(value).count("\n") + 1
    return lines * (len(width) if isinstance(width, str) else int(width))


def _wordwrap(
    value: Any, width: int = 79, break_long_words: bool = True, wrapstring: Any = None, *_: Any, **__: Any
) -> int:
    """textwrap cuts a long word by copying all that is left of it, line by line."""
    text = _text(value)
    lines = len(text) // max(width, 1) + text.count("\n") + 1
    return _longest(text) ** 2 // (max(width, 1) * _COPIES) + lines * len(_text(wrapstring or ""))


def _urlize(value: Any, _: Any = None, __: Any = False, target: Any = "", rel: Any = "", **named: Any) -> int:
    text = _text(value)
    each = len(_text(target or "")) + len(_text(rel or "")) + size(list(named.get("extra_schemes") or ()))
    return _longest(text) ** 2 // _COPIES + len(text.split()) * each


def _longest(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _striptags(value: Any) -> int:
    """markupsafe copies the whole text for each comment."""
    text = _text(value)
    return text.count("<") * len(text) // _COPIES


def _batch(value: Any, linecount: int, fill_with: Any = None) -> int:
    return 0 if fill_with is None else linecount * ITEM


def _slice(value: Any, slices: int, fill_with: Any = None) -> int:
    return slices * 5 * ITEM


def _sum(items: Any, attribute: Any = None, start: Any = 0) -> int:
    """Lists are added by copying what there is so far."""
    return 0 if isinstance(start, int | float) else len(items) * size(items) // ITEM


def _round(_: Any, precision: int = 0, *__: Any, **___: Any) -> int:
    return abs(precision) * 100


def _json(value: Any, indent: int | None = None) -> int:
    return size(value) * (6 + (indent or 0))


def _pprint(value: Any) -> int:
    return 20 * size(value)


def _format(value: Any, *args: Any, **kwargs: Any) -> int:
    return _percent(_text(value), kwargs or args)


def materialised(value: Any) -> Any:
    """What a generator gives, as a list, where a cost depends on how much that is."""
    return [*steps(value)] if hasattr(value, "__next__") else value


_WIDTHS = dict.fromkeys(("center", "ljust", "rjust", "zfill"), _width)
_BACKWARDS = ("rfind", "rindex", "rsplit", "rpartition", "strip", "lstrip", "rstrip")
_METHODS: dict[str, Callable[..., int]] = {
    **_WIDTHS,
    **dict.fromkeys(_BACKWARDS, _backwards),
    "expandtabs": _expandtabs,
    "replace": _replace,
    "translate": _translate,
    "encode": _coded,
    "decode": _coded,
    "join": _method_join,
    "to_bytes": _to_bytes,
    "strftime": _strftime,
}
_FILTERS: dict[str, Callable[..., int]] = {
    "center": _width,
    "replace": _replace,
    "trim": _backwards,
    "join": _join,
    "indent": _indent,
    "wordwrap": _wordwrap,
    "urlize": _urlize,
    "striptags": _striptags,
    "batch": _batch,
    "slice": _slice,
    "sum": _sum,
    "round": _round,
    "tojson": _json,
    "pprint": _pprint,
    "format": _format,
}
NEED_ALL = frozenset({"join", "sum"})
"""The filters whose cost depends on how much a generator gives."""
