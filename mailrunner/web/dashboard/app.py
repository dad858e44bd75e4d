"""The routes of the dashboard and their answers.

    GET  /                                  what needs a user, campaigns, accounts
    GET  /c/ID                              one campaign
    GET  /c/ID/recipients                   its recipients: ?state=, ?q=, ?after=
    GET  /c/ID/recipients/N                 one recipient; /frame is the message alone, in its sandbox
    GET  /c/ID/confirm                      what an action does, before it is done
    POST /c/ID/pause · unpause · cancel · resolve · requeue · suppress
    GET  /accounts/NAME · /suppressions · /log · /metrics · /stream
    GET, POST /enter · POST /leave

GET changes nothing in the ledger.  An action is a form that works without script, answered with 303.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from mailrunner.errors import LedgerError, MailrunnerError, UserError
from mailrunner.preview import safe_html
from mailrunner.web.access_log import AccessLog
from mailrunner.web.body import BodyBudget, read_body
from mailrunner.web.dashboard import actions, metrics
from mailrunner.web.dashboard.account_page import account_page
from mailrunner.web.dashboard.campaign_page import campaign_page
from mailrunner.web.dashboard.kept_pages import KeptPage, KeptPages
from mailrunner.web.dashboard.overview import overview
from mailrunner.web.dashboard.page_parts import Desk
from mailrunner.web.dashboard.recipients_page import (
    delivery_at,
    message_of,
    recipient_page,
    recipients_page,
)
from mailrunner.web.dashboard.records import log_page, suppressions_page
from mailrunner.web.dashboard.stream import Streams
from mailrunner.web.dashboard.templating import PageTemplates
from mailrunner.web.gate.entrance import Entrance
from mailrunner.web.gate.gate import Gate, GateRules, entered, session_of
from mailrunner.web.rate_limit import client_key

FORM_BYTES = 8_192
_AGAIN = 5  # seconds, until a page that could not be read looks again
_STATIC = {"dashboard.css": "text/css", "dashboard.js": "text/javascript", "follow.js": "text/javascript"}
_PLAIN = ("pause", "unpause")
_ASKED = ("cancel", "resolve", "requeue", "suppress")
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page whose sections a stream renews: its template, and what makes its values."""

    template: str
    values: Callable[[], Values]


class Dashboard:
    """The dashboard of one ledger; call `end` before the server stops, so that its streams end."""

    def __init__(self, desk: Desk, rules: GateRules, entrance: Entrance) -> None:
        self._desk, self._rules, self._entrance = desk, rules, entrance
        self._ending = False
        self._streams = Streams(is_ending=lambda: self._ending)
        self._budget = BodyBudget()
        self._kept = KeptPages()
        self._templates = PageTemplates(
            desk.zone,
            now=desk.ledger.clock.now,
            project=desk.project.folder.name,
            read_only=rules.read_only,
            done="",
        )
        folder = resources.files(__package__).joinpath("static")
        self._static = {name: folder.joinpath(name).read_bytes() for name in _STATIC}

    def end(self) -> None:
        """Let the streams end; may be called in any thread."""
        self._ending = True

    def application(self, access_log: AccessLog) -> ASGIApp:
        """The ASGI application behind its gate."""
        at = "/c/{campaign}"
        routes = [
            Route("/", self.overview),
            Route(at, self.campaign),
            Route(f"{at}/recipients", self.recipients),
            Route(f"{at}/recipients/{{place:int}}", self.recipient),
            Route(f"{at}/recipients/{{place:int}}/frame", self.frame),
            Route(f"{at}/confirm", self.confirm),
            Route(f"{at}/{{action}}", self.act, methods=["POST"]),
            Route("/accounts/{name}", self.account),
            Route("/suppressions", self.suppressions),
            Route("/log", self.log),
            Route("/stream", self.stream),
            Route("/metrics", self.metrics),
            Route("/enter", self.enter, methods=["GET", "POST"]),
            Route("/leave", self.leave, methods=["POST"]),
            Route("/static/{name}", self.static),
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={
                404: self._missing,
                UserError: self._refused,
                LedgerError: self._unreadable,
                MailrunnerError: self._not_made,
            },
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False
        return Gate(app, self._rules, self._entrance, access_log=access_log, refuse=self._refusal)

    # -- Pages

    async def overview(self, request: Request) -> Response:
        """The first page."""
        return await self._live(request, "", "overview")

    async def campaign(self, request: Request) -> Response:
        """One campaign."""
        return await self._live(request, "c", request.path_params["campaign"])

    async def account(self, request: Request) -> Response:
        """One account."""
        return await self._live(request, "accounts", request.path_params["name"])

    async def recipients(self, request: Request) -> Response:
        """The recipients of a campaign."""
        return await self._page(
            request, "recipients", self._of_campaign(request, recipients_page, _query(request))
        )

    async def recipient(self, request: Request) -> Response:
        """One recipient of a campaign."""
        place = request.path_params["place"]
        return await self._page(request, "recipient", self._of_campaign(request, recipient_page, place))

    async def frame(self, request: Request) -> Response:
        """The HTML part of a recipient's message, under a policy of its own."""
        html = await run_in_threadpool(self._message_html, request)
        headers = {"content-security-policy": safe_html.POLICY}
        return HTMLResponse(safe_html.shown(html), headers=headers)

    async def suppressions(self, request: Request) -> Response:
        """The suppression list."""
        user = request.state.user
        return await self._page(
            request, "suppressions", lambda: suppressions_page(self._desk, _query(request), user)
        )

    async def log(self, request: Request) -> Response:
        """What happened."""
        return await self._page(request, "log", lambda: log_page(self._desk))

    async def metrics(self, _request: Request) -> Response:
        """Prometheus' text format."""
        found = await run_in_threadpool(metrics.exposition, self._desk)
        return Response(found, headers={"content-type": metrics.CONTENT_TYPE})

    async def static(self, request: Request) -> Response:
        """The style and the script."""
        name = request.path_params["name"]
        if name not in self._static:
            return await self._missing(request)
        headers = {"content-type": f"{_STATIC[name]}; charset=utf-8", "cache-control": "no-cache"}
        return Response(self._static[name], headers=headers)

    async def stream(self, request: Request) -> Response:
        """The events of a page that is open; `see` is "" (the first), "c/ID" or "accounts/NAME"."""
        see = request.query_params.get("see", "")
        kind, _, name = see.partition("/")
        live = self._live_page(kind, name)
        if live is None:
            return await self._missing(request)

        def sections() -> dict[str, str]:
            root = "../" * see.count("/") or "./"
            values = {"root": root, "path": see, **live.values()}
            return self._templates.sections(live.template, {**_BLANK, **values})

        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(
            self._streams.events(see, sections), media_type="text/event-stream", headers=headers
        )

    # -- Actions

    async def confirm(self, request: Request) -> Response:
        """The page that asks before an action."""
        question = self._of_campaign(request, actions.question, _query(request))
        return await self._page(request, "confirm", lambda: self._asked(request, question()))

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, and go back to the campaign with a sentence."""
        action, campaign = request.path_params["action"], request.path_params["campaign"]
        if action not in (*_PLAIN, *_ASKED):
            return await self._missing(request)
        form = {**await self._form(request), "do": action}
        try:
            done = await run_in_threadpool(self._do, request, action, form)
        except actions.NumberChangedError as changed:
            values = self._asked(request, changed.question, again=True)
            return await self._page(request, "confirm", lambda: values, status=409)
        place = f"/recipients/{form['place']}" if form.get("place", "").isdigit() else ""
        told = urlencode({"done": done.word, "n": done.number})
        back = f"{_root(request)}c/{quote(campaign, safe='')}{place}?{told}"
        return RedirectResponse(back, 303)

    def _do(self, request: Request, action: str, form: Mapping[str, str]) -> actions.Done:
        desk, user = self._desk, request.state.user
        record = desk.campaign(request.path_params["campaign"])
        if action in _PLAIN:
            return (actions.pause if action == "pause" else actions.unpause)(desk, record, user)
        return actions.act(desk, record, form, user)

    def _asked(self, request: Request, question: actions.ActionQuestion, *, again: bool = False) -> Values:
        record = self._desk.campaign(request.path_params["campaign"])
        return {"record": record, "question": question, "again": again}

    # -- The way in

    async def enter(self, request: Request) -> Response:
        """GET: a page with a button, so that neither a scanner nor a redirect uses the link up.  POST: in."""
        if request.method == "GET":
            token = request.query_params.get("t", "")
            if request.state.user is not None and not token:
                return RedirectResponse("./", 303)
            return self._enter_page(request, token, "")
        form = await self._form(request)
        session = await run_in_threadpool(self._session, request, form)
        if session is None:
            return self._enter_page(request, "", _NO_WAY_IN, status=403)
        return entered(request, self._rules.cookie, session)

    async def leave(self, request: Request) -> Response:
        """End the session."""
        self._entrance.leave(session_of(request.headers, self._rules.cookie))
        answer = self._enter_page(request, "", "You are signed out.")
        answer.delete_cookie(self._rules.cookie, httponly=True, samesite="strict")
        return answer

    def _session(self, request: Request, form: Mapping[str, str]) -> str | None:
        client = client_key(request.client.host if request.client else "")
        if self._entrance.is_password(form.get("password", ""), client):
            return self._entrance.new_session()
        return self._entrance.redeem(form["t"]) if form.get("t") else None

    def _enter_page(self, request: Request, token: str, said: str, *, status: int = 200) -> Response:
        values = {"token": token, "said": said, "has_password": self._entrance.has_password}
        page = self._templates.page("enter", {**_BLANK, **values, "root": _root(request)})
        return HTMLResponse(page, status)

    # -- Parts

    async def _live(self, request: Request, kind: str, name: str) -> Response:
        live = self._live_page(kind, name)
        assert live is not None  # noqa: S101 - the routes name kinds that are
        stream = f"{kind}/{name}" if kind else ""
        return await self._page(request, live.template, live.values, stream=stream)

    def _live_page(self, kind: str, name: str) -> LivePage | None:
        desk = self._desk
        if kind == "c":
            return LivePage("campaign", lambda: campaign_page(desk, desk.campaign(name)))
        if kind == "accounts":
            return LivePage("account", lambda: account_page(desk, name))
        return LivePage("overview", lambda: overview(desk)) if not kind else None

    async def _page(
        self,
        request: Request,
        template: str,
        values: Callable[[], Values],
        *,
        stream: str | None = None,
        status: int = 200,
    ) -> Response:
        """A page, made in a thread: it reads the ledger."""
        done, number = request.query_params.get("done", ""), request.query_params.get("n", "")
        sentence = actions.SENTENCES.get(done)

        def rendered() -> str:
            now = self._desk.ledger.clock.now()
            made = (
                KeptPage(values(), now) if stream is None else self._kept.fresh_or_kept(stream, values, now)
            )
            common = {
                "root": _root(request),
                "path": request.url.path.strip("/"),
                "now": made.at,
                "kept_for": None if made.at == now else round((now - made.at).total_seconds()),
                "user": request.state.user,
                "done": sentence(int(number) if number.isdigit() and len(number) < 12 else 0)
                if sentence
                else "",
                "stream": None if stream is None else f"stream?{urlencode({'see': stream})}",
            }
            return self._templates.page(template, {**_BLANK, **common, **made.values})

        return HTMLResponse(await run_in_threadpool(rendered), status)

    def _of_campaign(self, request: Request, make: Callable[..., Any], *more: Any) -> Callable[[], Any]:
        name = request.path_params["campaign"]
        return lambda: make(self._desk, self._desk.campaign(name), *more)

    def _message_html(self, request: Request) -> str:
        record = self._desk.campaign(request.path_params["campaign"])
        one = delivery_at(self._desk, record, request.path_params["place"])
        return message_of(self._desk, record, one).html or ""

    async def _form(self, request: Request) -> dict[str, str]:
        client = client_key(request.client.host if request.client else "")
        with self._budget.account(client) as account:
            body = await read_body(request, FORM_BYTES, account)
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    def _refusal(self, scope: Scope, status: int, sentence: str) -> Response:
        """The page of a broken rule; for 401 the way in."""
        if status == 401:
            return self._enter_page(Request(scope), "", "", status=401)
        return self._told(Request(scope), status, sentence, "")

    async def _missing(self, request: Request, _error: Exception | None = None) -> Response:
        return self._told(request, 404, "there is no such page", "")

    async def _refused(self, request: Request, error: Exception) -> Response:
        """What was asked for is not there, or cannot be done."""
        assert isinstance(error, UserError)  # noqa: S101
        problem = error.problems[0]
        status = 404 if request.method == "GET" else 409
        return self._told(request, status, problem.message, problem.hint)

    async def _not_made(self, request: Request, error: Exception) -> Response:
        """A row that cannot become a message."""
        return self._told(request, 404, str(error), "")

    async def _unreadable(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, MailrunnerError)  # noqa: S101
        sentence = f"the ledger cannot be used now: {error}"
        if request.method != "GET":
            return self._told(request, 503, sentence, "see whether it was done, then try again")
        hint = f"this page looks again by itself every {_AGAIN} seconds"
        return self._told(request, 503, sentence, hint, refresh=str(_AGAIN))

    def _told(self, request: Request, status: int, sentence: str, hint: str, **headers: str) -> Response:
        values = {"root": _root(request), "heading": _HEADINGS[status], "sentence": sentence, "hint": hint}
        return HTMLResponse(self._templates.page("told", {**_BLANK, **values}), status, headers)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._desk.keeper.start()
        yield
        await run_in_threadpool(partial(self._desk.keeper.stop))


_BLANK: Mapping[str, Any] = {
    **dict.fromkeys(("stream", "user", "now", "kept_for")),
    **dict.fromkeys(("done", "path"), ""),
}
_HEADINGS: Mapping[int, str] = {
    403: "Not allowed",
    404: "Not found",
    409: "Nothing was done",
    503: "The ledger does not answer",
}
_NO_WAY_IN = (
    "This link was used already or is too old, or the password is wrong. "
    "For another link: mailrunner dashboard --link"
)


def _root(request: Request) -> str:
    """The relative way from a page to the first one: a proxy may publish the dashboard under any path."""
    return "../" * (request.scope["path"].count("/") - 1) or "./"


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)
