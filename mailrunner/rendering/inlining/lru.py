"""A memory of what was used lately, bounded by its size.

Entries are in one of two generations.  When the younger one is half of what is allowed it becomes the
older one, and what was not used since then goes.  Reading takes no lock: a dictionary's `get` is one step
for the interpreter, and an entry that goes meanwhile is only read once more than it had to be.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """At most `limit` of whatever unit the sizes of entries are given in."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._lock = threading.Lock()
        self._young: dict[Key, tuple[Value, int]] = {}
        self._old: dict[Key, tuple[Value, int]] = {}
        self._young_size = self._old_size = 0

    @property
    def size(self) -> int:
        """The sum of the sizes of all entries."""
        return self._young_size + self._old_size

    def get(self, key: Key) -> Value | None:
        """Return an entry, which then counts as used, or None."""
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.get(key)
            if entry is None:
                return None
            self.put(key, *entry)
        return entry[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value; one that alone is more than half of what is allowed is not kept."""
        with self._lock:
            self._young_size -= self._young.pop(key, (value, 0))[1]
            self._old_size -= self._old.pop(key, (value, 0))[1]
            if self._young_size + size > self._half:
                self._old, self._old_size = self._young, self._young_size
                self._young, self._young_size = {}, 0
            if size <= self._half:
                self._young[key] = (value, size)
                self._young_size += size
