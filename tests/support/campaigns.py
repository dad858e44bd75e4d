"""A small project in a folder, and runs of its campaign in this process with a clock turned by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.config.account import Account
from mailrunner.event_log import EventLog
from mailrunner.sending.list_import import Confirmations
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.run import Callbacks, CampaignRun, RunOptions, RunResult
from mailrunner.store import Ledger
from tests.support.clocks import ManualClock
from tests.support.projects import LETTER, Project
from tests.support.smtp_server import SmtpServer

__all__ = ["LETTER", "CampaignInProcess", "people"]


def people(number: int) -> str:
    """A CSV of so many people."""
    return "email,name\n" + "".join(f"person{n}@example.org,Name {n}\n" for n in range(number))


@dataclass
class CampaignInProcess:
    """One project; `run` is what `mailrunner run` does."""

    folder: Path
    server: SmtpServer
    clock: ManualClock = field(default_factory=ManualClock)
    log_json: Path | None = None

    def write(
        self, *, csv: str, limits: str = "", connections: int = 1, name: str = "spring", **parts: str
    ) -> Self:
        """Write all files; `parts` go to the tables of their names."""
        project = Project(self.folder)
        project.write_account(port=self.server.port, limits=limits, connections=connections, **parts)
        project.write_campaign(name, csv="people.csv", **parts)
        self.list(csv)
        return self

    def list(self, csv: str) -> None:
        Project(self.folder).put("data/people.csv", csv)

    def ledger(self) -> Ledger:
        url = f"sqlite:///{self.folder}/data/mailrunner.db"
        return Ledger.open(folder=self.folder, url=url, clock=self.clock)

    def account(self, name: str = "spring") -> Account:
        """The account that sends the campaign."""
        return load_campaign(self.folder, name, {})[2]

    def run(self, name: str = "spring", *, callbacks: Callbacks | None = None, **options: Any) -> RunResult:
        """Run the campaign once; `refresh`, `accept_changes`, `again`, `limit`, `wait`, `by_hand`."""
        confirmations = Confirmations(
            **{key: options.pop(key) for key in ("refresh", "accept_changes", "again") if key in options}
        )
        job = PreparedCampaign.prepare(*load_campaign(self.folder, name, {}))
        with self.ledger() as ledger, EventLog(self.log_json, clock=self.clock) as log:
            return CampaignRun(
                job,
                ledger=ledger,
                random=Random(1),
                log=log,
                options=RunOptions(confirmations=confirmations, **options),
                callbacks=callbacks or Callbacks(),
            ).run()

    def copies(self) -> Counter[str]:
        """How many messages the server accepted for each address."""
        return Counter(message.recipient for message in self.server.accepted)
