"""A cache keeps what is used and stays within its bound."""

from __future__ import annotations

from mailrunner.rendering.inlining.lru import LruCache


def test_what_was_not_used_lately_goes_and_the_size_stays_bounded() -> None:
    recent: LruCache[int, str] = LruCache(100)
    recent.put(-1, "kept", 10)
    for n in range(1000):
        recent.put(n, str(n), 10)
        assert recent[-1] == "kept"
        assert recent[n] == str(n)
        assert recent.size <= 100
    assert recent[0] is None


def test_what_is_too_large_is_not_kept() -> None:
    recent: LruCache[str, str] = LruCache(100)
    recent.put("a", "small", 10)
    recent.put("a", "large", 51)
    assert recent["a"] is None
    assert recent.size == 0
