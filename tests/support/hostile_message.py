"""A message that tries all that a message can try in a browser, and a server that counts what it got.

with Hits() as hits:
    html = hostile_message(hits.origin)
    …
    assert hits.paths == []

The page that shows it comes from loopback too: Chromium lets no page of elsewhere reach loopback at all.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.support.patience import PATIENCE

_HTML = """<!DOCTYPE html><html><head><title>Spring</title>
<base href="{o}/base/"><meta http-equiv="refresh" content="0; url={o}/refresh">
<link rel="stylesheet" href="{o}/sheet.css"><link rel="prefetch" href="{o}/prefetch">
<link rel="preload" as="image" href="{o}/preload">
<style>@import url("{o}/import.css"); @font-face {{ font-family: far; src: url("{o}/font.woff") }}
p {{ font-family: far }} #b {{ background: url("{o}/background.png"); height: 9px }}</style>
<script>top.document.title = document.title = "stolen"; fetch("{o}/script")</script>
<script src="{o}/script.js"></script></head>
<body onload="top.document.title = 'stolen'; new Image().src = '{o}/onload'" background="{o}/body.png">
<p><img src="{o}/pixel.png" alt="a"><img srcset="{o}/srcset.png 1x" alt="b"><img src="relative.png" alt="c">
<img src="x" onerror="top.document.title = 'stolen'; this.onerror = null; this.src = '{o}/onerror'"></p>
<svg width="9" height="9"><image href="{o}/svg.png" width="9" height="9"/><script>fetch("{o}/svg")</script>
</svg><video poster="{o}/poster.png" autoplay><source src="{o}/video.mp4"></video>
<audio src="{o}/audio"></audio>
<iframe src="{o}/inner" srcdoc="<img src={o}/srcdoc>"></iframe><object data="{o}/object"></object>
<embed src="{o}/embed"><table background="{o}/table.png"><tr><td>cell</td></tr></table><div id="b"></div>
<form action="{o}/form"><button id="send" formaction="{o}/button">Send</button></form>
<p><a id="plain" href="{o}/plain" ping="{o}/ping">plain</a> <a id="top" target="_top" href="{o}/top">top</a>
<a id="own" target="_self" href="{o}/own">own</a>
<a id="script" href="java&#10;script:top.document.title='stolen'">script</a></p>
</body></html>"""


def hostile_message(origin: str) -> str:
    """The HTML; all its addresses are of `origin`."""
    return _HTML.format(o=origin)


class Hits:
    """A server on loopback; `paths`, `headers` and `referrers` are those of the requests that reached it.

    `pages` are its answers by path: HTML and further headers.
    """

    def __init__(self) -> None:
        self.paths, self.referrers = list[str](), list[str]()
        self.headers: list[dict[str, str]] = []
        self._more = threading.Condition()
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        hits = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/favicon.ico":  # of a tab that a link opened
                    hits._add(self.path, dict(self.headers.items()))
                html, headers = hits.pages.get(self.path, ("<title>reached</title>", {}))
                self.send_response(200)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(html.encode())

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Nothing: the test's own output stays readable."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def wait_for(self, number: int) -> bool:
        """Until that many different paths were asked for, or the test's patience ends."""
        with self._more:
            return self._more.wait_for(lambda: len(set(self.paths)) >= number, timeout=PATIENCE)

    def _add(self, path: str, headers: dict[str, str]) -> None:
        with self._more:
            self.paths.append(path)
            self.headers.append(headers)
            self.referrers.append(headers.get("Referer", ""))
            self._more.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
