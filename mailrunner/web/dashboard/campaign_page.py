"""The page of one campaign: how far, when done, and which messages failed, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.report.charts import Chart, ChartSeries, over_time
from mailrunner.store import CampaignRecord, Phase
from mailrunner.store.statistics import Tally
from mailrunner.web.dashboard.campaign_statistics import CampaignStatistics
from mailrunner.web.dashboard.overview import campaign_line
from mailrunner.web.dashboard.page_parts import EVENT_WORDS, STATE_WORDS, Desk

_LATEST, _MOST_DOMAINS = 12, 12
_PATIENT = 1.5  # seconds for the first statistics
_ANSWERED = (State.SENT, State.FAILED, State.IN_DOUBT)
_SENT_FAILED = (ChartSeries("sent", "sent"), ChartSeries("failed", "failed"))
_CAME_BACK = (
    ChartSeries("unsubscribed", "suppressed"),
    ChartSeries("bounced", "failed"),
    ChartSeries("complained", "in_doubt"),
)
_PLACES = {
    EventKind.UNSUBSCRIBED: 0,
    EventKind.BOUNCED: 1,
    EventKind.REFUSED: 1,
    EventKind.COMPLAINED: 2,
}


class DomainLine(NamedTuple):
    """One receiving domain: failed deliveries of how many; `total` is None until it is counted."""

    domain: str
    failed: int
    total: int | None


def campaign_page(desk: Desk, record: CampaignRecord) -> dict[str, Any]:
    """The values of a campaign's page."""
    line = campaign_line(desk, record, wait=_PATIENT)
    statistics = line.statistics
    history = desk.keeper.numbers(record, statistics).history if statistics else []
    return {
        "line": line,
        "record": record,
        "can": _actions(record),
        "age": _age(desk, statistics),
        "progress": _progress(desk, history),
        "came_back": _came_back(desk, statistics),
        "domains": _domains(statistics) if statistics else [],
        "latest": desk.ledger.browsing.newest(record.no, _ANSWERED, most=_LATEST),
        "state_words": STATE_WORDS,
        "back": _back(statistics) if statistics else [],
    }


def _actions(record: CampaignRecord) -> list[str]:
    """The actions that the campaign's phase allows."""
    phase, found = record.phase, []
    if phase is Phase.BEGUN:
        found.append("pause")
    if phase is Phase.PAUSED:
        found.append("unpause")
    if phase not in (Phase.FINISHED, Phase.CANCELLED, Phase.LOADING):
        found.append("cancel")
    return found


def _age(desk: Desk, statistics: CampaignStatistics | None) -> int:
    """Seconds since the slow numbers were counted; 0 for less than ten, which need not be said."""
    if statistics is None:
        return 0
    seconds = int((desk.ledger.clock.now() - statistics.taken_at).total_seconds())
    return seconds if seconds > 10 else 0


def _progress(desk: Desk, history: Iterable[Tally]) -> Chart | None:
    places = {State.SENT: 0, State.FAILED: 1}
    points = [(row.quarter, places[row.state], row.number) for row in history if row.state in places]
    return over_time("Sent and failed", _SENT_FAILED, points, zone=desk.zone)


def _came_back(desk: Desk, statistics: CampaignStatistics | None) -> Chart | None:
    rows = statistics.returned if statistics else []
    points = [(row.day, _PLACES[row.kind], row.number) for row in rows if row.kind in _PLACES]
    return over_time("Bounces, complaints, unsubscribes", _CAME_BACK, points, zone=desk.zone,
                     least=timedelta(days=1))  # fmt: skip


def _back(statistics: CampaignStatistics) -> list[tuple[str, int]]:
    """The kinds of inbound events with their numbers, those that are most of them first."""
    kinds = {row.kind: statistics.came_back(row.kind) for row in statistics.returned}
    return sorted(((EVENT_WORDS[kind], n) for kind, n in kinds.items()), key=lambda pair: -pair[1])


def _domains(statistics: CampaignStatistics) -> list[DomainLine]:
    known = statistics.domains
    return [
        DomainLine(domain, failed, known.get(domain) if known else None)
        for domain, failed in statistics.failed_domains[:_MOST_DOMAINS]
        if domain and not domain.startswith("#")
    ]
