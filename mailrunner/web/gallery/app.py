"""The routes of the gallery and their answers.

    GET  /           the list beside one message, in the view that the query names
    GET  /compare    two messages, and what differs between them
    GET  /frame      the HTML of one message alone, under a policy of its own
    GET, POST /enter · GET /static/NAME

It is entered and guarded as the dashboard is; a request changes the session at most, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from mailrunner.model.counted import counted
from mailrunner.preview import Preview
from mailrunner.preview.frame import SANDBOX
from mailrunner.preview.list_index import PAGE, ListIndex
from mailrunner.web.access_log import AccessLog
from mailrunner.web.body import BodyBudget, read_body
from mailrunner.web.gallery.compare_page import compare_page
from mailrunner.web.gallery.message_page import CHOICES, Look, message_frame, message_page
from mailrunner.web.gate.entrance import Entrance
from mailrunner.web.gate.gate import Gate, GateRules, entered
from mailrunner.web.rate_limit import client_key

FORM_BYTES = 2_048
LONGEST_CELL = 1_000  # characters of a cell in a table
_STATIC = {"dashboard.css": "mailrunner.web.dashboard", "gallery.css": __package__}


class Gallery:
    """The gallery of one campaign; `index` has its rows, `preview` makes their messages."""

    def __init__(self, index: ListIndex, preview: Preview, rules: GateRules, entrance: Entrance) -> None:
        self._index, self._preview = index, preview
        self._rules, self._entrance = rules, entrance
        self._budget = BodyBudget()
        self._templates = Environment(
            loader=PackageLoader("mailrunner.web.gallery"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_printable,
        )
        self._templates.filters |= {
            "n": "{:,}".format,
            "kb": lambda octets: f"{octets / 1024:,.0f} KB",
            "clipped": lambda text: text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…",
        }
        self._templates.globals |= {"campaign": preview.campaign, "sandbox": SANDBOX, "counted": counted}
        self._static = {
            name: resources.files(package).joinpath("static", name).read_bytes()
            for name, package in _STATIC.items()
        }

    def application(self, access_log: AccessLog) -> ASGIApp:
        """The ASGI application behind its gate."""
        routes = [
            Route("/", self.page),
            Route("/compare", self.compare),
            Route("/frame", self.frame),
            Route("/enter", self.enter, methods=["GET", "POST"]),
            Route("/static/{name}", self.static),
        ]
        app = Starlette(routes=routes)
        return Gate(app, self._rules, self._entrance, access_log=access_log, refuse=self._refusal)

    async def page(self, request: Request) -> Response:
        """The list and one message."""
        return HTMLResponse(await run_in_threadpool(self._page, Look.of(request.query_params)))

    async def compare(self, request: Request) -> Response:
        """Two messages side by side; back to the list, to choose, where the query names no two."""
        page = await run_in_threadpool(self._compare_page, Look.of(request.query_params))
        return RedirectResponse("./", 303) if page is None else HTMLResponse(page)

    async def frame(self, request: Request) -> Response:
        """The message alone."""
        look = Look.of(request.query_params)
        html, policy = await run_in_threadpool(message_frame, self._index, self._preview.message, look)
        return HTMLResponse(html, headers={"content-security-policy": policy})

    async def static(self, request: Request) -> Response:
        """A style sheet."""
        found = self._static.get(request.path_params["name"])
        headers = {"content-type": "text/css; charset=utf-8", "cache-control": "no-cache"}
        return Response(status_code=404) if found is None else Response(found, headers=headers)

    async def enter(self, request: Request) -> Response:
        """GET: a page with a button, so that no scanner uses the link up.  POST: in."""
        if request.method == "GET":
            return self._enter_page(request.query_params.get("t", ""))
        client = client_key(request.client.host if request.client else "")
        with self._budget.account(client) as account:
            body = await read_body(request, FORM_BYTES, account)
        token = parse_qs(body.decode("utf-8", "replace")).get("t", [""])[0]
        session = await run_in_threadpool(self._entrance.redeem, token) if token else None
        if session is None:
            return self._enter_page("", "This link was used already, or is too old.", status=403)
        return entered(request, self._rules.cookie, session)

    def _page(self, look: Look) -> str:
        index = self._index
        found = index.find(look.find, show=look.chosen["show"], after=look.after)
        shown = message_page(index, self._preview.message, look)
        values = {
            "look": look,
            "choices": CHOICES,
            "progress": index.progress,
            "kinds": index.kinds,
            "rows": found,
            "next": found[-1].place if len(found) == PAGE else 0,
            "shown": shown,
            "against": index.row(look.against) if look.against else None,
        }
        return self._templates.get_template("gallery.html").render(values)

    def _compare_page(self, look: Look) -> str | None:
        compared = compare_page(self._index, self._preview, look)
        if compared is None:
            return None
        values = {"look": look, "choices": CHOICES, "compared": compared}
        return self._templates.get_template("compare.html").render(values)

    def _refusal(self, _scope: Scope, status: int, sentence: str) -> Response:
        return self._enter_page("", sentence, status=status)

    def _enter_page(self, token: str, said: str = "", *, status: int = 200) -> Response:
        values: Mapping[str, Any] = {"token": token, "said": said}
        return HTMLResponse(self._templates.get_template("enter.html").render(values), status)


def _printable(value: Any) -> Any:
    """Text of others without control characters, which a browser would drop or obey."""
    if type(value) is not str:  # markup of a template's own is of another type
        return value
    return "".join("\ufffd" if _is_control(character) else character for character in value)


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\n\t") or "\x7f" <= character < "\xa0"
