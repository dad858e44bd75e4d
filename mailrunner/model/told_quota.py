"""The limits of an account as its provider tells them, and the recipients it has left."""

from __future__ import annotations

from typing import NamedTuple

from mailrunner.model.number_and_noun import counted
from mailrunner.model.quota import Limit

QUOTA_FACT = "quota"  # its name among what is learned of an account


class Remaining(NamedTuple):
    """The recipients that are left of a count that begins anew each `window`, "day" or "month".

    `of` is its whole, None where that is not told.  `is_charged`: more is charged rather than refused, so
    it is no limit.
    """

    window: str
    left: int
    of: int | None = None
    is_charged: bool = False

    def __str__(self) -> str:
        whole = f" of {self.of}" if self.of is not None else ""
        more = " (more may be charged)" if self.is_charged else ""
        return f"{counted(self.left, 'recipient')}{whole} left this {self.window}{more}"


class ToldQuota(NamedTuple):
    """The limits of rolling windows, and what is left of other counts; both are empty where there is none.

    `sent` counts the recipients of the last 24 hours, None where that is not told.
    """

    limits: tuple[Limit, ...] = ()
    remaining: tuple[Remaining, ...] = ()
    sent: int | None = None

    @property
    def sentence(self) -> str:
        """All of it in words."""
        parts = [f"allows {', '.join(map(str, self.limits))}"] if self.limits else []
        parts += [f"has {', '.join(map(str, self.remaining))}"] if self.remaining else []
        return f"the provider {' and '.join(parts)}" if parts else "the provider names no limit"


def whole(value: object) -> int | None:
    """A number of a provider's answer, rounded down; None for what is none, and for one below 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < float("inf") else None  # type: ignore[operator,call-overload]


def counts(window: str, used: object, of: object) -> tuple[Remaining, ...]:
    """What is left of a count by its use and its limit; none where there is no limit (0, -1 or none)."""
    limit, known = whole(of), whole(used)
    return (Remaining(window, max(0, limit - known), limit),) if limit and known is not None else ()
