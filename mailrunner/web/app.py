"""The routes of the public server and their answers.

    POST /u/TOKEN    one-click unsubscribe (RFC 8058): durable before the answer of 200
    GET  /u/TOKEN    a page with one button; changes nothing, because mail scanners open every link
    /p/TOKEN         the same for all lists of the project
    POST /events/X   webhook of provider X
    GET  /logo       the sender's logo, if there is one
    GET  /health     200 if clicks can be recorded, else 503

A POST to a genuine link unsubscribes its recipient whatever its body is, unless it is the form of our
own page that asks for something else: no mail program's idea of the body can make a click vain.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mailrunner.errors import LedgerError
from mailrunner.inbound import EventKind, InboundEvent, IngestResult
from mailrunner.inbound.webhook_auth import WebhookError
from mailrunner.model.inbound_event import ALL
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.store.inbound_events import is_test
from mailrunner.web.access_log import AccessLog
from mailrunner.web.body import BodyBudget, read_body
from mailrunner.web.event_writer import EventWriter
from mailrunner.web.health import Health
from mailrunner.web.middleware import SecurityMiddleware
from mailrunner.web.one_click_fast_path import MARK, OneClick
from mailrunner.web.pages import BACK, LEAVE, Pages
from mailrunner.web.preferences import Preferences, SenderName, preferences_of, preferences_of_test
from mailrunner.web.rate_limit import RateLimit, client_key
from mailrunner.web.translations import preferred

if TYPE_CHECKING:
    from mailrunner.event_log import EventLog
    from mailrunner.inbound.webhooks import WebhookParser
    from mailrunner.store import Ledger
    from mailrunner.web.logo import Logo

FORM_BYTES = 8_192
_PARSERS = 4  # threads in which bodies of webhooks are parsed; what they make of one is ten times its size
Show = Callable[[Preferences, str, str, EventKind | None], str]


@dataclass(frozen=True, slots=True)
class FormRequest:
    """A subscriber's request: UNSUBSCRIBED or RESUBSCRIBED; `list_key` as in an InboundEvent."""

    kind: EventKind
    list_key: str = ""


class Site:
    """The public pages of one ledger.

    `tell` prints what went wrong for the operator, `log` records it; `webhooks` parses what providers
    post, None refuses it; `complained` is called when a complaint was recorded, and has to return at once.
    `sender` names who sent a campaign, `logo` is shown beside that.
    """

    def __init__(
        self,
        ledger: Ledger,
        signer: TokenSigner,
        *,
        tell: Callable[[str], None],
        log: EventLog,
        webhooks: WebhookParser | None = None,
        complained: Callable[[], None] = lambda: None,
        sender: SenderName = lambda _file, domain: domain,
        logo: Logo | None = None,
    ) -> None:
        self._ledger, self._signer, self._webhooks = ledger, signer, webhooks
        self._tell, self._log, self._complained = tell, log, complained
        self._writer = EventWriter(self._ingest)
        self._health = Health(self._read_nothing, self._writer.trouble)
        self._budget, self._parsers = BodyBudget(), CapacityLimiter(_PARSERS)
        self._sender, self._logo = sender, logo
        self._pages = Pages(has_logo=logo is not None)
        self._unsubscribed = PlainTextResponse("You are unsubscribed.\n")
        # Generous: the proxies of large mail providers open links for very many subscribers.
        self._visits = RateLimit(rate=100, burst=1_000)
        self._misses = RateLimit(rate=1, burst=30)
        self._sentences = RateLimit(rate=1 / 60, burst=1, clients=100)

    def application(self, access_log: AccessLog, *, prefix: str = "") -> ASGIApp:
        """The ASGI application; `prefix` is the URL path under which it is published."""
        app = Starlette(
            routes=[
                Route("/u/{token}", self.unsubscribe, methods=["GET", "POST"]),
                Route("/p/{token}", self.preferences, methods=["GET", "POST"]),
                Route("/events/{provider}", self.webhook, methods=["POST"]),
                Route("/health", self.health),
                Route("/logo", self.logo),
            ],
            exception_handlers={
                404: self._not_found,
                WebhookError: self._refused,
                LedgerError: self._not_recorded,
            },
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False
        one_click = OneClick(app, signer=self._signer, answer=self._one_click)
        return SecurityMiddleware(
            one_click, access_log=access_log, policy=self._pages.content_policy, prefix=prefix
        )

    async def unsubscribe(self, request: Request) -> Response:
        """The page of one list, and one-click requests."""
        return await self._answer(request, self._pages.unsubscribe)

    async def preferences(self, request: Request) -> Response:
        """The page of all lists."""
        return await self._answer(request, self._pages.preferences)

    async def logo(self, request: Request) -> Response:
        """The sender's logo."""
        if self._logo is None:
            return await self._not_found(request)
        kept = {"cache-control": "public, max-age=3600"}
        return Response(self._logo.octets, headers=kept, media_type=self._logo.media_type)

    async def webhook(self, request: Request) -> Response:
        """Events of a provider, durable before the answer of 200; after any other it tries again."""
        if self._webhooks is None:
            return await self._not_found(request)
        most = self._webhooks.most_octets(request.path_params["provider"], dict(request.headers))
        with self._budget.account(_client(request)) as account:
            body = await read_body(request, most, account)
            events = await to_thread.run_sync(self._parse, request, body, limiter=self._parsers)
        if events:
            await self._writer.record(events)
        return Response()

    def _parse(self, request: Request, body: bytes) -> list[InboundEvent]:
        assert self._webhooks is not None  # noqa: S101
        provider, headers = request.path_params["provider"], dict(request.headers)
        return self._webhooks.parse(provider, headers, body, now=self._ledger.now())

    async def health(self, request: Request) -> Response:
        """200 if a click could be recorded now, else 503."""
        if problem := await self._health.problem():
            self._tell_seldom(problem)
            return JSONResponse({"status": "the ledger does not answer"}, 503)
        return JSONResponse({"status": "ok"})

    def _read_nothing(self) -> None:
        with self._ledger.database.read():
            pass  # fails where the ledger is unreachable, or was replaced

    def _ingest(self, events: Sequence[InboundEvent]) -> list[IngestResult]:
        """Make a batch durable and log it; a log that cannot be written does not undo what is recorded."""
        started = time.perf_counter()
        try:
            results = self._ledger.inbound_events.ingest(events)
        except LedgerError as error:
            with suppress(OSError):
                self._log.not_taken_in(len(events), str(error))
            raise
        with suppress(OSError):
            self._log.taken_in(Counter(results), (time.perf_counter() - started) * 1000)
        if any(event.kind is EventKind.COMPLAINED for event in events):
            self._complained()
        return results

    async def _answer(self, request: Request, show: Show) -> Response:
        token = request.path_params["token"]
        delivery = self._signer.number(UNSUBSCRIBE, token)
        if delivery is None:
            return await self._not_found(request)
        form = None
        if request.method == "POST":
            with self._budget.account(_client(request)) as account:
                body = await read_body(request, FORM_BYTES, account)
            if MARK in body:
                return await self._one_click(request, delivery)
            form = form_request(body)
        # An unsubscribe request is never rate-limited.
        leaves = form is not None and form.kind is EventKind.UNSUBSCRIBED
        if not leaves and not self._visits.admits(_client(request), time.monotonic()):
            return self._try_later(request, 429)
        preferences = await self._apply(delivery, form)
        if preferences is None:
            return await self._not_found(request)
        return HTMLResponse(show(preferences, token, _language(request), form.kind if form else None))

    async def _one_click(self, request: Request, delivery: int) -> Response:
        """A mail program's own request: its answer is not read, and it is never rate-limited."""
        try:
            known = await self._record(delivery, FormRequest(EventKind.UNSUBSCRIBED))
        except LedgerError as error:
            return await self._not_recorded(request, error)
        return self._unsubscribed if known else await self._not_found(request)

    async def _apply(self, delivery: int, form: FormRequest | None) -> Preferences | None:
        """Record the request and return the preferences after it; None for an unknown delivery or list."""
        if is_test(delivery):
            return preferences_of_test(form.kind if form else None, form.list_key if form else "")
        if form is not None:
            if form.list_key not in ("", ALL):  # only a list that stands on the page
                known = await run_in_threadpool(preferences_of, self._ledger, delivery, self._sender)
                if known is None or not known.has(form.list_key):
                    return None
            if not await self._record(delivery, form):
                return None
        return await run_in_threadpool(preferences_of, self._ledger, delivery, self._sender)

    async def _record(self, delivery: int, request: FormRequest) -> bool:
        """Make a request durable; False for an unknown delivery."""
        event = InboundEvent(kind=request.kind, source="web", delivery=delivery, list_key=request.list_key)
        (result,) = await self._writer.record([event])
        if result is IngestResult.UNKNOWN:
            self._tell("a genuine link names a message that this ledger does not know: is it an older copy?")
        return result is not IngestResult.UNKNOWN

    async def _not_found(self, request: Request, error: Exception | None = None) -> Response:
        """404: the same answer for a forged link, a damaged one, and an unknown path."""
        if not self._misses.admits(_client(request), time.monotonic()):
            return self._try_later(request, 429)
        return HTMLResponse(self._pages.not_found(_language(request)), 404)

    async def _not_recorded(self, request: Request, error: Exception) -> Response:
        self._tell_seldom(str(error))
        return self._try_later(request, 503)

    def _tell_seldom(self, sentence: str) -> None:
        """Tell the operator, once a minute however many requests meet the same."""
        if self._sentences.admits(sentence, time.monotonic()):
            self._tell(sentence)

    async def _refused(self, request: Request, error: Exception) -> Response:
        """A webhook that is not authenticated or cannot be parsed; rate-limited like a forged link."""
        assert isinstance(error, WebhookError)  # noqa: S101
        if error.status == 404 or not self._misses.admits(_client(request), time.monotonic()):
            return await self._not_found(request)
        self._tell(f"a webhook was refused: {error}")
        headers = {"www-authenticate": 'Basic realm="events"'} if error.status == 401 else None
        return PlainTextResponse(f"{error}\n", error.status, headers)

    def _try_later(self, request: Request, status: int) -> Response:
        return HTMLResponse(self._pages.try_later(_language(request)), status, {"retry-after": "120"})

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self._writer.close()


def form_request(body: bytes) -> FormRequest:
    """The request of a form of ours; anything else asks to unsubscribe from the link's own list."""
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    if BACK in form:
        return FormRequest(EventKind.RESUBSCRIBED, form[BACK][0])
    return FormRequest(EventKind.UNSUBSCRIBED, form.get(LEAVE, [""])[0])


def _client(request: Request) -> str:
    return client_key(request.client.host if request.client else "")


def _language(request: Request) -> str:
    return preferred(request.headers.get("accept-language", ""))
