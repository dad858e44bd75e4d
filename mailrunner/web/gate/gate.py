"""The gate before every page of the dashboard and of the gallery: each rule by itself, in this order.

1. The Host header names this socket, port included: else 421.  A rebound name would make a foreign page
   same-origin for the browser, so that no other rule could tell it.
2. No proxy stands in front that was not named: else 403.  It would make every request come from loopback.
3. What changes something comes from a page of ours (Fetch Metadata, `Sec-Fetch-Site: same-origin`, or our
   own `Origin` from a browser without it): else 403.  Another port of this host is another site.
4. The request has a session, the password, or a user from a named proxy: else 401 and the way in.
5. Nothing is changed under --read-only: 403.

No rule needs a token in a form, so that none can be lost.  Headers of every answer are set here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailrunner.web.access_log import AccessLog
from mailrunner.web.forwarded import TrustedProxies
from mailrunner.web.gate.entrance import SESSION_LASTS, Entrance
from mailrunner.web.gate.headers import SAFE, is_from_own_page, with_headers
from mailrunner.web.rate_limit import client_key

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_STYLES = "/static/"  # also for the page that refuses a request
_OPEN = ("/enter", _STYLES)  # what is answered without a session
_ALWAYS = ("/enter", "/leave")  # what may be posted under --read-only
_KINDS = frozenset({"c", "accounts", "suppressions", "log", "stream", "enter", "leave", "static", "metrics"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The rules of one dashboard.

    `hosts` are the values of Host that are answered, with their ports; `cookie` is the name of the session's
    cookie; `user_header` ("" for none) is the header in which `proxies` name their user.
    """

    hosts: Collection[str]
    cookie: str
    proxies: TrustedProxies
    user_header: str = ""
    read_only: bool = False


class Gate:
    """The application behind the rules; `refuse` makes the page of an answer of (status, sentence)."""

    def __init__(
        self,
        app: ASGIApp,
        rules: GateRules,
        entrance: Entrance,
        *,
        access_log: AccessLog,
        refuse: Callable[[Scope, int, str], Response],
    ) -> None:
        self._app, self._rules, self._entrance = app, rules, entrance
        self._access_log, self._refuse = access_log, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = with_headers(message, POLICY)
            await send(message)

        try:
            await self._answer(scope)(scope, receive, send_on)
        finally:
            request = f"{scope['method']} {_kind_of(scope['path'])}"
            self._access_log.answered(request, status, time.perf_counter() - started)

    def _answer(self, scope: Scope) -> ASGIApp:
        """The application, or the refusal of the first rule that is broken."""
        headers, rules = Headers(scope=scope), self._rules
        if headers.get("host", "").lower() not in rules.hosts or len(headers.getlist("host")) != 1:
            return Response(status_code=421)
        peer = (scope["client"] or ("", 0))[0]
        is_proxy = rules.proxies.trusts(peer)
        is_published = not is_proxy and any(name in headers for name in _FORWARDED)
        if is_published and not (scope["method"] in SAFE and scope["path"].startswith(_STYLES)):
            return self._refuse(scope, 403, _PUBLISHED)
        scope["scheme"] = _scheme(headers, scope["scheme"], is_proxy=is_proxy)
        changes = scope["method"] not in SAFE
        if changes and not self._is_ours(headers, scope["scheme"], peer):
            return self._refuse(scope, 403, _FOREIGN)
        scope["state"] = {"user": self._user(headers, peer, is_proxy=is_proxy)}
        path = scope["path"]
        if scope["state"]["user"] is None and not path.startswith(_OPEN):
            return self._refuse(scope, 401, "")
        if changes and rules.read_only and path not in _ALWAYS:
            return self._refuse(scope, 403, _READ_ONLY)
        return self._app

    def _is_ours(self, headers: Headers, scheme: str, peer: str) -> bool:
        """True for what a page of ours sends, and for a program that shows the password itself."""
        own = is_from_own_page(headers, (f"{scheme}://{headers['host'].lower()}",))
        return self._has_password(headers, peer) if own is None else own

    def _user(self, headers: Headers, peer: str, *, is_proxy: bool) -> str | None:
        """A name for the user of a request in the log; None where the request may not come in."""
        if is_proxy and self._rules.user_header:
            return headers.get(self._rules.user_header) or None
        session = session_of(headers, self._rules.cookie)
        if session and self._entrance.admits(session):
            return f"session {session[:4]}"
        return "password" if self._has_password(headers, peer) else None

    def _has_password(self, headers: Headers, peer: str) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._entrance.is_password(given.strip(), client_key(peer))


_PUBLISHED = (
    "this request came through a proxy that the dashboard does not know: name it with --forwarded-allow, "
    "or do not publish the dashboard"
)
_FOREIGN = "this request did not come from a page of this dashboard, so nothing was changed"
_READ_ONLY = "this dashboard was started with --read-only: nothing can be changed here"


def session_of(headers: Headers, cookie: str) -> str:
    """The value of the session's cookie; "" for none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie)
    except CookieError:
        return ""
    return found.value if found else ""


def entered(request: Request, cookie: str, session: str) -> Response:
    """The way on to the first page, with the cookie of a new session."""
    answer = RedirectResponse("./", 303)
    answer.set_cookie(
        cookie,
        session,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.scope["scheme"] == "https",
    )
    return answer


def _scheme(headers: Headers, scheme: str, *, is_proxy: bool) -> str:
    forwarded = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower() if is_proxy else ""
    return forwarded if forwarded in ("http", "https") else scheme


def _kind_of(path: str) -> str:
    """The kind of page that a path asks for: no campaign, recipient or token."""
    kind, _, rest = path.removeprefix("/").partition("/")
    if not kind:
        return "/"
    if kind not in _KINDS:
        return "/…"
    return f"/{kind}/…" if rest else f"/{kind}"
