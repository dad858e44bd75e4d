"""The work of one rendering, counted in units: a character that is handled, or a step that is taken.

Units and no seconds: a row has the same verdict on every machine, whatever else that machine does.  What
an operation will cost is charged before it is done, so memory is bounded with the time.
"""

from __future__ import annotations

import threading
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from typing import Any

from jinja2.utils import Namespace

WORK = 10_000_000
"""Units of one rendering: one or two seconds.  A newsletter with a table of 100 rows takes some 50,000."""

STEP = 20  # units of a turn of a loop or of a call, beside what it handles
ITEM = 10  # units of an item of a list, which takes as much memory as so many characters
_UNWEIGHED = 1000  # characters of a string that is handled free of charge; each step may have a few
_MOST_BITS = 10_000  # of an integer: more than Python writes out
_PLAIN = frozenset({int, float, bool, type(None)})
_VIEWS = (KeysView, ValuesView, ItemsView)
_SIZED = (str, bytes, range)


class TooMuchWorkError(Exception):
    """An expression that would take more work than one rendering may."""


class Meter(threading.local):
    """The units that this thread's rendering has left; whoever begins a rendering sets it to `WORK`."""

    left = WORK


METER = Meter()


def charge(units: int) -> None:
    """Take units off; raise TooMuchWorkError when none are left."""
    METER.left -= units
    if METER.left < 0:
        raise TooMuchWorkError(
            f"it would take more than the {WORK:,} characters and steps that one message may"
        )


def weighed(value: Any) -> Any:
    """Return the value after it was charged for: it is about to be written, compared or copied."""
    kind = type(value)
    if kind is str:
        if len(value) > _UNWEIGHED:
            charge(len(value))
    elif kind not in _PLAIN:
        charge(size(value))
    return value


def steps(turns: Any, weight: int = STEP) -> Any:
    """Return the values that a loop goes through, each charged for as it comes, or all at once.

    `weight` is what one turn costs.
    """
    try:
        many = len(turns)
    except TypeError:
        return _counted(turns, weight)
    charge(weight * many)
    return turns


def size(value: Any) -> int:
    """The units that handling a value takes: characters, and the items of all that is in it.

    A list that stands in another twice counts twice, as it is written or compared twice; so nested lists
    soon have more than there is, and counting ends there.
    """
    if isinstance(value, str | bytes):
        return len(value)
    return 1 if type(value) in _PLAIN else _size_within(value)


def require_small(number: object) -> None:
    """Raise TooMuchWorkError for an integer with which calculations would take long."""
    if isinstance(number, int):
        require_bits(number.bit_length())


def require_bits(bits: int) -> None:
    """As `require_small`, by the size of a number that is not there yet."""
    if bits > _MOST_BITS:
        raise TooMuchWorkError("a number has thousands of digits")


def _counted(turns: Iterable[Any], weight: int) -> Iterator[Any]:
    for value in turns:
        charge(weight)
        yield value


def _size_within(value: Any) -> int:
    total, most = 0, METER.left
    waiting = [value]
    while waiting and total <= most:
        one = waiting.pop()
        if isinstance(one, _SIZED):
            total += len(one)
        elif (items := _items(one)) is not None:
            total += ITEM * len(items) + 1
            waiting.extend(items)
        else:
            total += 1
    return total


def _items(value: Any) -> Any:
    """What stands in a value that has parts; None for any other."""
    if isinstance(value, Namespace):
        value = value._Namespace__attrs
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list | tuple | set | frozenset) else _viewed(value)


def _viewed(value: Any) -> Any:
    return list(value) if isinstance(value, _VIEWS) else None
