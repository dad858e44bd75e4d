"""Iterators that find out at once what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


def begun(rows: Iterator[T]) -> Iterator[T]:
    """The same rows, the first of them read already: what cannot be read is an error now, not later."""
    return chain(list(islice(rows, 1)), rows)
