"""A cache of what was used lately, bounded by its size.

Entries are in one of two generations.  When the younger one is half of what is allowed it becomes the
older one, and what was not used since then goes.  Reading takes no lock: an entry that goes meanwhile is
only made once more than it had to be.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(dict[Key, Value | None]):
    """At most `limit` of whatever unit the sizes of entries are given in.

    `cache[key]` is an entry, which then counts as used, or None; `put` alone adds one.  The dictionary
    itself is the younger generation, so that reading what was used lately is one step of the interpreter.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._half = limit // 2
        self._lock = threading.Lock()
        self._sizes: dict[Key, int] = {}
        self._old: dict[Key, tuple[Value | None, int]] = {}
        self._young_size = self._old_size = 0

    @property
    def size(self) -> int:
        """The sum of the sizes of all entries."""
        return self._young_size + self._old_size

    def __missing__(self, key: Key) -> Value | None:
        """Return an entry of the older generation, which becomes young again, or None."""
        entry = self._old.get(key)
        if entry is None:
            return None
        self.put(key, *entry)
        return entry[0]

    def put(self, key: Key, value: Value | None, size: int) -> None:
        """Keep a value; one that alone is more than half of what is allowed is not kept."""
        with self._lock:
            self.pop(key, None)
            self._young_size -= self._sizes.pop(key, 0)
            self._old_size -= self._old.pop(key, (value, 0))[1]
            if self._young_size + size > self._half:
                self._old = {known: (kept, self._sizes[known]) for known, kept in self.items()}
                self._old_size, self._young_size = self._young_size, 0
                self.clear()
                self._sizes.clear()
            if size <= self._half:
                self[key] = value
                self._sizes[key] = size
                self._young_size += size
