"""Resolves deliveries in doubt by what a look into the account's Sent folder proves.

A message that is found was taken by the server.  One that is not found was refused or never
arrived only where *everything* else speaks for it; otherwise that is unknown, and it stays in doubt.
Pure: the evidence is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A server may think about the final dot for ten minutes (RFC 5321 §4.5.3.2.6), and a folder's
# index may lag behind by about as much.
ANSWER, INDEX = timedelta(minutes=10), timedelta(minutes=10)
SAME_TIME = timedelta(hours=1)


class Lookup(StrEnum):
    """The state of knowledge about a delivery after a look into the Sent folder."""

    FOUND = "found"  # it was sent
    ABSENT = "absent"  # it was not sent
    UNDECIDED = "undecided"  # it stays in doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEvidence:
    """The observations about one delivery.

    `folder` is where its message lies, "" where it was not found; `provider` is the provider's name
    as it is shown.  `sender_lives` says that the process which handed it over has lost its claim but
    may still wake up; `neighbour_found`, that another message of the same run, sent within
    `SAME_TIME` of this one, lies in the Sent folder.  `log` is the provider's own log of what it took, in
    words, where that was searched and no folder.
    """

    folder: str
    attempted_at: datetime | None
    provider: str
    files_submissions: bool
    keeps_message_id: bool
    sender_lives: bool
    trash_searched: bool
    neighbour_found: bool
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The result, its reason in words, and when it is worth looking again (None: that will not help)."""

    lookup: Lookup
    reason: str
    look_again_at: datetime | None = None


def resolve(evidence: LookupEvidence, *, now: datetime) -> Resolution:
    """Return what `evidence`, gathered at `now`, proves; the first thing that prevents a proof is named."""
    if evidence.folder:
        return Resolution(lookup=Lookup.FOUND, reason=f'found in "{evidence.folder}"')
    if doubt := _unprovable(evidence):
        return Resolution(lookup=Lookup.UNDECIDED, reason=f"not found, but {doubt}")
    provable_at = evidence.attempted_at + ANSWER + INDEX if evidence.attempted_at else now
    if now < provable_at:
        reason = "not found yet, which proves nothing so soon after the attempt"
        return Resolution(lookup=Lookup.UNDECIDED, reason=reason, look_again_at=provable_at)
    if not evidence.neighbour_found:
        place = evidence.log or "the Sent folder"
        reason = f"not found, but no other message of the same hour is in {place} either"
        return Resolution(lookup=Lookup.UNDECIDED, reason=reason)
    if evidence.log:
        reason = f"not in {evidence.log}, where others of the same hour are"
        return Resolution(lookup=Lookup.ABSENT, reason=reason)
    return Resolution(lookup=Lookup.ABSENT, reason="neither in the Sent folder nor in the trash")


def _unprovable(evidence: LookupEvidence) -> str:
    """The reason why absence proves nothing, however late it is; "" where it may."""
    if not evidence.files_submissions:
        return f"{evidence.provider} is not known to file all that is sent through it"
    if not evidence.keeps_message_id:
        return f"{evidence.provider} is not known to keep our Message-ID"
    if evidence.attempted_at is None:
        return "the time of the attempt is not known"
    if evidence.sender_lives:
        return "the process that was sending it is suspended, not gone; end it first"
    if not evidence.trash_searched:
        return "the account shows no trash folder in which it could lie"
    return ""
