"""Facts learned of an account by trying: shown with their date, they decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
