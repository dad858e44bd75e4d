"""Statistics of one campaign: counted at some moment, and kept for the next start.

The statistics hold the deliveries that were done before `counted_to`; those since are counted for each page
by the index (`store.statistics`).  Both together are the campaign's numbers, without a
counter that could drift.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from mailrunner.clock import rfc3339
from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store.report_rows import Cause
from mailrunner.store.statistics import ReturnsOfDay, Tally


@dataclass(slots=True, kw_only=True)
class CampaignStatistics:
    """One campaign, as it was counted at `taken_at`, which took `seconds`.

    `done` is sorted by nothing.  `domains` are the totals of receiving domains, empty until they are known;
    `of_state` is the campaign's phase and its newest inbound event, by which one that is over is known to be
    as it was.
    """

    taken_at: datetime
    counted_to: datetime
    seconds: float
    total: int
    done: list[Tally]
    reasons: list[Cause] = field(default_factory=list)
    failed_domains: list[tuple[str, int]] = field(default_factory=list)
    returned: list[ReturnsOfDay] = field(default_factory=list)
    domains: dict[str, int] = field(default_factory=dict)
    finish_at: datetime | None = None
    of_state: str = ""

    def came_back(self, kind: EventKind) -> int:
        """The number of messages with an inbound event of this kind."""
        return sum(row.number for row in self.returned if row.kind is kind)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A campaign's numbers now: by state, and those that are done by quarter of an hour."""

    counts: Counts
    history: list[Tally]


def numbers(statistics: CampaignStatistics, since: Iterable[Tally], moving: Mapping[State, int]) -> Numbers:
    """Numbers from the statistics, what was done since, and the deliveries `moving`: in flight and in doubt.

    What is queued is the rest, so that all together are never more than the total.
    """
    history = [*statistics.done, *since]
    by_state: Counter[str] = Counter()
    for row in history:
        by_state[row.state.value] += row.number
    for state, number in moving.items():
        by_state[state.value] += number
    by_state[State.QUEUED.value] = max(0, statistics.total - by_state.total())
    return Numbers(Counts.of(by_state), history)


def as_json(statistics: CampaignStatistics) -> dict[str, Any]:
    """The statistics for their file; instants as RFC 3339 but for the exact `counted_to`."""
    kept = asdict(statistics)
    kept["taken_at"], kept["finish_at"] = rfc3339(statistics.taken_at), rfc3339(statistics.finish_at)
    kept["counted_to"] = statistics.counted_to.isoformat()
    kept["done"] = [(row.state.value, row.quarter.isoformat(), row.number) for row in statistics.done]
    kept["reasons"] = [(row.state.value, row.reason, row.number) for row in statistics.reasons]
    kept["returned"] = [(row.kind.value, row.day.isoformat(), row.number) for row in statistics.returned]
    return kept


def from_json(kept: Mapping[str, Any]) -> CampaignStatistics:
    """The statistics from their file; raises ValueError, KeyError or TypeError for what is none."""
    values = {one.name: kept[one.name] for one in fields(CampaignStatistics)}
    values |= {
        "taken_at": datetime.fromisoformat(kept["taken_at"]),
        "counted_to": datetime.fromisoformat(kept["counted_to"]),
        "finish_at": datetime.fromisoformat(kept["finish_at"]) if kept["finish_at"] else None,
        "done": [Tally(State(state), datetime.fromisoformat(at), n) for state, at, n in kept["done"]],
        "reasons": [Cause(State(state), reason, n) for state, reason, n in kept["reasons"]],
        "failed_domains": [(domain, n) for domain, n in kept["failed_domains"]],
        "returned": [
            ReturnsOfDay(EventKind(kind), datetime.fromisoformat(day), n) for kind, day, n in kept["returned"]
        ],
    }
    return CampaignStatistics(**values)


def written(statistics: Mapping[int, CampaignStatistics], mark: str) -> bytes:
    """The file of all statistics of the ledger with this mark."""
    return json.dumps(
        {"ledger": mark, "statistics": {no: as_json(one) for no, one in statistics.items()}}
    ).encode()


def read(octets: bytes, mark: str) -> dict[int, CampaignStatistics]:
    """The statistics of a file; none of another ledger's file, and none of a file that cannot be read."""
    try:
        kept = json.loads(octets)
        if kept["ledger"] != mark:
            return {}
        return {int(no): from_json(one) for no, one in kept["statistics"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
