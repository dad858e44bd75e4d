"""What a look for a message in doubt proves: every field of what is said, and the times it hangs on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailrunner.model.in_doubt import ANSWER, INDEX, SAME_TIME, Lookup, LookupEvidence, Resolution, resolve

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=3)
PROOF = LookupEvidence(
    folder="",
    attempted_at=LONG_AGO,
    provider="Gmail",
    files_submissions=True,
    keeps_message_id=True,
    sender_lives=False,
    trash_searched=True,
    neighbour_found=True,
)
LOG = "Mailgun's log"


def test_the_times_of_the_proof_are_those_of_the_documents() -> None:
    assert (
        timedelta(minutes=10),  # RFC 5321 §4.5.3.2.6
        timedelta(minutes=10),
        timedelta(hours=1),
    ) == (ANSWER, INDEX, SAME_TIME)


def undecided(reason: str) -> Resolution:
    return Resolution(lookup=Lookup.UNDECIDED, reason=reason, look_again_at=None)


@pytest.mark.parametrize(
    ("changes", "resolution"),
    [
        ({"folder": "Trash"}, Resolution(lookup=Lookup.FOUND, reason='found in "Trash"')),
        ({}, Resolution(lookup=Lookup.ABSENT, reason="neither in the Sent folder nor in the trash")),
        (
            {"log": LOG},
            Resolution(lookup=Lookup.ABSENT, reason=f"not in {LOG}, where others of the same hour are"),
        ),
        (
            {"files_submissions": False},
            undecided("not found, but Gmail is not known to file all that is sent through it"),
        ),
        ({"keeps_message_id": False}, undecided("not found, but Gmail is not known to keep our Message-ID")),
        ({"attempted_at": None}, undecided("not found, but the time of the attempt is not known")),
        (
            {"sender_lives": True},
            undecided("not found, but the process that was sending it is suspended, not gone; end it first"),
        ),
        (
            {"trash_searched": False},
            undecided("not found, but the account shows no trash folder in which it could lie"),
        ),
        (
            {"neighbour_found": False},
            undecided("not found, but no other message of the same hour is in the Sent folder either"),
        ),
        (
            {"neighbour_found": False, "log": LOG},
            undecided(f"not found, but no other message of the same hour is in {LOG} either"),
        ),
        (
            {"attempted_at": NOW - timedelta(minutes=19)},
            Resolution(
                lookup=Lookup.UNDECIDED,
                reason="not found yet, which proves nothing so soon after the attempt",
                look_again_at=NOW + timedelta(minutes=1),
            ),
        ),
    ],
)
def test_each_evidence_has_its_resolution(changes: dict[str, object], resolution: Resolution) -> None:
    assert resolve(replace(PROOF, **changes), now=NOW) == resolution  # type: ignore[arg-type]
