"""The numbers of a campaign's deliveries by state."""

from __future__ import annotations

from mailrunner.model.delivery import Counts


def test_numbers_by_state_are_folded_added_and_named_as_in_json() -> None:
    by_state = {"queued": 1, "claimed": 2, "sending": 4, "sent": 8, "failed": 16, "in_doubt": 32}
    counts = Counts.of(by_state | {"suppressed": 64, "skipped": 128})
    assert (counts.total, counts.open) == (255, 7)
    assert counts.as_dict() == {
        **{"queued": 1, "in_flight": 6, "sent": 8, "failed": 16, "in_doubt": 32},
        **{"suppressed": 64, "skipped": 128},
    }
