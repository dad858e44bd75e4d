"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The gravity of a finding; UNKNOWN could not be found out, and is no fault."""

    OK = "ok"
    INFO = "info"
    UNKNOWN = "unknown"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is a sentence, `evidence` a record or reply, `remedy` the next step; "" for none.

    `fact` names what was learned of the account by it, and is kept in the ledger; "" for the most.
    """

    check: str
    level: Level
    what: str
    evidence: str = ""
    remedy: str = ""
    fact: str = ""
