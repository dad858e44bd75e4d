"""The public server on loopback, in a thread, and a mail program that clicks on it.

with Served(ledger) as site:
    assert site.click(site.token(delivery)).status == 200
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from mailrunner.clock import SystemClock, nap
from mailrunner.event_log import EventLog
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.web import server
from mailrunner.web.access_log import AccessLog
from mailrunner.web.app import Site
from mailrunner.web.connections import Limits
from tests.support.patience import PATIENCE
from tests.support.suppression import begin_campaign

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers or {}))
        found = connection.getresponse()
        return Reply(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
    finally:
        connection.close()


class Served:
    """The server on a free port, in a thread; `said` is what an operator reads, `log` the access log."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        prefix: str = "",
        trusted: str = "",
        limits: Limits | None = None,
        **parts: Any,
    ) -> None:
        self.signer = TokenSigner(ledger.signing_keys(None))
        self.said: list[str] = []
        self.log: list[str] = []
        self._listener = server.listen("127.0.0.1", 0)
        events = EventLog(None, clock=SystemClock())
        site = Site(ledger, self.signer, tell=self.said.append, log=events, **parts)
        register = AccessLog(events, line=self.log.append)
        application = site.application(register, prefix=prefix)
        self._server = server.uvicorn_server(
            application, tell=self.said.append, trusted=trusted, limits=limits
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def token(self, delivery: int) -> str:
        return self.signer.token(UNSUBSCRIBE, delivery)

    def click(self, token: str) -> Reply:
        """What Gmail sends (RFC 8058 §8)."""
        return self.post(f"/u/{token}", ONE_CLICK)

    def get(self, path: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.port, "GET", path, headers=named)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = FORM) -> Reply:
        return ask(self.port, "POST", path, body, headers)

    def await_requests(self, number: int) -> None:
        """Wait until so many requests are being answered."""
        while len(self._server.server_state.tasks) < number:
            nap(0.01)

    def stop(self) -> None:
        """Stop in order, as SIGTERM does."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def mailed(
    ledger: Ledger,
    keys: list[str],
    *,
    name: str = "Club news",
    campaign: str = "spring",
    kind: str = "bulk",
) -> CampaignRecord:
    """A begun campaign to these recipients on the list of that name."""
    return begin_campaign(ledger, campaign, keys, list_key=name.casefold(), list_name=name, kind=kind)


def deliveries(ledger: Ledger, record: CampaignRecord) -> list[int]:
    """The numbers of a campaign's deliveries, in the order of the list."""
    with ledger.database.read() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT id FROM deliveries WHERE campaign_no = {record.no} ORDER BY id"
        )
        return [row[0] for row in rows]
