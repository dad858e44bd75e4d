"""The addresses of the public server, and what each answers.

    POST /u/TOKEN    one click (RFC 8058): the person is off the list, durably, before the answer of 200
    GET  /u/TOKEN    a page with one button; changes nothing, because mail scanners open every link
    /p/TOKEN         the same for all lists of the project
    POST /events/X   what provider X reports of messages
    GET  /health     whether clicks can be recorded

A POST to a genuine link takes its person off the list whatever its body is, unless it is the form of
our own page that asks for something else: no mail program's idea of the body can make a click vain.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mailrunner.errors import LedgerError
from mailrunner.inbound import EventKind, InboundEvent, IngestResult
from mailrunner.inbound.webhook_auth import WebhookError
from mailrunner.model.inbound_event import ALL
from mailrunner.model.tokens import UNSUBSCRIBE
from mailrunner.store.inbound_events import is_test
from mailrunner.web.access_log import AccessLog
from mailrunner.web.batch_writer import BatchWriter
from mailrunner.web.middleware import SecurityMiddleware
from mailrunner.web.one_click import MARK, OneClick
from mailrunner.web.pages import BACK, LEAVE, Pages
from mailrunner.web.preferences import Preferences, preferences_of, preferences_of_test
from mailrunner.web.rate_limit import RateLimit, client_key
from mailrunner.web.translations import preferred

if TYPE_CHECKING:
    from mailrunner.event_log import EventLog
    from mailrunner.inbound.webhooks import WebhookParser
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.store import Ledger

FORM_BYTES = 8_192
EVENT_BYTES = 4_194_304
BODY_SECONDS = 20
Show = Callable[[Preferences, str, str, EventKind | None], str]


@dataclass(frozen=True, slots=True)
class FormRequest:
    """What a person asks for: to leave or to come back; `list_key` as in a Fact."""

    kind: EventKind
    list_key: str = ""


class Site:
    """The public pages of one ledger.

    `tell` is where an operator reads what went wrong, `log` where a program does; `events` reads what
    providers post, if they may.
    """

    def __init__(
        self,
        ledger: Ledger,
        signer: TokenSigner,
        *,
        tell: Callable[[str], None],
        log: EventLog,
        events: WebhookParser | None = None,
    ) -> None:
        self._ledger, self._signer, self._events = ledger, signer, events
        self._tell, self._log = tell, log
        self._recorder = BatchWriter(self._receive)
        self._pages = Pages()
        self._left = PlainTextResponse("You are off the list.\n")
        # Generous: the proxies of large mail providers open links for very many people.
        self._visits = RateLimit(rate=100, burst=1_000)
        self._misses = RateLimit(rate=1, burst=30)

    def application(self, register: AccessLog, *, prefix: str = "") -> ASGIApp:
        """The ASGI application; `register` notes every answer, `prefix` is the path it is published under."""
        app = Starlette(
            routes=[
                Route("/u/{token}", self.leave, methods=["GET", "POST"]),
                Route("/p/{token}", self.prefer, methods=["GET", "POST"]),
                Route("/events/{provider}", self.report, methods=["POST"]),
                Route("/health", self.health),
            ],
            exception_handlers={
                404: self._nothing,
                WebhookError: self._not_believed,
                LedgerError: self._not_recorded,
            },
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False
        quick = OneClick(app, signer=self._signer, answer=self._one_click)
        return SecurityMiddleware(quick, register=register, style_hash=self._pages.style_hash, prefix=prefix)

    async def leave(self, request: Request) -> Response:
        """The page of one list, and one click."""
        return await self._answer(request, self._pages.leaving)

    async def prefer(self, request: Request) -> Response:
        """The page of all lists."""
        return await self._answer(request, self._pages.preferences)

    async def report(self, request: Request) -> Response:
        """Events of a provider, durable before the answer of 200; it tries again after any other."""
        if self._events is None:
            return await self._nothing(request)
        body = await read_body(request, EVENT_BYTES)
        facts = await run_in_threadpool(self._facts, request, body)
        if facts:
            await self._recorder.record(facts)
        return Response()

    def _facts(self, request: Request, body: bytes) -> list[InboundEvent]:
        assert self._events is not None  # noqa: S101
        provider, headers = request.path_params["provider"], dict(request.headers)
        return self._events.parse(provider, headers, body, now=self._ledger.now())

    async def health(self, request: Request) -> Response:
        """Whether a click could be recorded now."""
        try:
            await run_in_threadpool(self._write_nothing)
        except LedgerError as error:
            self._tell(str(error))
            return JSONResponse({"status": "the ledger does not answer"}, 503)
        return JSONResponse({"status": "ok"})

    def _write_nothing(self) -> None:
        with self._ledger.database.write():
            pass  # it finds a ledger that is locked, read-only, away, or was replaced

    def _receive(self, facts: Sequence[InboundEvent]) -> list[IngestResult]:
        """Make a group durable and log it; a log that cannot be written does not undo what is recorded."""
        started = time.perf_counter()
        try:
            effects = self._ledger.inbound_events.ingest(facts)
        except LedgerError as error:
            with suppress(OSError):
                self._log.not_taken_in(len(facts), str(error))
            raise
        with suppress(OSError):
            self._log.taken_in(Counter(effects), (time.perf_counter() - started) * 1000)
        return effects

    async def _answer(self, request: Request, show: Show) -> Response:
        token = request.path_params["token"]
        delivery = self._signer.number(UNSUBSCRIBE, token)
        if delivery is None:
            return await self._nothing(request)
        wish = None
        if request.method == "POST":
            body = await read_body(request, FORM_BYTES)
            if MARK in body:
                return await self._one_click(request, delivery)
            wish = form_request(body)
        leaves = wish is not None and wish.kind is EventKind.UNSUBSCRIBED  # who says no is heard at once
        if not leaves and not self._visits.admits(_client(request), time.monotonic()):
            return self._later(request, 429)
        choices = await self._grant(delivery, wish)
        if choices is None:
            return await self._nothing(request)
        return HTMLResponse(show(choices, token, _language(request), wish.kind if wish else None))

    async def _one_click(self, request: Request, delivery: int) -> Response:
        """A mail program's own click: nobody reads the answer, and it is never throttled."""
        try:
            known = await self._record(delivery, FormRequest(EventKind.UNSUBSCRIBED))
        except LedgerError as error:
            return await self._not_recorded(request, error)
        return self._left if known else await self._nothing(request)

    async def _grant(self, delivery: int, wish: FormRequest | None) -> Preferences | None:
        """Do what is asked for and return what is open now; None where the ledger knows no such thing."""
        if is_test(delivery):
            return preferences_of_test(wish.kind if wish else None, wish.list_key if wish else "")
        if wish is not None:
            if wish.list_key not in ("", ALL):  # only a list that stands on the page
                known = await run_in_threadpool(preferences_of, self._ledger, delivery)
                if known is None or not known.knows(wish.list_key):
                    return None
            if not await self._record(delivery, wish):
                return None
        return await run_in_threadpool(preferences_of, self._ledger, delivery)

    async def _record(self, delivery: int, wish: FormRequest) -> bool:
        """Make it durable; False where the ledger knows no such delivery."""
        fact = InboundEvent(kind=wish.kind, source="web", delivery=delivery, list_key=wish.list_key)
        (effect,) = await self._recorder.record([fact])
        if effect is IngestResult.UNKNOWN:
            self._tell("a genuine link names a message that this ledger does not know: is it an older copy?")
        return effect is not IngestResult.UNKNOWN

    async def _nothing(self, request: Request, error: Exception | None = None) -> Response:
        """The same answer for a forged link, a damaged one, and a path that leads nowhere."""
        if not self._misses.admits(_client(request), time.monotonic()):
            return self._later(request, 429)
        return HTMLResponse(self._pages.nothing(_language(request)), 404)

    async def _not_recorded(self, request: Request, error: Exception) -> Response:
        self._tell(str(error))
        return self._later(request, 503)

    async def _not_believed(self, request: Request, error: Exception) -> Response:
        """An event that proves nothing, or cannot be read; who guesses is slowed down like any other."""
        assert isinstance(error, WebhookError)  # noqa: S101
        if error.status == 404 or not self._misses.admits(_client(request), time.monotonic()):
            return await self._nothing(request)
        self._tell(f"an event was not taken: {error}")
        wanted = {"www-authenticate": 'Basic realm="events"'} if error.status == 401 else None
        return PlainTextResponse(f"{error}\n", error.status, wanted)

    def _later(self, request: Request, status: int) -> Response:
        return HTMLResponse(self._pages.later(_language(request)), status, {"retry-after": "120"})

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self._recorder.close()


def form_request(body: bytes) -> FormRequest:
    """What a form of ours asks for; anything else asks to leave the link's own list."""
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    if BACK in form:
        return FormRequest(EventKind.RESUBSCRIBED, form[BACK][0])
    return FormRequest(EventKind.UNSUBSCRIBED, form.get(LEAVE, [""])[0])


async def read_body(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes; raises HTTPException 413, or 408 and 400 where it does not come."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)


def _client(request: Request) -> str:
    return client_key(request.client.host if request.client else "")


def _language(request: Request) -> str:
    return preferred(request.headers.get("accept-language", ""))
