"""A campaign whose account goes to an HTTP API on loopback, in this process with a clock turned by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailrunner.sending.run import RunResult
from tests.support.campaigns import CampaignInProcess
from tests.support.clocks import ManualClock
from tests.support.http_api_server import HttpApiServer
from tests.support.projects import Project

_HEAD = """
[unsubscribe]
base_url = "https://news.example.org"
[accounts.relay]
limits = ["unlimited/24h", "unlimited/day", "unlimited/month", "100000/minute", "10000/second"]
timeout = {timeout}
connections = {connections}
{account}
"""
_MOST_RUNS = 60


@dataclass
class ApiCampaign:
    """One project with the campaign "spring"; `run` is what `mailrunner run` does."""

    folder: Path
    server: HttpApiServer
    clock: ManualClock = field(default_factory=ManualClock)

    def write(self, *, csv: str, connections: int = 4, timeout: int = 300, **parts: str) -> ApiCampaign:
        """Write all files; `account` are further lines of the account."""
        project = Project(self.folder)
        account = f"{self.server.account_lines()}\n{parts.pop('account', '')}"
        head = _HEAD.format(timeout=timeout, connections=connections, account=account)
        project.put("mailrunner.toml", parts.pop("project", "") + head)
        project.write_campaign("spring", csv="people.csv", **parts)
        project.put("data/people.csv", csv)
        return self

    @property
    def inner(self) -> CampaignInProcess:
        return CampaignInProcess(self.folder, self.server, clock=self.clock)  # type: ignore[arg-type]

    def run(self, **options: Any) -> RunResult:
        return self.inner.run(**options)

    def run_to_the_end(self, **options: Any) -> RunResult:
        """Run again and again, an hour later each time, until nothing is queued."""
        for _ in range(_MOST_RUNS):
            result = self.run(**options)
            if not result.counts.open:
                return result
            self.clock.turn(timedelta(hours=1))
        raise AssertionError(f"it does not end: {result}")

    def copies(self) -> Counter[str]:
        """How many messages the server took for each address."""
        return Counter(taken.recipient for taken in self.server.accepted)

    def states(self) -> dict[str, str]:
        """The state of each recipient, by the report."""
        with self.inner.ledger() as ledger:
            record = ledger.campaigns.find("spring")
            assert record is not None
            return {row.address: str(row.state) for row in ledger.reports.rows(record.no)}
