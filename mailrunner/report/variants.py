"""The outcomes of a campaign by variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mailrunner.model.delivery import Counts
from mailrunner.model.variants import names_in
from mailrunner.report.columns import row_variant
from mailrunner.store import CampaignRecord
from mailrunner.store.report_rows import Reading


@dataclass(frozen=True, slots=True)
class VariantCount:
    """One variant: its deliveries by state, and how many of its messages had which inbound event."""

    variant: str
    counts: Counts
    events: Counter[str]

    def as_json(self) -> dict[str, object]:
        """The object of the JSON report."""
        return {"variant": self.variant, "counts": self.counts.as_dict(), "events": dict(self.events)}


def variant_counts(reading: Reading, record: CampaignRecord | None) -> Sequence[VariantCount]:
    """Each variant by name, of recipients whose address is known; none for a campaign without variants."""
    names = names_in(record.content) if record else ()
    if record is None or not names:
        return ()
    states = {name: Counter[str]() for name in names}
    events = {name: Counter[str]() for name in names}
    for row in reading.rows():
        if name := row_variant(row, names, record.id):
            states[name][row.state] += 1
            if row.came_back:
                events[name][row.came_back] += 1
    return [VariantCount(name, Counts.of(states[name]), events[name]) for name in names]
