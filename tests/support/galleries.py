"""The gallery of a campaign on loopback, in a thread.

with ServedGallery(project.folder, "spring") as gallery:
    assert gallery.get("/").status == 200
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from mailrunner.cli.context import CommandContext
from mailrunner.clock import SystemClock
from mailrunner.event_log import EventLog
from mailrunner.preview.live import LivePreview
from mailrunner.web import server
from mailrunner.web.access_log import AccessLog
from mailrunner.web.forwarded import TrustedProxies
from mailrunner.web.gallery.app import Gallery
from mailrunner.web.gate.entrance import Entrance
from mailrunner.web.gate.gate import GateRules
from tests.support.patience import PATIENCE
from tests.support.web_clicks import Reply, ask

COOKIE = "mr_preview"


class ServedGallery:
    """The gallery, its list read and rendered at its start; `log` has the lines of the access log."""

    def __init__(self, project: Path, campaign: str) -> None:
        context = CommandContext(project_dir=project, clock=SystemClock())
        prepared = context.prepare(campaign)
        name, self.folder = str(prepared.campaign.file), project
        self.live = LivePreview(
            prepared, lambda before: context.prepare(name, list_of=before), now=context.clock.now
        )
        self.log = list[str]()
        self.entrance = Entrance(project / ".mailrunner" / "preview", clock=context.clock)
        self._listener = server.listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        rules = GateRules(
            hosts={f"127.0.0.1:{self.port}"}, cookie=COOKIE, proxies=TrustedProxies(""), read_only=True
        )
        self._gallery = gallery = Gallery(self.live, rules, self.entrance)
        log = AccessLog(EventLog(None, clock=context.clock), line=self.log.append)
        self._server = server.uvicorn_server(gallery.application(log), tell=self.log.append)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self.session = self.entrance.new_session()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """A request with the session's cookie."""
        return ask(self.port, "GET", path, headers={"Cookie": f"{COOKIE}={self.session}", **(headers or {})})

    def stream(self, path: str) -> Iterator[str]:
        """The lines of an answer that goes on, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path, headers={"Cookie": f"{COOKIE}={self.session}"})
        with closing(connection), connection.getresponse() as answer:
            for line in answer:
                yield line.decode().rstrip("\n")

    def __enter__(self) -> Self:
        self.live.start()
        self.live.state.rendering.ended.wait()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gallery.end()
        self._server.should_exit = True
        self._thread.join()
        self.live.stop()
