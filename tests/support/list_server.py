"""A web server on loopback that gives one list, and counts who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class ListServer:
    """`body` is what it answers with; `url` leads to it, `hits` are the paths that were asked for."""

    body: bytes = b""
    kind: str = "text/csv"
    status: int = 200
    location: str = ""
    stalls: bool = False
    url: str = ""
    hits: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[ListServer]:
        """Serve until the end of the block."""
        given = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given.hits.append(self.path)
                self.send_response(given.status)
                self.send_header("Content-Type", given.kind)
                if given.location:
                    self.send_header("Location", given.location)
                if given.stalls:
                    self.send_header("Content-Length", "1000000")
                self.end_headers()
                self.wfile.write(given.body)
                if given.stalls:
                    self.wfile.flush()
                    self.rfile.read(1)  # until the other side closes

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/list.csv"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
