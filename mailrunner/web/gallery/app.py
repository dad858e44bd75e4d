"""The routes of the gallery and their answers.

    GET  /           the list beside one message, in the view that the query names
    GET  /compare    two messages, and what differs between them
    GET  /frame      the HTML of one message alone, under a policy of its own
    GET  /stream     events: files have changed, more of the list is read
    GET  /changes    the same for a page without script: nothing, or a link
    GET, POST /enter · GET /static/NAME

It is entered and guarded as the dashboard is; a request changes the session at most, and nothing is sent.
"""

from __future__ import annotations

from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from jinja2 import PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from mailrunner.model.number_and_noun import counted
from mailrunner.preview.client_support.support_table import support_table
from mailrunner.preview.live import LivePreview, PreviewState
from mailrunner.preview.rendering_pass import how_it_differs
from mailrunner.preview.safe_html import SANDBOX
from mailrunner.web.access_log import AccessLog
from mailrunner.web.body import BodyBudget, read_body
from mailrunner.web.gallery.changes import ASKED_EVERY, Changes
from mailrunner.web.gallery.compare_page import compare_page
from mailrunner.web.gallery.list_page import list_page
from mailrunner.web.gallery.message_page import (
    CHOICES,
    MESSAGE_FILTERS,
    Look,
    link,
    message_frame,
    message_page,
)
from mailrunner.web.gate.entrance import Entrance
from mailrunner.web.gate.gate import Gate, GateRules, entered
from mailrunner.web.page_environment import page_environment
from mailrunner.web.rate_limit import client_key

FORM_BYTES = 2_048
_STATIC = {
    **dict.fromkeys(("dashboard.css", "follow.js"), "mailrunner.web.dashboard"),
    **dict.fromkeys(("gallery.css", "gallery.js"), __package__),
}
_USED = "This link was used already, or is too old."
# The frame in a page without script.
_FRAMED = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"


class Gallery:
    """The gallery of one campaign; call `end` before the server stops, so that its streams end."""

    def __init__(self, live: LivePreview, rules: GateRules, entrance: Entrance) -> None:
        self._live, self._ending = live, False
        self._changes = Changes(live, is_ending=lambda: self._ending)
        self._rules, self._entrance = rules, entrance
        self._budget = BodyBudget()
        self._templates = page_environment(PackageLoader("mailrunner.web.gallery"))
        self._templates.filters |= MESSAGE_FILTERS
        self._templates.globals |= {
            "campaign": live.campaign,
            "sandbox": SANDBOX,
            "counted": counted,
            "link": link,
            "how_it_differs": how_it_differs,
            "excerpt": live.excerpt,
            "as_of": support_table().as_of,
        }
        self._static = {
            name: resources.files(package).joinpath("static", name).read_bytes()
            for name, package in _STATIC.items()
        }

    def end(self) -> None:
        """Let the streams end; may be called in any thread."""
        self._ending = True

    def application(self, access_log: AccessLog) -> ASGIApp:
        """The ASGI application behind its gate."""
        routes = [
            Route("/", self.page),
            Route("/compare", self.compare),
            Route("/frame", self.frame),
            Route("/stream", self.stream),
            Route("/changes", self.changes),
            Route("/enter", self.enter, methods=["GET", "POST"]),
            Route("/static/{name}", self.static),
        ]
        app = Starlette(routes=routes, exception_handlers={404: self._missing})
        app.router.redirect_slashes = False
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
        html, policy = await run_in_threadpool(message_frame, self._live.state, look)
        return HTMLResponse(html, headers={"content-security-policy": policy})

    async def stream(self, request: Request) -> Response:
        """The events of an open page, whose state has the number `seen`."""
        events = self._changes.events(_seen(request))
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def changes(self, request: Request) -> Response:
        """A link to the newest state where that has another number than `seen`; it asks again by itself."""
        await run_in_threadpool(self._live.look)
        state, look = self._live.state, Look.of(request.query_params)
        is_new = state.number != _seen(request)
        place = "compare" if request.query_params.get("at") == "compare" else "./"
        headers = {"content-security-policy": _FRAMED}
        if not is_new:
            headers["refresh"] = str(ASKED_EVERY)
        values = {"is_new": is_new, "files": state.changed, "to": place + look.url()}
        return HTMLResponse(self._templates.get_template("changes.html").render(values), headers=headers)

    async def static(self, request: Request) -> Response:
        """A style sheet or the script."""
        found = self._static.get(request.path_params["name"])
        kind = "text/javascript" if request.path_params["name"].endswith(".js") else "text/css"
        headers = {"content-type": f"{kind}; charset=utf-8", "cache-control": "no-cache"}
        return Response(status_code=404) if found is None else Response(found, headers=headers)

    async def enter(self, request: Request) -> Response:
        """GET: a page with a button, so that no scanner uses the link up.  POST: in."""
        if request.method == "GET":
            return self._enter_page(request.scope, request.query_params.get("t", ""))
        client = client_key(request.client.host if request.client else "")
        with self._budget.account(client) as account:
            body = await read_body(request, FORM_BYTES, account)
        token = parse_qs(body.decode("utf-8", "replace")).get("t", [""])[0]
        session = await run_in_threadpool(self._entrance.redeem, token) if token else None
        if session is None:
            return self._enter_page(request.scope, "", _USED, status=403)
        return entered(request, self._rules.cookie, session)

    def _page(self, look: Look) -> str:
        state = self._looked()
        listed = list_page(state, look)
        values = {
            **self._common(state, look),
            "listed": listed,
            "shown": message_page(state, look, listed.rows),
            "against": state.index.row(*look.against) if look.against.place else None,
        }
        return self._templates.get_template("gallery.html").render(values)

    def _compare_page(self, look: Look) -> str | None:
        state = self._looked()
        compared = compare_page(state, look)
        if compared is None:
            return None
        values = {**self._common(state, look), "compared": compared}
        return self._templates.get_template("compare.html").render(values)

    def _looked(self) -> PreviewState:
        self._live.look()
        return self._live.state

    def _common(self, state: PreviewState, look: Look) -> dict[str, Any]:
        return {"look": look, "choices": CHOICES, "state": state}

    def _refusal(self, scope: Scope, status: int, sentence: str) -> Response:
        return self._enter_page(scope, "", sentence, status=status)

    def _enter_page(self, scope: Scope, token: str, said: str = "", *, status: int = 200) -> Response:
        return self._told(scope, "enter.html", status, token=token, said=said)

    async def _missing(self, request: Request, _error: Exception) -> Response:
        return self._told(request.scope, "missing.html", 404)

    def _told(self, scope: Scope, template: str, status: int, **values: str) -> Response:
        root = "../" * (scope["path"].count("/") - 1) or "./"  # as the path of the request may be any
        return HTMLResponse(self._templates.get_template(template).render(root=root, **values), status)


def _seen(request: Request) -> int:
    text = request.query_params.get("seen", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
