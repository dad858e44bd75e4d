"""The key of an API, or the token that stands for one."""

from __future__ import annotations

from typing import Protocol

from mailrunner.model.outcome import Outcome


class Bearer(Protocol):
    """Gives the key or access token as it is now; it may be another in an hour."""

    def __call__(self) -> str:
        """The token; never waits."""
        ...

    def prepare(self) -> Outcome | None:
        """Get a token that lasts for a while, before a connection is opened; may wait.

        Returns what stands in the way, an outcome with `offered=False`, None where nothing does.
        """
        ...

    def refused(self) -> bool:
        """Take note that the API did not accept the token; True where the next `prepare` gets another."""
        ...


class FixedBearer:
    """A key that stands in the account."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self) -> str:
        return self._key

    def prepare(self) -> Outcome | None:
        """Nothing is to be got."""
        return None

    def refused(self) -> bool:
        """There is no other."""
        return False
