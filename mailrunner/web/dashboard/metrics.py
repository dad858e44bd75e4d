"""The same numbers for Prometheus, in its text format; no recipient's address is in them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailrunner.model.delivery import State
from mailrunner.store import CampaignRecord, Phase
from mailrunner.web.dashboard.overview import rooms
from mailrunner.web.dashboard.page_parts import Desk

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_CAMPAIGNS = 50  # the newest, and those that are not over
_OVER = (Phase.FINISHED, Phase.CANCELLED)


def exposition(desk: Desk) -> bytes:
    """All metrics of a ledger."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(desk))
    return generate_latest(registry)


class LedgerCollector(Collector):
    """Collects from statistics and short look-ups; nothing is counted over a whole campaign here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """The metrics of campaigns, accounts and the ledger."""
        began = time.perf_counter()
        records = self._desk.ledger.campaigns.all()
        latency = GaugeMetricFamily("mailrunner_ledger_latency_seconds", "Time of one read of the ledger.")
        latency.add_metric([], time.perf_counter() - began)
        yield latency
        shown = [record for record in records if record.phase is not Phase.LOADING]
        chosen = [one for one in shown if one.phase not in _OVER] + [
            one for one in shown if one.phase in _OVER
        ]
        yield from self._campaigns(chosen[:_CAMPAIGNS])
        yield from self._accounts()

    def _campaigns(self, records: list[CampaignRecord]) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "mailrunner_deliveries", "Deliveries by campaign and state.", labels=["campaign", "state"]
        )
        failed = GaugeMetricFamily(
            "mailrunner_failed_deliveries", "Failed deliveries by kind.", labels=["campaign", "kind"]
        )
        rate = GaugeMetricFamily(
            "mailrunner_sent_per_second", "Messages sent over five minutes.", labels=["campaign"]
        )
        oldest = GaugeMetricFamily(
            "mailrunner_oldest_retry_seconds", "Age of the oldest due retry.", labels=["campaign"]
        )
        inbound = GaugeMetricFamily(
            "mailrunner_inbound_events", "Messages with an inbound event.", labels=["campaign", "kind"]
        )
        running = GaugeMetricFamily(
            "mailrunner_campaign_running", "1 while a process sends it.", labels=["campaign"]
        )
        for record in records:
            self._campaign(record, states, failed, inbound)
            if record.phase not in _OVER:
                rate.add_metric([record.id], self._desk.rate(record))
                running.add_metric([record.id], float(self._desk.state_of(record) == "running"))
                since = self._desk.ledger.browsing.oldest_queued(record.no)
                age = (self._desk.ledger.clock.now() - since).total_seconds() if since else 0.0
                oldest.add_metric([record.id], max(0.0, age))
        yield from (states, failed, rate, oldest, inbound, running)

    def _campaign(
        self,
        record: CampaignRecord,
        states: GaugeMetricFamily,
        failed: GaugeMetricFamily,
        inbound: GaugeMetricFamily,
    ) -> None:
        statistics = self._desk.keeper.of(record)
        if statistics is None:  # it is counted from now on
            return
        for state, number in self._desk.keeper.numbers(record, statistics).counts.as_dict().items():
            states.add_metric([record.id, state], number)
        kinds: Counter[str] = Counter()
        for cause in statistics.reasons:
            if cause.state is State.FAILED:
                kinds[cause.reason.partition(":")[0]] += cause.number
        for kind_of, number in kinds.items():
            failed.add_metric([record.id, kind_of], number)
        for kind in dict.fromkeys(row.kind for row in statistics.returned):
            inbound.add_metric([record.id, kind.value], statistics.came_back(kind))

    def _accounts(self) -> Iterator[Metric]:
        left = GaugeMetricFamily(
            "mailrunner_quota_left", "Slots that a limit leaves.", labels=["account", "limit"]
        )
        used = GaugeMetricFamily(
            "mailrunner_quota_used", "Slots used in a limit's window.", labels=["account", "limit"]
        )
        paused = GaugeMetricFamily(
            "mailrunner_account_paused", "1 while an account is paused or stopped.", labels=["account"]
        )
        for state in self._desk.accounts():
            name = state.account.name
            stopped = bool(state.record and state.record.stop_reason)
            paused.add_metric([name], float(stopped or state.paused_until is not None))
            for room in rooms(self._desk, state):
                used.add_metric([name, room.limit.written or room.limit.window], room.used)
                if room.left is not None:
                    left.add_metric([name, room.limit.written or room.limit.window], room.left)
        yield from (left, used, paused)
