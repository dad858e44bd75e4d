"""Facts learned of an account by trying: shown with their date, they decide nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mailrunner.model.quota import Limit

QUOTA_FACT = "quota"  # the name of what the provider tells of the account's limits


@dataclass(frozen=True, slots=True)
class LearnedFact:
    """One thing learned of an account at the instant `at`.

    `name` is what it is about ("message-id", "links", "quota", …): what is learned later of the same takes
    its place.  `holds` is False where it is as it should not be; `sentence` says so in words.
    """

    name: str
    holds: bool
    sentence: str
    at: datetime


def told_sentence(limits: Iterable[Limit]) -> str:
    """What a provider tells of an account's limits."""
    told = ", ".join(map(str, limits))
    return f"the provider allows {told}" if told else "the provider names no limit"
