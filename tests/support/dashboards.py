"""The dashboard on loopback, in a thread, over a ledger in which much has happened.

with ServedDashboard(project, ledger) as board:
    assert board.get("/").status == 200
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from sqlalchemy import text

from mailrunner.cli.context import CommandContext
from mailrunner.cli.message_again import MessageAgain
from mailrunner.clock import SystemClock
from mailrunner.config.project import load_project
from mailrunner.event_log import EventLog
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Ledger, Phase
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.schema import CAMPAIGN_SHIFT
from mailrunner.web import server
from mailrunner.web.access_log import AccessLog
from mailrunner.web.dashboard.app import Dashboard
from mailrunner.web.dashboard.page_parts import Desk
from mailrunner.web.dashboard.statistics_keeper import StatisticsKeeper
from mailrunner.web.forwarded import TrustedProxies
from mailrunner.web.gate.entrance import Entrance
from mailrunner.web.gate.gate import GateRules
from tests.support.clocks import START, ManualClock
from tests.support.large_ledger import fill
from tests.support.ledger_builder import load_campaign
from tests.support.projects import Project
from tests.support.web_clicks import Reply, ask

LETTER = """<html><head><style>h1 { color: #23744a } p { font: 16px/1.6 Georgia, serif }</style></head><body>
<h1>Spring is here, {{ name }}</h1><p>The beds are dug, the seeds are sown, and the garden is open.</p>
<p>{{ postal_address }} · <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"""
IDENTITY = "127.0.0.1:2525"
PASSWORD = "correct horse battery staple"
FORM = "application/x-www-form-urlencoded"
SAME = {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM}


@dataclass
class Board:
    """A project with its ledger."""

    project: Project
    ledger: Ledger
    clock: ManualClock


def new_board(project: Project, *, letter: str = "", head: str = "") -> Board:
    """A project with `head` in its file, and its empty ledger, on a clock that is turned by hand."""
    project.write()
    project.write_account(project=head)
    if letter:
        project.put("templates/letter.html", letter)
    return board_of(project, ManualClock())


def board_of(project: Project, clock: ManualClock) -> Board:
    """A project that is there already, with its ledger."""
    folder = project.folder
    (folder / "data").mkdir(exist_ok=True)
    url = load_project(folder, os.environ).database_url
    return Board(project, Ledger.open(folder=folder, url=url, clock=clock), clock)


def small_campaign(board: Board, keys: list[str], campaign: str = "spring") -> CampaignRecord:
    """A begun campaign of the project's account to these recipients."""
    made = load_campaign(board.ledger, keys, campaign, identity=IDENTITY)
    _use_account(board.ledger)
    return made


def lively(board: Board, *, number: int = 20_000) -> None:
    """Campaigns in several phases, with failures, doubts, bounces, complaints and used slots."""
    ledger = board.ledger
    for name in ("spring-newsletter", "autumn-appeal", "members-2027"):
        board.project.write_campaign(name, csv="spring.csv", letter=LETTER)
    spring = fill(ledger, "spring-newsletter", number, identity=IDENTITY)
    autumn = fill(ledger, "autumn-appeal", number // 10, identity=IDENTITY)
    fill(ledger, "members-2027", number // 4, identity=IDENTITY)
    _use_account(ledger)
    ledger.campaigns.pause(autumn.no)
    with ledger.database.write() as connection:
        connection.execute(
            text("UPDATE campaigns SET phase = 'finished', finished_at = :at, reason = '' WHERE id = :id"),
            {"at": int(START.timestamp() * 1e6), "id": "members-2027"},
        )
        connection.execute(
            text("UPDATE deliveries SET state = 'sent', finished_at = not_before WHERE campaign_no = 3 "
                 "AND state IN ('queued', 'in_doubt')")
        )  # fmt: skip
        log = UsageLog(connection, account_scope(spring.account_no))
        for quarter in range(90, 0, -1):
            log.add(START - timedelta(minutes=15) * quarter, 40 + (quarter * 37) % 70)
    _events(ledger, spring)
    ledger.suppressions.add(["anabel@example.org", "bo@example.org"], reason=SuppressionReason.MANUAL,
                            source="by hand")  # fmt: skip


def _events(ledger: Ledger, campaign: CampaignRecord) -> None:
    kinds = [EventKind.UNSUBSCRIBED] * 12 + [EventKind.BOUNCED] * 6 + [EventKind.COMPLAINED] * 3
    first = (campaign.no << CAMPAIGN_SHIFT) + 1
    events = [
        InboundEvent(
            kind=kind, source="inbox", delivery=first + place * 7, fingerprint=f"<{place}@example.net>",
            happened_at=START - timedelta(hours=9 * place), detail="550 5.1.1 no such user here",
        )
        for place, kind in enumerate(kinds)
    ]  # fmt: skip
    ledger.inbound_events.ingest(events)


def _use_account(ledger: Ledger) -> None:
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE campaigns SET account_name = 'relay'"))


class ServedDashboard:
    """The dashboard of a board; `log` is the access log, `said` what its operator reads."""

    def __init__(self, board: Board, *, proxies: str = "", password: str | None = None, **rules: Any) -> None:
        self.board, self.said, self.log = board, list[str](), list[str]()
        ledger, folder = board.ledger, board.project.folder
        self._listener = server.listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.cookie_name = f"mr_{ledger.mark}_{self.port}"
        self.keeper = StatisticsKeeper(ledger, folder / ".mailrunner", forecast=_tomorrow)
        events = EventLog(None, clock=SystemClock())
        self.desk = Desk(
            ledger=ledger,
            project=load_project(folder, os.environ),
            keeper=self.keeper,
            folder=folder / ".mailrunner",
            zone=UTC,
            log=events,
            show_message=MessageAgain(CommandContext(project_dir=folder, clock=board.clock)).show,
        )
        self.entrance = Entrance(folder / ".mailrunner", clock=board.clock, password=password)
        hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        given = {"hosts": hosts, "cookie": self.cookie_name, "proxies": TrustedProxies(proxies), **rules}
        self.dashboard = Dashboard(self.desk, GateRules(**given), self.entrance)
        application = self.dashboard.application(AccessLog(events, line=self.log.append))
        self._server = server.uvicorn_server(application, tell=self.said.append)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self.session = self.entrance.new_session()

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{self.cookie_name}={self.session}"}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """A request with the session's cookie."""
        return ask(self.port, "GET", path, headers={**self.cookie, **(headers or {})})

    def post(self, path: str, headers: Mapping[str, str] = SAME, **form: Any) -> Reply:
        """A form from a page of the dashboard; with other headers from elsewhere."""
        return ask(self.port, "POST", path, urlencode(form).encode(), {**self.cookie, **headers})

    def bare(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """A request without a cookie."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.port, method, path, body, named)

    def stop(self) -> None:
        """Stop in order, as SIGTERM does."""
        self.dashboard.end()
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _tomorrow(record: CampaignRecord, number: int) -> datetime | None:
    return START + timedelta(days=1, hours=6) if number and record.phase is not Phase.PAUSED else None
